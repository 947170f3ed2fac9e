"""The shipped course: which scenarios and labs there are, in order, and in which languages."""

import locale
import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from engine.lab.loader import load_lab, parse_lab
from engine.lab.schema import Lab, LabError
from engine.scenario.loader import load_scenario
from engine.scenario.schema import Scenario, ScenarioError

LANGUAGES = ("en", "ko")


@attrs.frozen(kw_only=True)
class Entry:
    """One scenario or lab of the course.

    Attributes:
        chapter: the title of the chapter it belongs to.
        runs_on: "simulated", or "podman" if it plays on real containers as well.
    """

    id: str
    kind: str
    chapter: str
    title: str
    summary: str
    minutes: int
    level: str
    runs_on: str = "simulated"


def language(wanted: str = "") -> str:
    """The language to show: *wanted*, else the locale's, else English.

    Raises:
        ScenarioError: *wanted* is a language that the course is not in.
    """
    if wanted:
        found = wanted.replace("-", "_").split("_")[0].lower()
        if found not in LANGUAGES:
            raise ScenarioError(f'--lang "{wanted}": the course is in {" and ".join(LANGUAGES)}')
        return found
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        given = os.environ.get(name, "")
        if given:
            return "ko" if given.lower().startswith("ko") else "en"
    return "ko" if (locale.getlocale()[0] or "").lower().startswith("ko") else "en"


def entries(kind: str, lang: str = "en") -> list[Entry]:
    """The course's scenarios or labs in order, with titles in *lang*."""
    index = tomllib.loads(_folder().joinpath("course.toml").read_text(encoding="utf-8"))
    found = []
    for chapter in index["chapter"]:
        name = chapter.get(f"title_{lang}") or chapter["title"]
        for entry in chapter.get(kind, ()):
            data = tomllib.loads(_file(kind, entry["id"]).read_text(encoding="utf-8"))
            words = translation(kind, entry["id"], lang) or {}
            found.append(
                Entry(
                    id=entry["id"],
                    kind=kind,
                    chapter=name,
                    title=words.get("title", data["title"]),
                    summary=words.get("summary", data.get("summary", "")).strip(),
                    minutes=entry.get("minutes", data.get("minutes", 5)),
                    level=entry.get("level", data.get("level", "beginner")),
                    runs_on="podman" if entry.get("real") else "simulated",
                )
            )
    return found


def translation(kind: str, name: str, lang: str) -> Mapping[str, Any] | None:
    """The words of a scenario or lab in *lang*; None where there are none."""
    return _beside(_file(kind, name), lang)


def _beside(file: Path, lang: str) -> Mapping[str, Any] | None:
    words = file.with_suffix(f".{lang}.toml")
    if lang == "en" or not words.is_file():
        return None
    try:
        return tomllib.loads(words.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{words}: not TOML: {error}") from error


def find_lab(name: str, *, learner: str, lang: str = "en") -> Lab:
    """The lab *name* of the course, or in the file of that name.

    Raises:
        LabError: there is none, or it is not one.
    """
    if _is_path(name):
        return load_lab(name, learner=learner, translation=_beside(Path(name), lang))
    file = _file("lab", name)
    if not file.is_file():
        known = ", ".join(entry.id for entry in entries("lab"))
        raise LabError(f'there is no lab "{name}", nor a file of that name; there are {known}')
    return parse_lab(
        file.read_text(encoding="utf-8"),
        name=str(file),
        learner=learner,
        translation=translation("lab", name, lang),
    )


def find_scenario(
    name: str, *, lang: str = "en", variables: Mapping[str, str] | None = None
) -> Scenario:
    """The scenario *name* of the course, or in the file of that name.

    Raises:
        ScenarioError: there is none, or it is not one.
    """
    return load_scenario(scenario_file(name), variables=variables, language=lang)


def scenario_file(name: str) -> Path:
    """Where the scenario *name* of the course lies, or the file of that name.

    Raises:
        ScenarioError: there is none.
    """
    if _is_path(name):
        return Path(name)
    file = _file("scenario", name)
    if not file.is_file():
        known = ", ".join(entry.id for entry in entries("scenario"))
        raise ScenarioError(f'there is no scenario "{name}", nor such a file; there are {known}')
    return file


def course_files() -> list[Path]:
    """The index of the course and all that lies beside it, in order of names."""
    return sorted(_folder().glob("*.toml"))


def _is_path(name: str) -> bool:
    return name.endswith(".toml") or "/" in name or Path(name).is_file()


def _file(kind: str, name: str) -> Path:
    suffix = ".lab.toml" if kind == "lab" else ".toml"
    return _folder().joinpath(f"{name}{suffix}")


def _folder() -> Path:
    return Path(str(resources.files("scenarios")))

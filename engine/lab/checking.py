"""What kind of file of a course a file is, and what is wrong with it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.lab.loader import load_lab
from engine.lab.schema import FORMAT as LAB_FORMAT
from engine.lab.schema import LEVELS
from engine.scenario.loader import load_scenario
from engine.scenario.positions import Path as Place
from engine.scenario.positions import line_at, lines_of
from engine.scenario.schema import ScenarioError
from engine.scenario.structure import suggestion

_TRANSLATION = re.compile(r"(?P<base>.+)\.(?P<language>[a-z]{2})\.toml")
_SCENARIO_WORDS = ("title", "summary", "step")
_STEP_WORDS = ("title", "text", "say", "checks")
_LAB_WORDS = ("title", "summary", "objectives", "task")
_TASK_WORDS = ("title", "text", "why", "solution", "hint", "say")
_ENTRY_KEYS = ("id", "minutes", "level", "real")


def checked(file: Path, *, variables: Mapping[str, str] | None = None) -> str:
    """What *file* is, in words, once nothing is wrong with it.

    It may be a scenario, a lab, a translation beside one of them (``name.ko.toml``), or the index
    of a course, with all that it names.

    Raises:
        ScenarioError: it cannot be read or has mistakes; each is told with file and line.
    """
    data = _read(file)
    if "format" not in data:
        found = _TRANSLATION.fullmatch(file.name)
        base = file.with_name(f"{found['base']}.toml") if found is not None else None
        if base is not None and base.is_file():
            return _translation(file, data, base)
        if "chapter" in data:
            return _index(file, data)
    if data.get("format") == LAB_FORMAT:
        return f"a lab with {len(load_lab(file).task)} tasks, nothing wrong"
    steps = load_scenario(file, variables=variables).step
    return f"a scenario with {len(steps)} steps, nothing wrong"


def _read(file: Path) -> dict[str, Any]:
    """The file's data; nothing where the loaders say better what is wrong."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _refuse(file: Path, mistakes: Iterator[tuple[Place, str]]) -> None:
    lines = lines_of(file.read_text(encoding="utf-8"))
    found = [
        f"{file}:{line_at(lines, place)}: {'.'.join(map(str, place))}: {message}"
        for place, message in sorted(mistakes, key=lambda mistake: line_at(lines, mistake[0]))
    ]
    if found:
        raise ScenarioError("\n".join(found))


def _translation(file: Path, words: dict[str, Any], base: Path) -> str:
    original = _read(base)
    is_lab = original.get("format") == LAB_FORMAT
    key = "task" if is_lab else "step"
    _refuse(file, _translation_mistakes(words, list(_parts(original.get(key))), is_lab=is_lab))
    return f"a translation of {base.name}, {len(words.get(key, ()))} {key}s, nothing wrong"


def _parts(found: Any) -> Iterator[dict[str, Any]]:
    """The steps or tasks of a file, those inside of others too."""
    for part in found if isinstance(found, list) else ():
        if isinstance(part, dict):
            yield part
            yield from _parts(part.get("steps"))


def _translation_mistakes(
    words: dict[str, Any], parts: list[dict[str, Any]], *, is_lab: bool
) -> Iterator[tuple[Place, str]]:
    key = "task" if is_lab else "step"
    yield from _unknown((), words, _LAB_WORDS if is_lab else _SCENARIO_WORDS)
    known = {str(part["id"]): part for part in parts if "id" in part}
    for name, found in dict(words.get(key, {})).items():
        if name not in known:
            hint = suggestion(name, known)
            yield (key, name), f'the original has no {key} with the id "{name}"{hint}'
            continue
        if not isinstance(found, dict):
            yield (key, name), "must be a table of words"
            continue
        yield from _unknown((key, name), found, _TASK_WORDS if is_lab else _STEP_WORDS)
        said = [c for list_ in ("check", "checks", "fail") for c in known[name].get(list_, ())]
        told = sum(isinstance(claim, dict) and "say" in claim for claim in said)
        for words_key, there in (
            ("say" if is_lab else "checks", told),
            ("hint", len(known[name].get("hint", ()))),
        ):
            given = found.get(words_key, ())
            if isinstance(given, list) and len(given) > there:
                yield (
                    (key, name, words_key),
                    f"has {len(given)} texts, but the original has {there}",
                )


def _unknown(
    place: Place, found: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[tuple[Place, str]]:
    for key in found:
        if key not in known:
            yield (*place, key), f"is not a key here; one of {', '.join(known)}"


def _index(file: Path, data: dict[str, Any]) -> str:
    _refuse(file, _index_mistakes(data, file.parent))
    counts = {
        kind: sum(len(chapter.get(kind, ())) for chapter in data["chapter"])
        for kind in ("scenario", "lab")
    }
    return (
        f"a course of {len(data['chapter'])} chapters, {counts['scenario']} scenarios and"
        f" {counts['lab']} labs, nothing wrong"
    )


def _index_mistakes(data: dict[str, Any], folder: Path) -> Iterator[tuple[Place, str]]:
    for number, chapter in enumerate(data["chapter"]):
        place: Place = ("chapter", number)
        if "title" not in chapter:
            yield place, "title is missing"
        for key in chapter:
            if key not in ("scenario", "lab") and key.partition("_")[0] != "title":
                yield (
                    (*place, key),
                    "is not a key here; one of title, title_LANGUAGE, scenario, lab",
                )
        for kind, suffix in (("scenario", ".toml"), ("lab", ".lab.toml")):
            for index, entry in enumerate(chapter.get(kind, ())):
                at: Place = (*place, kind, index)
                yield from _unknown(at, entry, _ENTRY_KEYS)
                if not (folder / f"{entry.get('id')}{suffix}").is_file():
                    yield at, f"there is no file {entry.get('id')}{suffix} beside the index"
                if entry.get("level", "beginner") not in LEVELS:
                    yield at, f"level must be one of {', '.join(LEVELS)}, not {entry['level']!r}"

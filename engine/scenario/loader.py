"""TOML in, `Scenario` out. Every mistake is reported with file and line, all of them at once."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cattrs import ClassValidationError

from engine.scenario.check import mistakes_in
from engine.scenario.duration import seconds
from engine.scenario.positions import Path as Place
from engine.scenario.positions import line_at, lines_of
from engine.scenario.schema import FORMAT, Scenario, ScenarioError
from engine.scenario.structure import mistakes_of, structure
from engine.scenario.words import VariableError, fill, in_language, translated, values_of

__all__ = ["load_scenario", "parse_scenario", "seconds", "structure"]


def load_scenario(
    path: Path | str, *, variables: Mapping[str, str] | None = None, language: str = "en"
) -> Scenario:
    """The scenario in the file *path*, with *variables* as given and its prose in *language*.

    A translation is found in the file itself or beside it: ``name.ko.toml`` for ``name.toml``.

    Raises:
        ScenarioError: the file cannot be read or is not a scenario; all mistakes are listed.
    """
    file = Path(path)
    beside = file.with_suffix(f".{language}.toml")
    words: dict[str, Any] = {}
    if language != "en" and beside.is_file():
        words = _toml(_read(beside), str(beside))
    return parse_scenario(
        _read(file), name=str(file), variables=variables, language=language, words=words
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file}: cannot be read: it is not UTF-8 text") from error


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        why = str(error).partition(" (at ")[0]
        raise ScenarioError(f"{name}:{line}: not TOML: {why}") from error


def parse_scenario(
    text: str,
    *,
    name: str = "scenario",
    variables: Mapping[str, str] | None = None,
    language: str = "en",
    words: Mapping[str, Any] | None = None,
) -> Scenario:
    """The scenario in a TOML text; *name* is what messages call it.

    Raises:
        ScenarioError: see `load_scenario`.
    """
    data = _toml(text, name)
    lines = lines_of(text)

    def at(place: Place, message: str) -> str:
        return f"{name}:{line_at(lines, place)}: {_place(place, data)}{message}"

    if data.get("format") != FORMAT:
        found = data.get("format")
        said = "is missing; write" if found is None else f"is {found!r}; it must be"
        raise ScenarioError(at(("format",), f'{said} "{FORMAT}"'))
    declared = data.pop("vars", {})
    own_words = data.pop("translation", {}).get(language, {})
    try:
        values = values_of(declared, variables or {})
        data = fill(in_language(data, language), values)
        data = translated(data, fill({**(words or {}), **own_words}, values))
    except VariableError as error:
        raise ScenarioError(at(error.path, str(error))) from error
    try:
        scenario: Scenario = structure({**data, "vars": values}, Scenario)
    except ClassValidationError as error:
        mistakes = list(mistakes_of(error))
    else:
        mistakes = list(mistakes_in(scenario))
    if mistakes:
        mistakes.sort(key=lambda found: line_at(lines, found[0]))
        raise ScenarioError("\n".join(at(place, message) for place, message in mistakes))
    return scenario


def _place(path: Place, data: Any) -> str:
    """Where *path* is, in words: ``step 3 (up): until.op: ``."""
    words: list[str] = []
    here: Any = data
    names = ""
    for part in path:
        if isinstance(part, int):
            item = here[part] if isinstance(here, list) and part < len(here) else None
            key = item.get("id") or item.get("name") if isinstance(item, dict) else None
            words.append(f"{names} {part + 1}" + (f" ({key})" if isinstance(key, str) else ""))
            names, here = "", item
        else:
            names = f"{names}.{part}" if names else part
            here = here.get(part) if isinstance(here, dict) else None
    return "".join(f"{word}: " for word in [*words, *([names] if names else [])])

"""A file before it is read as a scenario: variables filled in, prose in one language."""

import re
from collections.abc import Mapping
from typing import Any

from engine.scenario.positions import Path
from engine.scenario.schema import ScenarioError
from engine.scenario.structure import suggestion

_PLACE = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
PROSE = frozenset(("title", "summary", "text", "say", "objectives"))
"""Keys whose value may be a table of languages: ``{en = "…", ko = "…"}``."""


class VariableError(ScenarioError):
    """A variable that cannot be filled in; *path* is where it is used."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def values_of(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The value of each variable: as given on the command line, else as the file says.

    Raises:
        VariableError: an unknown name, a value of another type, or variables that need each other.
    """
    for name in given:
        if name not in declared:
            raise VariableError((), f'there is no variable "{name}"{suggestion(name, declared)}')
    raw = {
        name: _typed(name, given[name], default) if name in given else default
        for name, default in declared.items()
    }
    done: dict[str, Any] = {}

    def resolve(name: str, chain: tuple[str, ...]) -> Any:
        if name in chain:
            circle = " -> ".join((*chain[chain.index(name) :], name))
            raise VariableError(("vars", name), f"variables need each other in a circle: {circle}")
        if name not in done:
            value = raw[name]
            needed = _PLACE.findall(value) if isinstance(value, str) else []
            for other in needed:
                if other in raw:
                    resolve(other, (*chain, name))
            done[name] = fill(value, done, ("vars", name))
        return done[name]

    for name in raw:
        resolve(name, ())
    return done


def _typed(name: str, text: str, default: Any) -> Any:
    try:
        match default:
            case bool():
                return {"true": True, "false": False}[text.lower()]
            case int():
                return int(text)
            case float():
                return float(text)
            case _:
                return text
    except (ValueError, KeyError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        message = f'variable "{name}" is {kind}, not "{text}"'
        raise VariableError(("vars", name), message) from None


def fill(data: Any, values: Mapping[str, Any], path: Path = ()) -> Any:
    """*data* with ``${name}`` replaced; text that is nothing but a variable takes its type.

    Raises:
        VariableError: there is no such variable.
    """
    match data:
        case dict():
            return {key: fill(item, values, (*path, key)) for key, item in data.items()}
        case list():
            return [fill(item, values, (*path, index)) for index, item in enumerate(data)]
        case str():
            return _fill_text(data, values, path)
        case _:
            return data


def _fill_text(text: str, values: Mapping[str, Any], path: Path) -> Any:
    for name in _PLACE.findall(text):
        if name not in values:
            hint = suggestion(name, values) or "; [vars] declares none"
            raise VariableError(path, f'"${{{name}}}": there is no variable "{name}"{hint}')
    whole = _PLACE.fullmatch(text)
    if whole is not None:
        return values[whole[1]]
    return _PLACE.sub(lambda found: str(values[found[1]]), text)


def in_language(data: Any, language: str, key: str = "") -> Any:
    """*data* with tables of languages replaced by the text in *language*, or else in English."""
    match data:
        case dict() if key in PROSE and data and all(_is_language(name) for name in data):
            return data.get(language) or data.get("en") or next(iter(data.values()))
        case dict():
            return {name: in_language(item, language, name) for name, item in data.items()}
        case list():
            return [in_language(item, language, key) for item in data]
        case _:
            return data


def _is_language(name: str) -> bool:
    return re.fullmatch(r"[a-z]{2}", name) is not None


def translated(data: dict[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """*data* with its prose from *words*: title, summary, and by step id title, text and say.

    ``say`` of a step's checks and claims are a list ``checks`` there, in their order.
    """
    out = dict(data) | {key: words[key] for key in ("title", "summary") if key in words}
    by_id = words.get("step", {})
    if isinstance(out.get("step"), list):
        out["step"] = [_step_words(step, by_id) for step in out["step"]]
    return out


def _step_words(step: Any, by_id: Mapping[str, Any]) -> Any:
    if not isinstance(step, dict):
        return step
    found = by_id.get(str(step.get("id")), {})
    new = step | {key: found[key] for key in ("title", "text", "say") if key in found}
    if isinstance(step.get("steps"), list):
        new["steps"] = [_step_words(inner, by_id) for inner in step["steps"]]
    said = iter(found.get("checks", ()))
    if isinstance(step.get("checks"), list):
        new["checks"] = [
            claim | {"say": next(said, claim["say"])}
            if isinstance(claim, dict) and "say" in claim
            else claim
            for claim in step["checks"]
        ]
    return new

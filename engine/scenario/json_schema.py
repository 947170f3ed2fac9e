"""The format as a JSON Schema (draft 2020-12), for editors that check and complete TOML."""

import inspect
import re
import types
import typing
from typing import Any

import attrs

from engine.scenario.schema import FORMAT, Scenario, StepBase
from engine.scenario.steps import STEPS
from engine.scenario.words import PROSE

_ENTRY = re.compile(r"^\s{4,8}(\w+): (.+(?:\n\s{9,}.+)*)", re.MULTILINE)
_VARIABLE = {"type": "string", "pattern": r"\$\{[a-z][a-z0-9_]*\}"}


def json_schema() -> dict[str, Any]:
    """The schema of a scenario file."""
    definitions: dict[str, Any] = {}
    top = _object(Scenario, definitions)
    top["properties"]["format"] = {"const": FORMAT}
    top["properties"]["vars"] = {
        "type": "object",
        "description": "Values that ${name} stands for; --var name=value changes them.",
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    }
    top["properties"]["translation"] = {
        "type": "object",
        "description": "The prose in other languages: title, summary, step.ID.title, text, say.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kubarium scenario",
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    text = inspect.getdoc(cls) or ""
    described = {key: " ".join(words.split()) for key, words in _ENTRY.findall(text)}
    hints = typing.get_type_hints(cls)
    properties: dict[str, Any] = {}
    required = []
    for field in attrs.fields(cls):
        name = field.name.rstrip("_")
        schema = _type(hints[field.name], definitions)
        if name in PROSE and schema.get("type") == "string":
            by_language = {"type": "object", "patternProperties": {"^[a-z]{2}$": schema}}
            schema = {"anyOf": [schema, by_language]}
        if name in described:
            schema = {**schema, "description": described[name]}
        if field.default is attrs.NOTHING:
            required.append(name)
        elif isinstance(field.default, str | int | float | bool) and field.default != "":
            schema = {**schema, "default": field.default}
        properties[name] = schema
    return {
        "type": "object",
        "description": text.partition("\n")[0],
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is StepBase:
        return _step(definitions)
    if attrs.has(hint):
        name = hint.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        kinds = [_type(item, definitions) for item in arguments if item is not type(None)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object"}
    if hint is str:
        return {"type": "string"}
    plain = {int: "integer", float: "number", bool: "boolean"}.get(hint)
    return {} if plain is None else {"anyOf": [{"type": plain}, _VARIABLE]}


def _step(definitions: dict[str, Any]) -> dict[str, Any]:
    if "Step" not in definitions:
        definitions["Step"] = {}
        choices = []
        for word, cls in STEPS.items():
            made = _object(cls, definitions)
            made["properties"]["do"] = {"const": word}
            definitions[cls.__name__] = made
            choices.append({"$ref": f"#/$defs/{cls.__name__}"})
        definitions["Step"] = {
            "type": "object",
            "required": ["do"],
            "properties": {"do": {"enum": list(STEPS)}},
            "oneOf": choices,
        }
    return {"$ref": "#/$defs/Step"}

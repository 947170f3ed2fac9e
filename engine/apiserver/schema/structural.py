"""Values against the schema of a CustomResourceDefinition: what is not allowed, what is filled in.

Knows OpenAPI's value rules; which fields exist at all, and their types, is for the checker to say.

Source: apiextensions-apiserver pkg/apiserver/validation and schema/defaulting, kubernetes v1.34.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.errors import Cause
from engine.apiserver.jsonvalue import identity, same

Schema = Mapping[str, Any]
Rule = Callable[[Any, Schema, str], Iterator[Cause]]

_IS_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list | tuple),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def validate(value: Any, schema: Schema, path: str = "") -> list[Cause]:
    """Every rule of *schema* that *value* breaks, with the words kube-apiserver uses."""
    return list(_validate(value, schema, path))


def with_defaults(value: Any, schema: Schema) -> Any:
    """*value* with the schema's defaults where nothing is said; *value* itself stays as it is."""
    if isinstance(value, dict):
        filled = dict(value)
        for name, part in schema.get("properties", {}).items():
            said = filled.get(name)
            if said is None and "default" in part and not (name in filled and _is_nullable(part)):
                filled[name] = said = thaw(part["default"])
            if said is not None:
                filled[name] = with_defaults(said, part)
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping):
            named = schema.get("properties", {})
            for name in [name for name in filled if name not in named]:
                filled[name] = with_defaults(filled[name], extra)
        return filled
    items = schema.get("items")
    if isinstance(value, list | tuple) and isinstance(items, Mapping):
        return [with_defaults(item, items) for item in value]
    return value


def _is_nullable(schema: Schema) -> bool:
    return bool(schema.get("nullable"))


def _validate(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if value is None and (_is_nullable(schema) or not schema.get("type")):
        return
    if not _has_type(value, schema):
        wanted = schema.get("type", "integer,string")
        found = "null" if value is None else _type_of(value)
        yield _invalid(path, found, f"must be of type {wanted}: {json.dumps(found)}")
        return
    for rule in (_enum, _combinations):
        yield from rule(value, schema, path)
    if isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list | tuple):
        yield from _array(value, schema, path)
    elif isinstance(value, str):
        yield from _string(value, schema, path)
    elif not isinstance(value, bool):
        yield from _number(value, schema, path)


def _has_type(value: Any, schema: Schema) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return _IS_TYPE["integer"](value) or isinstance(value, str)
    return _IS_TYPE.get(schema.get("type", ""), lambda _: True)(value)


def _type_of(value: Any) -> str:
    return next(name for name, is_type in _IS_TYPE.items() if is_type(value))


def _enum(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed is not None and not any(same(value, one) for one in allowed):
        listed = ", ".join(json.dumps(one) for one in allowed)
        yield Cause(
            field=path,
            message=f"Unsupported value: {json.dumps(value)}: supported values: {listed}",
            reason="FieldValueNotSupported",
        )


def _combinations(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf", ()):
        yield from _validate(value, part, path)
    if "anyOf" in schema and not any(_fits(value, part, path) for part in schema["anyOf"]):
        yield _invalid(path, value, "must validate at least one schema (anyOf)", place=False)
    if "oneOf" in schema and sum(_fits(value, part, path) for part in schema["oneOf"]) != 1:
        yield _invalid(path, value, "must validate one and only one schema (oneOf)", place=False)
    if "not" in schema and _fits(value, schema["not"], path):
        yield _invalid(path, value, "must not validate the schema (not)", place=False)


def _fits(value: Any, schema: Schema, path: str) -> bool:
    return next(_validate(value, schema, path), None) is None


def _object(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in value:
            place = f"{path}.{name}" if path else name
            yield Cause(field=place, message="Required value", reason="FieldValueRequired")
    if len(value) > schema.get("maxProperties", len(value)):
        yield _too_many(path, len(value), schema["maxProperties"])
    if len(value) < schema.get("minProperties", 0):
        yield _invalid(path, value, f"should have at least {schema['minProperties']} properties")
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for name, part in value.items():
        if name in properties:
            yield from _validate(part, properties[name], f"{path}.{name}" if path else name)
        elif isinstance(extra, Mapping):
            yield from _validate(part, extra, f"{path}.{name}" if path else name)


def _array(value: Sequence[Any], schema: Schema, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxItems", len(value)):
        yield _too_many(path, len(value), schema["maxItems"])
    if len(value) < schema.get("minItems", 0):
        yield _invalid(path, len(value), f"should have at least {schema['minItems']} items")
    keys = schema.get("x-kubernetes-list-map-keys")
    if schema.get("uniqueItems") or schema.get("x-kubernetes-list-type") in ("set", "map"):
        seen = set()
        for index, item in enumerate(value):
            told = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
            if identity(told) in seen:
                yield Cause(
                    field=f"{path}[{index}]",
                    message=f"Duplicate value: {json.dumps(told)}",
                    reason="FieldValueDuplicate",
                )
            seen.add(identity(told))
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            yield from _validate(item, items, f"{path}[{index}]")


def _string(value: str, schema: Schema, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxLength", len(value)):
        limit = schema["maxLength"]
        yield Cause(
            field=path,
            message=f"Too long: may not be more than {limit} bytes",
            reason="FieldValueTooLong",
        )
    if len(value) < schema.get("minLength", 0):
        yield _invalid(path, value, f"should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    if pattern is not None and (compiled := _compiled(pattern)) and not compiled.search(value):
        yield _invalid(path, value, f"should match '{pattern}'")


def _number(value: float, schema: Schema, path: str) -> Iterator[Cause]:
    minimum, maximum = schema.get("minimum"), schema.get("maximum")
    if minimum is not None and value < minimum:
        yield _invalid(path, value, f"should be greater than or equal to {minimum}")
    elif minimum is not None and schema.get("exclusiveMinimum") and value == minimum:
        yield _invalid(path, value, f"should be greater than {minimum}")
    if maximum is not None and value > maximum:
        yield _invalid(path, value, f"should be less than or equal to {maximum}")
    elif maximum is not None and schema.get("exclusiveMaximum") and value == maximum:
        yield _invalid(path, value, f"should be less than {maximum}")
    divisor = schema.get("multipleOf")
    if divisor and abs(value / divisor - round(value / divisor)) > 1e-9:
        yield _invalid(path, value, f"should be a multiple of {divisor}")


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern ready for use; None if it is one of Go's that Python does not read."""
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


def _invalid(path: str, value: Any, rule: str, *, place: bool = True) -> Cause:
    said = f"{path} in body {rule}" if place and path else rule
    return Cause(field=path, message=f"Invalid value: {json.dumps(value)}: {said}")


def _too_many(path: str, found: int, allowed: int) -> Cause:
    return Cause(
        field=path,
        message=f"Too many: {found}: must have at most {allowed} items",
        reason="FieldValueTooMany",
    )

"""Whether the schema in a CustomResourceDefinition is structural, and sound in itself.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation and pkg/apiserver/schema,
kubernetes v1.34.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.customresources.pruning import pruned
from engine.apiserver.errors import Cause
from engine.apiserver.schema.structural import validate
from engine.apiserver.validation import forbidden, invalid, required, unsupported

Schema = Mapping[str, Any]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED = {
    "$ref": "$ref is not supported",
    "additionalItems": "additionalItems is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "id": "id is not supported",
    "patternProperties": "patternProperties is not supported",
}
# What says something of the structure may not stand in the logical junctors.
_STRUCTURE = (
    "additionalProperties", "default", "description", "nullable", "title", "type",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields",
)  # fmt: skip
_INT_OR_STRING = ({"type": "integer"}, {"type": "string"})


def schema_faults(schema: Schema, path: str) -> list[Cause]:
    """All that keeps *schema* from being the schema of a custom resource."""
    causes: list[Cause] = []
    kind = schema.get("type")
    if not kind:
        causes.append(required(f"{path}.type", "must not be empty at the root"))
    elif kind != "object":
        causes.append(invalid(f"{path}.type", kind, "must be object at the root"))
    if schema.get("nullable"):
        causes.append(forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    causes += _metadata_faults(schema, path)
    causes += _faults(schema, path, is_root=True)
    return causes


def _metadata_faults(schema: Schema, path: str) -> list[Cause]:
    metadata = schema.get("properties", {}).get("metadata")
    if metadata is None:
        return []
    allowed = {"type", "properties", "description"}
    named = set(metadata.get("properties", {})) - {"name", "generateName"}
    if named or set(metadata) - allowed:
        return [
            forbidden(
                f"{path}.properties[metadata]",
                "must not specify anything other than name and generateName, but metadata is "
                "implicitly specified",
            )
        ]
    return []


def _faults(schema: Schema, path: str, *, is_root: bool = False) -> Iterator[Cause]:
    for name, message in _UNSUPPORTED.items():
        if schema.get(name):
            yield forbidden(f"{path}.{name}", message)
    if schema.get("uniqueItems"):
        yield forbidden(
            f"{path}.uniqueItems",
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        )
    yield from _type_faults(schema, path)
    yield from _list_faults(schema, path)
    yield from _extension_faults(schema, path)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _compiles(pattern):
        yield invalid(f"{path}.pattern", pattern, "must be a valid regular expression")
    yield from _default_faults(schema, path)
    yield from _junctor_faults(schema, path)
    yield from _inner_faults(schema, path, is_root=is_root)


def _inner_faults(schema: Schema, path: str, *, is_root: bool) -> Iterator[Cause]:
    for name, part in schema.get("properties", {}).items():
        place = f"{path}.properties[{name}]"
        if is_root and name == "metadata":
            continue
        if not _has_type(part):
            yield required(f"{place}.type", "must not be empty for specified object fields")
        yield from _faults(part, place)
    extra = schema.get("additionalProperties")
    if isinstance(extra, Mapping):
        if not _has_type(extra):
            yield required(
                f"{path}.additionalProperties.type",
                "must not be empty for specified object fields",
            )
        yield from _faults(extra, f"{path}.additionalProperties")
    items = schema.get("items")
    if isinstance(items, Mapping):
        if not _has_type(items):
            yield required(f"{path}.items.type", "must not be empty for specified array items")
        yield from _faults(items, f"{path}.items")


def _has_type(schema: Schema) -> bool:
    return bool(
        schema.get("type")
        or schema.get("x-kubernetes-int-or-string")
        or schema.get("x-kubernetes-preserve-unknown-fields")
    )


def _type_faults(schema: Schema, path: str) -> Iterator[Cause]:
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        yield unsupported(f"{path}.type", kind, _TYPES)
    if kind == "array" and "items" not in schema:
        yield required(f"{path}.items", "must be specified")
    extra = schema.get("additionalProperties")
    if extra is False:
        yield forbidden(
            f"{path}.additionalProperties", "additionalProperties cannot be set to false"
        )
    if schema.get("properties") and extra not in (None, False):
        yield forbidden(
            f"{path}.additionalProperties",
            "additionalProperties and properties are mutual exclusive",
        )


def _list_faults(schema: Schema, path: str) -> Iterator[Cause]:
    list_type, keys = (
        schema.get("x-kubernetes-list-type"),
        schema.get("x-kubernetes-list-map-keys") or (),
    )
    if list_type is not None:
        if list_type not in ("atomic", "set", "map"):
            yield unsupported(f"{path}.x-kubernetes-list-type", list_type, ("atomic", "set", "map"))
        if schema.get("type") != "array":
            yield invalid(
                f"{path}.type",
                schema.get("type") or "",
                "must be array if x-kubernetes-list-type is specified",
            )
    if keys and list_type != "map":
        yield invalid(
            f"{path}.x-kubernetes-list-type",
            list_type or "",
            "must be map if x-kubernetes-list-map-keys is non-empty",
        )
    if list_type == "map":
        yield from _key_faults(schema, keys, path)


def _key_faults(schema: Schema, keys: Sequence[str], path: str) -> Iterator[Cause]:
    place = f"{path}.x-kubernetes-list-map-keys"
    if not keys:
        yield required(place, "must not be empty if x-kubernetes-list-type is map")
    items = schema.get("items") or {}
    if items.get("type") != "object":
        yield invalid(
            f"{path}.items.type",
            items.get("type") or "",
            "must be object if parent array's x-kubernetes-list-type is map",
        )
    named = items.get("properties", {})
    for index, key in enumerate(keys):
        if key not in named:
            yield invalid(f"{place}[{index}]", key, "entries must all be names of item properties")
        elif "default" not in named[key] and key not in items.get("required", ()):
            yield required(
                f"{path}.items.properties[{key}].default",
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be "
                "a required property",
            )


def _extension_faults(schema: Schema, path: str) -> Iterator[Cause]:
    map_type = schema.get("x-kubernetes-map-type")
    if map_type is not None:
        if map_type not in ("atomic", "granular"):
            yield unsupported(f"{path}.x-kubernetes-map-type", map_type, ("atomic", "granular"))
        if schema.get("type") != "object":
            yield invalid(
                f"{path}.type",
                schema.get("type") or "",
                "must be object if x-kubernetes-map-type is specified",
            )
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield invalid(
            f"{path}.x-kubernetes-preserve-unknown-fields",
            value=False,
            message="must be true or undefined",
        )
    if schema.get("x-kubernetes-embedded-resource"):
        if schema.get("type") != "object":
            yield invalid(
                f"{path}.type",
                schema.get("type") or "",
                "must be object if x-kubernetes-embedded-resource is true",
            )
        if not schema.get("x-kubernetes-preserve-unknown-fields") and not schema.get("properties"):
            yield required(
                f"{path}.properties",
                "must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields",
            )
    if schema.get("x-kubernetes-int-or-string") and schema.get("type"):
        yield forbidden(f"{path}.type", "must be empty if x-kubernetes-int-or-string is true")


def _default_faults(schema: Schema, path: str) -> Iterator[Cause]:
    if "default" not in schema or not _has_type(schema):
        return
    default = schema["default"]
    if default is None and not schema.get("nullable"):
        yield invalid(f"{path}.default", "null", "must not be null")
        return
    yield from validate(default, schema, f"{path}.default")
    if isinstance(default, dict):
        _, lost = pruned({"value": thaw(default)}, {"properties": {"value": schema}})
        if lost:
            yield invalid(f"{path}.default", "", "must not have unknown fields: " + lost[0])


def _junctor_faults(schema: Schema, path: str) -> Iterator[Cause]:
    for name in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(name) or ()
        if schema.get("x-kubernetes-int-or-string") and _is_int_or_string(name, parts):
            continue
        for index, part in enumerate(parts):
            yield from _value_faults(part, f"{path}.{name}[{index}]")
    if isinstance(schema.get("not"), Mapping):
        yield from _value_faults(schema["not"], f"{path}.not")


def _is_int_or_string(name: str, parts: Any) -> bool:
    if name == "anyOf":
        return tuple(parts) == _INT_OR_STRING
    return name == "allOf" and bool(parts) and tuple(parts[0].get("anyOf", ())) == _INT_OR_STRING


def _value_faults(schema: Schema, path: str) -> Iterator[Cause]:
    for name in _STRUCTURE:
        if schema.get(name):
            yield forbidden(f"{path}.{name}", "must be empty to be structural")
    for name, part in schema.get("properties", {}).items():
        yield from _value_faults(part, f"{path}.properties[{name}]")
    if isinstance(schema.get("items"), Mapping):
        yield from _value_faults(schema["items"], f"{path}.items")
    yield from _junctor_faults(schema, path)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True

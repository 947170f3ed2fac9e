"""The schema as a graph of nodes: what a value may be, how lists and maps merge.

Built lazily from OpenAPI, published or from a CustomResourceDefinition; values are not looked at.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from engine.apiserver.schema.definitions import REF_PREFIX, Definitions, published

Shape = Literal[
    "object", "map", "list", "string", "integer", "number", "boolean", "quantity",
    "int-or-string", "time", "bytes", "any",
]  # fmt: skip

_FORMATS: Mapping[str, Shape] = {
    "quantity": "quantity",
    "int-or-string": "int-or-string",
    "date-time": "time",
    "byte": "bytes",
}
_SCALARS: Mapping[str, Shape] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


@attrs.define(eq=False, kw_only=True)
class Node:
    """One place in a schema.

    ``object`` has named `fields`, ``map`` and ``list`` have an `item`, the rest are leaves. Two
    places that use the same type are two nodes, because the use says how it merges.

    Attributes:
        shape: what kind of value goes here; ``any`` is never looked into.
        name: the definition's name, empty for a nested type without one.
        is_atomic: a list or map that has one owner and is replaced as a whole.
        list_keys: for a list of type ``map``, the fields that tell its items apart.
        is_set: a list of different scalars.
        patch_strategies: ``merge``, ``replace``, ``retainKeys``: how a strategic merge patch
            treats it.
        merge_key: the field that tells items apart in a strategic merge patch.
        required: fields that must be there.
        keeps_unknown: fields the schema does not name are allowed and kept.
    """

    shape: Shape
    name: str = ""
    raw: Mapping[str, Any] = attrs.field(repr=False)
    is_atomic: bool = False
    list_keys: tuple[str, ...] = ()
    is_set: bool = False
    patch_strategies: frozenset[str] = frozenset()
    merge_key: str = ""
    required: tuple[str, ...] = ()
    keeps_unknown: bool = False
    _build: Callable[[Mapping[str, Any]], "Node"] = attrs.field(repr=False)

    @functools.cached_property
    def fields(self) -> dict[str, "Node"]:
        """The nodes of an object's fields by their wire names."""
        return {name: self._build(raw) for name, raw in self.raw.get("properties", {}).items()}

    @functools.cached_property
    def item(self) -> "Node | None":
        """The node of a list's items or a map's values; None if anything goes."""
        raw = self.raw.get("items" if self.shape == "list" else "additionalProperties")
        return self._build(raw) if isinstance(raw, Mapping) else None

    def child(self, field: str) -> "Node | None":
        """The node of a field or key, or None if the schema does not know it."""
        return self.fields.get(field) if self.shape == "object" else self.item


def build(raw: Mapping[str, Any], definitions: Definitions | None = None) -> Node:
    """The node of an OpenAPI schema.

    References are looked up in *definitions*; equal uses of one definition are one node, so that a
    type which contains itself is a finite graph.
    """
    if "$ref" in raw and definitions is not None:
        use = tuple((key, _hashable(raw[key])) for key in sorted(raw) if key.startswith("x-"))
        return _of_definition(raw["$ref"].removeprefix(REF_PREFIX), use, definitions)
    return _node("", raw, raw, definitions)


@functools.cache
def _of_definition(name: str, use: tuple[tuple[str, Any], ...], definitions: Definitions) -> Node:
    raw = definitions.by_name[name]
    return _node(name, raw, {**raw, **dict(use)}, definitions)


def _node(
    name: str, raw: Mapping[str, Any], merged: Mapping[str, Any], definitions: Definitions | None
) -> Node:
    shape = _shape(raw)
    list_type = merged.get("x-kubernetes-list-type", "atomic")
    return Node(
        shape=shape,
        name=name,
        raw=raw,
        is_atomic=_is_atomic(merged, shape),
        list_keys=tuple(merged.get("x-kubernetes-list-map-keys", ())) if list_type == "map" else (),
        is_set=shape == "list" and list_type == "set",
        patch_strategies=frozenset(
            filter(None, merged.get("x-kubernetes-patch-strategy", "").split(","))
        ),
        merge_key=merged.get("x-kubernetes-patch-merge-key", ""),
        required=tuple(raw.get("required", ())),
        keeps_unknown=bool(merged.get("x-kubernetes-preserve-unknown-fields")),
        build=functools.partial(build, definitions=definitions),
    )


@functools.cache
def of_kind(group: str, version: str, kind: str) -> Node | None:
    """The published schema of a kind, or None if there is none; the same node for each call."""
    definitions = published()
    name = definitions.of_kind(group, version, kind)
    return None if name is None else build({"$ref": REF_PREFIX + name}, definitions)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _shape(raw: Mapping[str, Any]) -> Shape:
    if raw.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if raw.get("format") in _FORMATS and raw.get("type") == "string":
        return _FORMATS[raw["format"]]
    match raw.get("type"):
        case "object" if raw.get("properties"):
            return "object"
        case "object" if "additionalProperties" in raw:
            return "map"
        case "array":
            return "list"
        case str(scalar) if scalar in _SCALARS:
            return _SCALARS[scalar]
    return "any"


def _is_atomic(merged: Mapping[str, Any], shape: Shape) -> bool:
    if shape == "list":
        return bool(merged.get("x-kubernetes-list-type", "atomic") == "atomic")
    return bool(merged.get("x-kubernetes-map-type") == "atomic")

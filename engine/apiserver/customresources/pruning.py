"""What a schema does not name goes away: pruning, and the paths of what went.

Source: apiextensions-apiserver pkg/apiserver/schema/pruning and objectmeta, kubernetes v1.34.
"""

import functools
from collections.abc import Mapping
from typing import Any

from engine.apiserver.schema.definitions import REF_PREFIX, published
from engine.apiserver.schema.node import Node, build
from engine.apiserver.schema.path import field, item
from engine.apiserver.schema.reading import prune as prune_by_node

Schema = Mapping[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_IDENTITY = ("apiVersion", "kind", "metadata")


@functools.cache
def metadata_node() -> Node:
    """The schema of every object's metadata."""
    return build({"$ref": REF_PREFIX + _META}, published())


def pruned(value: dict[str, Any], schema: Schema) -> tuple[dict[str, Any], list[str]]:
    """*value*, a whole object, without what *schema* does not name, and the paths of that."""
    lost: list[str] = []
    kept = _object(value, schema, "", lost, is_object=True, keeps=False)
    return kept, lost


def _part(value: Any, schema: Schema | None, path: str, lost: list[str], *, keeps: bool) -> Any:
    if schema is None:
        return value
    if isinstance(value, dict):
        is_object = bool(schema.get("x-kubernetes-embedded-resource"))
        return _object(value, schema, path, lost, is_object=is_object, keeps=keeps)
    items = schema.get("items")
    if isinstance(value, list | tuple) and isinstance(items, Mapping):
        return [
            _part(one, items, item(path, index), lost, keeps=keeps)
            for index, one in enumerate(value)
        ]
    if isinstance(value, list | tuple) and not (keeps or _keeps(schema)):
        # A list where nothing is said of its items: objects in it lose everything.
        return [
            _part(one, {}, item(path, index), lost, keeps=False) if isinstance(one, dict) else one
            for index, one in enumerate(value)
        ]
    return value


def _object(
    value: dict[str, Any],
    schema: Schema,
    path: str,
    lost: list[str],
    *,
    is_object: bool,
    keeps: bool,
) -> dict[str, Any]:
    keeps = keeps or _keeps(schema)
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    kept: dict[str, Any] = {}
    for key, part in value.items():
        place = field(path, key)
        if is_object and key in _IDENTITY:
            kept[key] = _metadata(part, place, lost) if key == "metadata" else part
        elif key in properties:
            kept[key] = _part(part, properties[key], place, lost, keeps=_keeps(properties[key]))
        elif isinstance(extra, Mapping):
            kept[key] = _part(part, extra, place, lost, keeps=_keeps(extra))
        elif keeps or extra is True:
            kept[key] = part
        else:
            lost.append(place)
    return kept


def _metadata(value: Any, path: str, lost: list[str]) -> Any:
    if not isinstance(value, dict):
        return value
    node = metadata_node()
    lost.extend(field(path, key) for key in value if key not in node.fields)
    return prune_by_node(value, node)


def _keeps(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))

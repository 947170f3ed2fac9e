"""Sets of fields of an object, in the form of FieldsV1, and what one can do with such sets.

A set is a tree of nested dicts as it stands in ``metadata.managedFields``: ``f:NAME`` is a field or
key, ``k:{…}`` an item of a keyed list, ``v:…`` an item of a set. ``{}`` marks a path that is in the
set; ``.`` marks one that is in the set beside paths below it. Sets are values and never change.

Source: sigs.k8s.io/structured-merge-diff v6, fieldpath and typed.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.node import Node

FieldSet = Mapping[str, Any]

_MEMBER: FieldSet = EMPTY
_SELF = "."
KEYLESS = "k:{}"
"""The element of an item that has none of its list's keys."""
_ABSENT: Any = object()
# Keys of list items that have a default, so that two spellings of one item are one item.
_KEY_DEFAULTS = {"protocol": "TCP"}
# Parts that are in every object of their kind, as values rather than pointers: nobody adds them.
_ALWAYS_THERE = frozenset(
    {
        "metadata", "spec", "status", "template", "strategy", "updateStrategy", "jobTemplate",
        "resources", "state", "lastState", "roleRef", "nodeInfo", "daemonEndpoints",
        "containers", "podSelector",
    }
)  # fmt: skip


@attrs.frozen
class Comparison:
    """How one object differs from another: the fields added, changed, and gone."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


def fields_of(value: Any, node: Node | None) -> FieldSet:
    """The fields that *value* states: what server-side apply says its author owns.

    Raises:
        BadRequestError: an item of a keyed list lacks its key, or comes twice.
    """
    return _below(value, node, {})


def compare(before: Any, after: Any, node: Node | None) -> Comparison:
    """The fields in which *after* differs from *before*; None stands for no object."""
    added: dict[str, Any] = {}
    modified: dict[str, Any] = {}
    removed: dict[str, Any] = {}
    _compare_parts(before or {}, after or {}, node, added, modified, removed)
    return Comparison(added, modified, removed)


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """The paths in either set."""
    if not one or not other:
        return one or other
    joined = dict(one)
    for element, entry in other.items():
        mine = joined.get(element)
        if mine is None:
            joined[element] = entry
        elif mine is not entry:
            both = union(_children(mine), _children(entry))
            joined[element] = _entry(both, is_member=_is_member(mine) or _is_member(entry))
    return joined


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """The paths in *one* that are not in *other*."""
    if not other:
        return one
    left: dict[str, Any] = {}
    for element, entry in one.items():
        if element not in other:
            left[element] = entry
            continue
        theirs = other[element]
        below = difference(_children(entry), _children(theirs))
        is_member = _is_member(entry) and not _is_member(theirs)
        if below or is_member:
            left[element] = _entry(below, is_member=is_member)
    return left


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """The paths in both sets."""
    shared: dict[str, Any] = {}
    for element, entry in one.items():
        if element in other:
            theirs = other[element]
            below = intersection(_children(entry), _children(theirs))
            is_member = _is_member(entry) and _is_member(theirs)
            if below or is_member:
                shared[element] = _entry(below, is_member=is_member)
    return shared


def with_parents(fields: FieldSet) -> FieldSet:
    """*fields* with every named field above a path of the set in it too."""
    return {
        element: _entry(
            with_parents(_children(entry)),
            is_member=_is_member(entry) or element.startswith("f:"),
        )
        for element, entry in fields.items()
    }


def paths(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """The paths of a set as users read them: ``.spec.containers[name="web"].image``."""
    for element, entry in fields.items():
        path = prefix + readable(element)
        if _is_member(entry):
            yield path
        yield from paths(_children(entry), path)


def without(value: Any, fields: FieldSet, node: Node | None) -> Any:
    """*value* without what is at the paths of *fields*."""
    if isinstance(value, dict):
        kept = {}
        for key, part in value.items():
            entry = fields.get("f:" + key)
            if entry is None:
                kept[key] = part
            elif not _is_member(entry):
                kept[key] = without(part, entry, None if node is None else node.child(key))
        return kept
    if isinstance(value, list | tuple) and node is not None and not node.is_atomic:
        items = []
        for item in value:
            entry = fields.get(element_of(item, node))
            if entry is None:
                items.append(item)
            elif not _is_member(entry):
                items.append(without(item, entry, node.item))
        return items
    return value


def is_leaf(value: Any, node: Node | None) -> bool:
    """Whether *value* belongs to one owner as a whole."""
    if isinstance(value, dict):
        return node is not None and node.is_atomic
    if isinstance(value, list | tuple):
        return node is None or node.is_atomic or not (node.list_keys or node.is_set)
    return True


def element_of(item: Any, node: Node) -> str:
    """What tells an item of a keyed list or set from the others; ``k:{}`` if it has no key."""
    if not node.list_keys or not isinstance(item, dict):
        return "v:" + _compact(item)
    if len(node.list_keys) == 1:
        (name,) = node.list_keys
        part = item.get(name)
        if type(part) is str:
            return _element(name, part)
    if not any(name in item or name in _KEY_DEFAULTS for name in node.list_keys):
        return KEYLESS
    keys = {name: item.get(name, _KEY_DEFAULTS.get(name)) for name in node.list_keys}
    return "k:" + _compact({name: part for name, part in keys.items() if part is not None})


@lru_cache(maxsize=4096)
def _element(name: str, part: str) -> str:
    """An item of a list with one key: lists of conditions have the same ones in every object."""
    return "k:" + _compact({name: part})


def readable(element: str) -> str:
    """One element of a path as users read it: ``.spec``, ``[name="web"]``."""
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return "." + rest
    if kind == "k:":
        keys = json.loads(rest)
        return "[" + ",".join(f"{name}={_compact(part)}" for name, part in keys.items()) + "]"
    return f"[={rest}]" if kind == "v:" else f"[{rest}]"


def is_fields(value: Any) -> bool:
    """Whether *value* is a set of fields at all."""
    return isinstance(value, dict) and all(
        isinstance(entry, dict)
        and ((element == _SELF and not entry) or (element[:2] in _PREFIXES and is_fields(entry)))
        for element, entry in value.items()
    )


_PREFIXES = ("f:", "k:", "v:", "i:")


def _below(value: Any, node: Node | None, found: dict[str, Any]) -> dict[str, Any]:
    """The paths below a map or list that merges."""
    if isinstance(value, dict):
        for key, part in value.items():
            child = None if node is None else node.child(key)
            if part in (None, {}, []) or is_leaf(part, child):
                found["f:" + key] = _MEMBER
            else:
                is_member = node is None or node.shape != "object" or key not in node.fields
                found["f:" + key] = _entry(_below(part, child, {}), is_member=is_member)
    elif node is not None and isinstance(value, list | tuple):
        for item in value:
            element = element_of(item, node)
            if element == KEYLESS:
                raise BadRequestError(f"an item of a list lacks its key: {node.list_keys[0]}")
            if element in found:
                raise BadRequestError(f"duplicate entries for key {readable(element)}")
            below = _below(item, node.item, {}) if isinstance(item, dict) else {}
            found[element] = _entry(below, is_member=True)
    return found


def _compare_parts(
    before: Any,
    after: Any,
    node: Node | None,
    added: dict[str, Any],
    modified: dict[str, Any],
    removed: dict[str, Any],
) -> None:
    """Compare two maps or lists that merge, of which either may be empty."""
    if isinstance(before, dict) and isinstance(after, dict):
        old, new, prefix = before, after, "f:"
    else:
        old, new, prefix = _parts(before, node), _parts(after, node), ""
    for key in {**old, **new}:
        mine, his = old.get(key, _ABSENT), new.get(key, _ABSENT)
        # Types are checked before, so plain equality, which takes true for 1, is enough here.
        if mine is his or mine == his:
            continue
        element = prefix + key
        name = element[2:] if element.startswith("f:") else ""
        child = _child_of(node, name)
        if mine is _ABSENT:
            added[element] = _whole(his, child, name)
        elif his is _ABSENT:
            removed[element] = _whole(mine, child, name)
        elif is_leaf(mine, child) or is_leaf(his, child) or not (mine or his):
            modified[element] = _MEMBER
        else:
            outs: tuple[dict[str, Any], ...] = ({}, {}, {})
            _compare_parts(mine, his, child, *outs)
            for target, out in zip((added, modified, removed), outs, strict=True):
                if out:
                    target[element] = out


def _child_of(node: Node | None, name: str) -> Node | None:
    if node is None:
        return None
    return node.child(name) if name else node.item


def _parts(value: Any, node: Node | None) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"f:" + key: part for key, part in value.items()}
    if isinstance(value, list | tuple) and node is not None:
        return {element_of(item, node): item for item in value}
    return {}


def _whole(value: Any, node: Node | None, name: str) -> FieldSet:
    """The set of a value that came or went with all that is in it."""
    if is_leaf(value, node) or not value:
        return _MEMBER
    is_member = name not in _ALWAYS_THERE
    if (
        type(value) is dict
        and len(value) <= _FLAT
        and _LEAVES.issuperset(map(type, value.values()))
    ):
        return _flat(tuple(value), is_member=is_member)
    below = {
        element: _whole(
            part, _child_of(node, element[2:] if element[0] == "f" else ""), element[2:]
        )
        for element, part in _parts(value, node).items()
    }
    return _entry(below, is_member=is_member)


# Maps of plain values look alike in all objects: their sets are made once.
_LEAVES = frozenset((str, int, float, bool, type(None)))
_FLAT = 32


@lru_cache(maxsize=2048)
def _flat(names: tuple[str, ...], *, is_member: bool) -> FieldSet:
    return FrozenDict(_entry({"f:" + name: EMPTY for name in names}, is_member=is_member))


def _is_member(entry: FieldSet) -> bool:
    return not entry or _SELF in entry


def _children(entry: FieldSet) -> FieldSet:
    if _SELF in entry:
        return {element: below for element, below in entry.items() if element != _SELF}
    return entry


def _entry(children: FieldSet, *, is_member: bool) -> FieldSet:
    return {_SELF: _MEMBER, **children} if children and is_member else children


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

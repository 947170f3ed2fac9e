"""Strategic merge patch: a merge patch that knows how the lists of a kind merge, and directives.

Source: k8s.io/apimachinery pkg/util/strategicpatch, kubernetes v1.34.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.errors import BadRequestError, InvalidError
from engine.apiserver.jsonvalue import identity
from engine.apiserver.schema.node import Node

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"

Key = Callable[[Any], Hashable]


def strategic_merge_patch(
    document: dict[str, Any], patch: dict[str, Any], node: Node
) -> dict[str, Any]:
    """*document* merged with *patch* the way *node* says; neither is changed.

    Raises:
        BadRequestError: a directive is malformed, or contradicts the rest of the patch.
        InvalidError: an item of a list lacks the key that tells which item it is.
    """
    return _merge_map(document, patch, node)


def _merge_map(
    document: dict[str, Any], patch: dict[str, Any], node: Node | None
) -> dict[str, Any]:
    if _DIRECTIVE in patch:
        return _directed_map(patch)
    merged = dict(document)
    if _RETAIN_KEYS in patch:
        _retain_keys(merged, patch)
    for key in patch:
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            _order_list(merged, field, patch, None if node is None else node.child(field))
    for key, part in patch.items():
        if key == _RETAIN_KEYS or key.startswith((_ORDER, _DELETE_FROM)) or _ORDER + key in patch:
            continue
        if part is None:
            merged.pop(key, None)
        else:
            field_node = None if node is None else node.child(key)
            merged[key] = _merge_value(merged.get(key), part, field_node, key)
    for key, part in patch.items():
        if key.startswith(_DELETE_FROM):
            _delete_from(merged, key.removeprefix(_DELETE_FROM), part)
    return merged


def _merge_value(value: Any, part: Any, node: Node | None, name: str) -> Any:
    strategies = frozenset[str]() if node is None else node.patch_strategies
    if isinstance(value, dict) and isinstance(part, dict) and "replace" not in strategies:
        return _merge_map(value, part, node)
    if isinstance(value, list | tuple) and isinstance(part, list | tuple) and "merge" in strategies:
        return _merge_list(value, part, node, name)
    return _settled(part)


def _directed_map(patch: dict[str, Any]) -> dict[str, Any]:
    match patch[_DIRECTIVE]:
        case "replace":
            settled: dict[str, Any] = _settled(patch)
            return settled
        case "delete":
            return {}
    raise BadRequestError(f"unknown patch directive: $patch: {patch[_DIRECTIVE]!r}")


def _settled(part: Any) -> Any:
    """A part of a patch as a value of its own: without directives, and without nulls in maps."""
    if isinstance(part, dict):
        return {
            key: _settled(inner)
            for key, inner in part.items()
            if inner is not None and not _is_directive(key)
        }
    if isinstance(part, list | tuple):
        return [
            _settled(inner)
            for inner in part
            if not (isinstance(inner, dict) and inner.get(_DIRECTIVE) in ("delete", "replace"))
        ]
    return part


def _is_directive(key: str) -> bool:
    return key in (_DIRECTIVE, _RETAIN_KEYS) or key.startswith((_ORDER, _DELETE_FROM))


def _retain_keys(merged: dict[str, Any], patch: dict[str, Any]) -> None:
    retained = patch[_RETAIN_KEYS]
    if not isinstance(retained, list | tuple):
        raise BadRequestError("$retainKeys must be a list of field names")
    for key, part in patch.items():
        if part is not None and not _is_directive(key) and key not in retained:
            raise BadRequestError(f"$retainKeys does not list {key!r}, which the patch sets")
    for key in [key for key in merged if key not in retained]:
        del merged[key]


def _delete_from(merged: dict[str, Any], field: str, unwanted: Any) -> None:
    if not isinstance(unwanted, list | tuple):
        raise BadRequestError(f"{_DELETE_FROM}{field} must be a list")
    value = merged.get(field)
    if isinstance(value, list | tuple):
        gone = {identity(one) for one in unwanted}
        merged[field] = [item for item in value if identity(item) not in gone]


def _order_list(
    merged: dict[str, Any], field: str, patch: dict[str, Any], node: Node | None
) -> None:
    """Merge a list of which the patch says in what order its items shall be."""
    order, part = patch[_ORDER + field], patch.get(field)
    value = merged.get(field)
    if not isinstance(order, list | tuple) or not isinstance(part, list | tuple | None):
        raise BadRequestError(f"{_ORDER}{field} and {field} must be lists")
    if node is None or "merge" not in node.patch_strategies:
        raise BadRequestError(f"{_ORDER}{field}: {field} is not a list that merges")
    if field in patch and part is None:
        merged.pop(field, None)
        return
    key = _key_of(node, field, [*order, *(part or ())])
    _check_order([key(item) for item in _plain_items(part or ())], [key(item) for item in order])
    if isinstance(value, list | tuple):
        items = _merge_list(value, part or (), node, field)
        merged[field] = _arranged(items, value, order, key)
    elif part is not None:
        items = _settled(part)
        merged[field] = _arranged(items, (), order, key)


def _check_order(wanted: Sequence[Hashable], order: Sequence[Hashable]) -> None:
    position = 0
    for item in wanted:
        while position < len(order) and order[position] != item:
            position += 1
        if position == len(order):
            raise BadRequestError(
                f"the order in the patch's list does not match $setElementOrder: {item!r}"
            )


def _plain_items(items: Sequence[Any]) -> list[Any]:
    return [item for item in items if not (isinstance(item, dict) and _DIRECTIVE in item)]


def _merge_list(
    value: Sequence[Any], patch: Sequence[Any], node: Node | None, name: str
) -> list[Any]:
    key = _key_of(node, name, [*value, *patch])
    gone: set[Hashable] = set()
    for item in patch:
        if isinstance(item, dict) and _DIRECTIVE in item:
            if item[_DIRECTIVE] == "replace":
                return [_settled(one) for one in _plain_items(patch)]
            if item[_DIRECTIVE] != "delete":
                raise BadRequestError(f"unknown patch directive: $patch: {item[_DIRECTIVE]!r}")
            gone.add(key(item))
    kept = [item for item in value if key(item) not in gone]
    additions = _plain_items(patch)
    item_node = None if node is None else node.item
    places = _places(kept, key)
    for item in additions:
        place = places.get(key(item))
        if place is None:
            places[key(item)] = len(kept)
            kept.append(_settled(item))
        elif isinstance(item, dict):
            kept[place] = _merge_map(kept[place], item, item_node)
    return _arranged(kept, value, additions, key)


def _key_of(node: Node | None, name: str, items: Sequence[Any]) -> Key:
    """What tells the items of a list apart: themselves for scalars, else the merge key's value."""
    maps = [isinstance(item, dict) for item in items]
    if not any(maps):
        if any(isinstance(item, list | tuple) for item in items):
            raise BadRequestError(f"{name}: lists of lists cannot be merged")
        return identity
    merge_key = "" if node is None else node.merge_key
    if not all(maps):
        raise BadRequestError(f"{name}: a list of objects cannot be merged with other values")

    def key(item: Any) -> Hashable:
        if merge_key not in item:
            raise InvalidError(
                f"{name}: map: {thaw(item)} does not contain declared merge key: {merge_key}"
            )
        return identity(item[merge_key])

    return key


def _arranged(
    items: Sequence[Any], before: Sequence[Any], order: Sequence[Any], key: Key
) -> list[Any]:
    """*items* with those that *order* names in its order, the others as they were *before*.

    Where a named item meets another one, the one that came first before stays first; a new item
    goes in front.
    """
    wanted, had = _places(order, key), _places(before, key)
    named = sorted(
        (item for item in items if key(item) in wanted), key=lambda item: wanted[key(item)]
    )
    others = [item for item in items if key(item) not in wanted]
    arranged: list[Any] = []
    left = right = 0
    while left < len(others) and right < len(named):
        other, one = had.get(key(others[left])), had.get(key(named[right]))
        if other is not None and one is not None and other < one:
            arranged.append(others[left])
            left += 1
        else:
            arranged.append(named[right])
            right += 1
    return [*arranged, *named[right:], *others[left:]]


def _places(items: Sequence[Any], key: Key) -> dict[Hashable, int]:
    return {key(item): place for place, item in reversed(list(enumerate(items)))}

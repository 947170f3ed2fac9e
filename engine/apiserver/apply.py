"""Server-side apply: an author states the fields he cares about, the server keeps who owns what.

Source: sigs.k8s.io/structured-merge-diff v6, merge.Updater.Apply; kubernetes v1.34.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.errors import BadRequestError, Cause, ConflictError
from engine.apiserver.fieldpaths import (
    FieldSet,
    compare,
    difference,
    element_of,
    fields_of,
    intersection,
    is_leaf,
    paths,
    union,
    with_parents,
    without,
)
from engine.apiserver.jsonvalue import same
from engine.apiserver.managed_fields import (
    Manager,
    Managers,
    Owned,
    give_up,
    read_managers,
    stripped,
    with_managers,
    without_managers,
)
from engine.apiserver.schema.node import Node

UNTRACKED = "untracked"
"""Who owns what was written before anybody applied.

Not ``before-first-apply``, which Kubernetes has for objects of a time before it tracked owners:
kubectl takes that over when it moves to server-side apply, and removes what it does not state.
"""

CLIENT_SIDE_APPLY = "kubectl-client-side-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Settle = Callable[[dict[str, Any]], dict[str, Any]]


def apply(
    live: Mapping[str, Any] | None,
    config: Mapping[str, Any],
    *,
    manager: Manager,
    node: Node | None,
    now: str,
    force: bool = False,
    settle: Settle = dict,
) -> dict[str, Any]:
    """The object after *manager* applied *config* to it; equal to *live* if that changes nothing.

    What *config* states is merged in and owned by the manager. What he stated last time and no
    longer states is removed, unless somebody else owns it too.

    Args:
        live: the object as stored; None if there is none yet.
        config: the fields the author cares about, checked against the schema.
        manager: who applies, with operation ``Apply``.
        node: the schema of the kind; without one, maps merge and lists are replaced.
        now: the time of the write, RFC 3339.
        force: take over fields that others own with another value.
        settle: brings the merged object into the form in which it is stored (zero values left
            away, say), so that what makes no difference there counts for none here.

    Raises:
        BadRequestError: *config* carries managed fields, or its lists have no proper keys.
        ConflictError: others own fields with another value, and *force* is not set.
    """
    try:
        return _apply(live, config, manager=manager, node=node, now=now, force=force, settle=settle)
    except RecursionError as error:
        raise BadRequestError("the object is nested too deeply") from error


def merge(live: Any, config: Any, node: Node | None) -> Any:
    """*live* with everything *config* states; only maps and keyed lists merge."""
    if config is None or is_leaf(config, node) or not isinstance(live, dict | list | tuple):
        return thaw(config)
    if isinstance(config, dict):
        if not isinstance(live, dict):
            return thaw(config)
        merged = dict(live)
        for key, part in config.items():
            child = None if node is None else node.child(key)
            merged[key] = merge(merged.get(key), part, child)
        return merged
    if isinstance(live, dict) or node is None:
        return thaw(config)
    return _merge_items(live, config, node)


def _merge_items(live: Any, config: Any, node: Node) -> list[Any]:
    """Both lists in one: stated items in the author's order, others where they were among them."""
    stated = {element_of(item, node): item for item in config}
    known = {element_of(item, node): item for item in live}
    places = {element: place for place, element in enumerate(stated)}
    order = [merge(known.get(element), item, node.item) for element, item in stated.items()]
    merged: list[Any] = []
    done = 0
    for element, item in known.items():
        if element not in stated:
            merged.append(item)
        else:
            upto = max(done, places[element] + 1)
            merged.extend(order[done:upto])
            done = upto
    return merged + order[done:]


def _apply(
    live: Mapping[str, Any] | None,
    config: Mapping[str, Any],
    *,
    manager: Manager,
    node: Node | None,
    now: str,
    force: bool,
    settle: Settle,
) -> dict[str, Any]:
    metadata = config.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields"):
        raise BadRequestError("metadata.managedFields must be nil")
    before = without_managers(live)
    managers = _known_managers(live, before, node)
    stated = fields_of(without_managers(config), node)
    last = _last_applied(managers, manager)
    others = {one: owned for one, owned in managers.items() if not _is_same(one, manager)}
    merged = merge(before, without_managers(config), node)
    after = settle(_pruned(merged, last, stated, others, node))
    comparison = compare(before, after, node)
    written = union(comparison.added, comparison.modified)
    if not force:
        _refuse_conflicts(others, written)
    kept = give_up(others, union(written, comparison.removed), keeper=manager)
    had = managers.get(manager)
    own = stripped(stated)
    is_known = live is not None and had is not None and own == had.fields
    if is_known and {**kept, manager: had} == managers and same(before, after):
        return dict(live or {})
    if own:
        kept[manager] = Owned(own, now)
    return with_managers(after, kept)


def _known_managers(
    live: Mapping[str, Any] | None, before: Mapping[str, Any], node: Node | None
) -> Managers:
    """The managers of *live*; what an object had before anybody was tracked has an owner too."""
    managers = read_managers(live)
    if live is None or managers:
        return managers
    written = stripped(compare(None, before, node).added)
    applied = intersection(_applied_by_client(before, node), written)
    api_version = str(before.get("apiVersion", ""))
    found: Managers = {}
    for name, fields in ((CLIENT_SIDE_APPLY, applied), (UNTRACKED, difference(written, applied))):
        if fields:
            manager = Manager(name=name, operation="Update", api_version=api_version)
            found[manager] = Owned(fields)
    return found


def _applied_by_client(before: Mapping[str, Any], node: Node | None) -> FieldSet:
    """What client-side apply last stated and is still as it stated it, by its annotation."""
    metadata = before.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(LAST_APPLIED) if isinstance(annotations, dict) else None
    if not isinstance(text, str):
        return {}
    try:
        config = json.loads(text)
        stated = fields_of(config, node) if isinstance(config, dict) else {}
    except (ValueError, BadRequestError):
        return {}
    own: FieldSet = {"f:metadata": {"f:annotations": {"f:" + LAST_APPLIED: {}}}}
    comparison = compare(config, before, node)
    return union(own, difference(stated, union(comparison.modified, comparison.removed)))


def _is_same(one: Manager, other: Manager) -> bool:
    """Whether two are one author who applies, perhaps through another version of the API."""
    return (one.name, one.operation, one.subresource) == (
        other.name,
        other.operation,
        other.subresource,
    )


def _last_applied(managers: Managers, manager: Manager) -> FieldSet:
    last: FieldSet = {}
    for one, owned in managers.items():
        if _is_same(one, manager):
            last = union(last, owned.fields)
    return last


def _pruned(
    merged: dict[str, Any], last: FieldSet, stated: FieldSet, others: Managers, node: Node | None
) -> dict[str, Any]:
    """*merged* without what was stated last time and is now neither stated nor owned."""
    if not last:
        return merged
    owned = stated
    for other in others.values():
        owned = union(owned, other.fields)
    gone = difference(with_parents(last), with_parents(owned))
    pruned: dict[str, Any] = without(merged, gone, node)
    return pruned


def _refuse_conflicts(others: Managers, written: FieldSet) -> None:
    conflicts: list[tuple[str, list[str]]] = []
    for other, owned in others.items():
        if shared := list(paths(intersection(owned.fields, written))):
            conflicts.append((_described(other, owned), sorted(shared)))
    if not conflicts:
        return
    conflicts.sort()
    count = sum(len(shared) for _, shared in conflicts)
    causes = tuple(
        Cause(field=path, message=f"conflict with {who}", reason="FieldManagerConflict")
        for who, shared in conflicts
        for path in shared
    )
    if count == 1:
        said = f"1 conflict: conflict with {conflicts[0][0]}: {conflicts[0][1][0]}"
    else:
        lines = []
        for who, shared in conflicts:
            lines.append(f"conflicts with {who}:")
            lines.extend(f"- {path}" for path in shared)
        said = f"{count} conflicts: " + "\n".join(lines)
    raise ConflictError(f"Apply failed with {said}", causes=causes)


def _described(manager: Manager, owned: Owned) -> str:
    said = f'"{manager.name}"'
    if manager.subresource:
        said += f' with subresource "{manager.subresource}"'
    if manager.operation == "Update":
        said += f" using {manager.api_version}"
        said += f" at {owned.time}" if owned.time else ""
    return said

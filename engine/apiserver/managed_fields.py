"""Who owns which fields of an object: ``metadata.managedFields``, read and written.

Source: k8s.io/apimachinery pkg/util/managedfields, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.frozen import FrozenDict
from engine.apiserver.errors import BadRequestError
from engine.apiserver.fieldpaths import (
    FieldSet,
    compare,
    difference,
    intersection,
    is_fields,
    union,
)
from engine.apiserver.schema.node import Node

MAX_UPDATERS = 10
"""How many managers that update (rather than apply) are told apart; older ones become one."""

ANCIENT = "ancient-changes"

# What belongs to nobody: the server's own, and what says which object it is.
_UNOWNED: FieldSet = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        "f:name": {},
        "f:namespace": {},
        "f:creationTimestamp": {},
        "f:selfLink": {},
        "f:uid": {},
        "f:clusterName": {},
        "f:generation": {},
        "f:managedFields": {},
        "f:resourceVersion": {},
    },
}


@attrs.frozen(kw_only=True)
class Manager:
    """Who writes, and how: several entries of one name are several managers."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@attrs.frozen
class Owned:
    """The fields a manager owns, and when it last wrote them (RFC 3339, empty if unknown)."""

    fields: FieldSet
    time: str = ""


Managers = dict[Manager, Owned]


def read_managers(document: Mapping[str, Any] | None) -> Managers:
    """The managers of an object; entries that make no sense are left out."""
    managers: Managers = {}
    for entry in _entries(document) or ():
        fields = entry.get("fieldsV1") if isinstance(entry, dict) else None
        if not isinstance(fields, dict) or not _makes_sense(fields):
            continue
        manager = Manager(
            name=str(entry.get("manager", "")),
            operation=str(entry.get("operation", "Update")),
            api_version=str(entry.get("apiVersion", "")),
            subresource=str(entry.get("subresource") or ""),
        )
        managers[manager] = Owned(fields, str(entry.get("time") or ""))
    return managers


# Sets that were looked through already, so that those which many objects share are not again.
_sound: dict[int, FrozenDict[str, Any]] = {}
_SOUND_KEPT = 4096


def _makes_sense(fields: dict[str, Any]) -> bool:
    if _sound.get(id(fields)) is fields:
        return True
    if not is_fields(fields):
        return False
    if isinstance(fields, FrozenDict):
        vouch_for(fields)
    return True


def vouch_for(fields: FrozenDict[str, Any]) -> None:
    """*fields* was made here: it need not be looked through when it is read again."""
    if id(fields) not in _sound and len(_sound) >= _SOUND_KEPT:
        del _sound[next(iter(_sound))]
    _sound[id(fields)] = fields


def with_managers(document: Mapping[str, Any], managers: Managers) -> dict[str, Any]:
    """*document* with these managers in its metadata, in the order Kubernetes keeps them."""
    order = sorted(
        managers.items(),
        key=lambda item: (
            item[0].operation, item[1].time, item[0].name, item[0].api_version, item[0].subresource,
        ),
    )  # fmt: skip
    metadata = dict(document.get("metadata") or {})
    metadata.pop("managedFields", None)
    if order:
        metadata["managedFields"] = [_written(manager, owned) for manager, owned in order]
    return {**document, "metadata": metadata}


def without_managers(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """*document* without ``metadata.managedFields``; an empty map for None."""
    if document is None:
        return {}
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return dict(document)
    rest = {key: part for key, part in metadata.items() if key != "managedFields"}
    return {**document, "metadata": rest}


def track_update(
    live: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    *,
    manager: Manager,
    node: Node | None,
    now: str,
) -> dict[str, Any]:
    """*new* with its managers brought up to date after *manager* made it out of *live*.

    What the writer added or changed is his, and no longer anybody else's; what is gone is nobody's.
    A writer may clear all managers by sending an empty list, or rewrite them.

    Args:
        live: the object as stored; None on create.
        new: the object as it will be stored, defaults and all.
        manager: who writes, with operation ``Update``.
        node: the schema of the kind.
        now: the time of the write.

    Raises:
        BadRequestError: the object is nested too deeply.
    """
    try:
        return _tracked(live, new, manager, node, now)
    except RecursionError as error:
        raise BadRequestError("the object is nested too deeply") from error


def _tracked(
    live: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    manager: Manager,
    node: Node | None,
    now: str,
) -> dict[str, Any]:
    managers = _managers_for_update(live, new, manager)
    before, after = without_managers(live), without_managers(new)
    comparison = compare(before, after, node)
    written = union(comparison.added, comparison.modified)
    managers = give_up(managers, union(written, comparison.removed), keeper=manager)
    had = managers.get(manager, Owned({}))
    if had.fields and not comparison.removed and not difference(written, had.fields):
        own = had.fields
    else:
        own = stripped(difference(union(had.fields, written), comparison.removed))
    if own:
        managers[manager] = had if own == had.fields else Owned(own, now)
    else:
        managers.pop(manager, None)
    return with_managers(new, _capped(managers))


def give_up(managers: Managers, fields: FieldSet, *, keeper: Manager) -> Managers:
    """The managers after all but *keeper* have lost *fields*."""
    left: Managers = {}
    for manager, owned in managers.items():
        if manager == keeper or not intersection(owned.fields, fields):
            left[manager] = owned
        elif rest := difference(owned.fields, fields):
            left[manager] = Owned(rest, owned.time)
    return left


def stripped(fields: FieldSet) -> FieldSet:
    """*fields* without those that nobody can own."""
    return difference(fields, _UNOWNED)


def _managers_for_update(
    live: Mapping[str, Any] | None, new: Mapping[str, Any], manager: Manager
) -> Managers:
    entries = _entries(new)
    if manager.subresource:
        return read_managers(live)
    if entries is not None and (len(entries) == 0 or list(entries) == [{}]):
        return {}
    return read_managers(new) or read_managers(live)


def _entries(document: Mapping[str, Any] | None) -> list[Any] | None:
    metadata = (document or {}).get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    return list(entries) if isinstance(entries, list | tuple) else None


def _written(manager: Manager, owned: Owned) -> dict[str, Any]:
    written: dict[str, Any] = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
    }
    if owned.time:
        written["time"] = owned.time
    written |= {"fieldsType": "FieldsV1", "fieldsV1": owned.fields}
    return written | {"subresource": manager.subresource} if manager.subresource else written


def _capped(managers: Managers) -> Managers:
    """At most `MAX_UPDATERS` managers that update: the oldest ones are joined into one."""
    if len(managers) <= MAX_UPDATERS:
        return managers
    updaters = sorted(
        (manager for manager in managers if manager.operation == "Update"),
        key=lambda manager: (managers[manager].time, manager.name),
    )
    surplus = updaters[: max(0, len(updaters) - MAX_UPDATERS + 1)]
    if len(updaters) <= MAX_UPDATERS:
        return managers
    capped = {manager: owned for manager, owned in managers.items() if manager not in surplus}
    for manager in surplus:
        ancient = Manager(name=ANCIENT, operation="Update", api_version=manager.api_version)
        had = capped.get(ancient, Owned({}))
        owned = managers[manager]
        capped[ancient] = Owned(union(had.fields, owned.fields), max(had.time, owned.time))
    return capped

"""What if nodes were otherwise: the scheduler's decision on a table changed for a moment.

Nothing outside the table sees the change, no chance is used up, and the table is put back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs

from engine.api.frozen import freeze
from engine.api.node import Node, Taint
from engine.api.quantity import format_bytes, format_millis, parse, parse_millis
from engine.apiserver.errors import BadRequestError
from engine.scheduler.node_table import NodeTable

_HOSTNAME = "kubernetes.io/hostname"
_FIELDS = frozenset(
    {"node", "resources", "withoutTaints", "withTaints", "labels", "unschedulable", "remove"}
)
_ADD_FIELDS = frozenset({"addNode", "count"})


@contextmanager
def nodes_changed(table: NodeTable, changes: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """For a while, let *table* be as *changes* say; gives the names of the nodes concerned.

    Raises:
        BadRequestError: a change makes no sense; nothing is changed then.
    """
    wanted = _wanted(table, changes)
    before = {name: _node_of(table, name) for name in wanted}
    try:
        for name, node in wanted.items():
            if node is None:
                table.remove_node(name)
            else:
                table.put_node(node)
        yield tuple(wanted)
    finally:
        for name, node in before.items():
            if node is None:
                table.remove_node(name)
            else:
                table.put_node(node)


def _wanted(table: NodeTable, changes: Sequence[Any]) -> dict[str, Node | None]:
    found: dict[str, Node | None] = {}
    for index, change in enumerate(changes):
        where = f"spec.changes[{index}]"
        if not isinstance(change, Mapping):
            raise BadRequestError(f"{where}: must be an object")
        if "addNode" in change:
            _known(change, _ADD_FIELDS, where)
            for node in _added(table, change, where, found):
                found[node.metadata.name] = node
            continue
        _known(change, _FIELDS, where)
        name = str(change.get("node") or "")
        current = found.get(name) or _node_of(table, name)
        if current is None:
            raise BadRequestError(f'{where}.node: there is no node "{name}"')
        found[name] = None if change.get("remove") else _changed(current, change, where)
    return found


def _changed(node: Node, change: Mapping[str, Any], where: str) -> Node:
    spec, status, metadata = node.spec, node.status, node.metadata
    resources = change.get("resources")
    if resources:
        room = dict(status.allocatable)
        for name, text in resources.items():
            room[name] = _amount(room.get(name, "0"), str(text), name, f"{where}.resources")
        status = attrs.evolve(status, allocatable=freeze(room))
    gone = change.get("withoutTaints")
    if gone:
        present = {taint.key for taint in spec.taints}
        for key in gone:
            if key not in present:
                listed = ", ".join(sorted(present)) or "none"
                raise BadRequestError(
                    f'{where}.withoutTaints: node "{metadata.name}" has no taint "{key}";'
                    f" there is {listed}"
                )
        left = tuple(taint for taint in spec.taints if taint.key not in gone)
        spec = attrs.evolve(spec, taints=left)
    for item in change.get("withTaints") or ():
        taint = Taint(
            key=str(item.get("key")),
            value=str(item.get("value") or ""),
            effect=str(item.get("effect") or "NoSchedule"),
        )
        spec = attrs.evolve(spec, taints=(*spec.taints, taint))
    labels = change.get("labels")
    if labels:
        merged = {**metadata.labels, **labels}
        kept = {key: str(value) for key, value in merged.items() if value is not None}
        metadata = attrs.evolve(metadata, labels=freeze(kept))
    if change.get("unschedulable") is not None:
        spec = attrs.evolve(spec, unschedulable=bool(change["unschedulable"]))
    return attrs.evolve(node, metadata=metadata, spec=spec, status=status)


def _added(
    table: NodeTable, change: Mapping[str, Any], where: str, found: Mapping[str, Any]
) -> Iterator[Node]:
    wanted = change.get("addNode")
    like = str((wanted or {}).get("like") or "") if isinstance(wanted, Mapping) else ""
    model = _node_of(table, like) if like else _typical(table)
    if model is None:
        raise BadRequestError(
            f'{where}.addNode.like: there is no node "{like}"'
            if like
            else f"{where}.addNode: there is no node to copy"
        )
    count = change.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= 100:
        raise BadRequestError(f"{where}.count: a number from 1 to 100 was expected, not {count}")
    number = 0
    for _ in range(count):
        number += 1
        while (name := f"what-if-{number}") in found or _node_of(table, name) is not None:
            number += 1
        labels = {**model.metadata.labels, _HOSTNAME: name}
        metadata = attrs.evolve(model.metadata, name=name, uid=name, labels=freeze(labels))
        # A new node is ready: it has no taint that comes of a condition, and is not cordoned.
        taints = tuple(t for t in model.spec.taints if not t.key.startswith("node.kubernetes.io/"))
        spec = attrs.evolve(model.spec, taints=taints, unschedulable=False)
        yield attrs.evolve(model, metadata=metadata, spec=spec)


def _typical(table: NodeTable) -> Node | None:
    """A node to copy: the first without taints, or the first."""
    nodes = [node for node in table.nodes if node is not None]
    return next((node for node in nodes if not node.spec.taints), nodes[0] if nodes else None)


def _amount(present: str, text: str, name: str, where: str) -> str:
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    try:
        change = parse(digits)
        base = parse(present)
    except ValueError as error:
        raise BadRequestError(
            f'{where}.{name}: "{text}" is not an amount; say 4, +1, -500m or +2Gi'
        ) from error
    value = change if not sign else base + change * (1 if sign == "+" else -1)
    value = max(value, Decimal(0))
    if name == "cpu":
        return format_millis(parse_millis(str(value)))
    return format_bytes(int(value))


def _known(change: Mapping[str, Any], fields: frozenset[str], where: str) -> None:
    for name in change:
        if name not in fields:
            listed = ", ".join(sorted(_FIELDS | _ADD_FIELDS))
            raise BadRequestError(f"{where}.{name}: unknown field; there is {listed}")


def _node_of(table: NodeTable, name: str) -> Node | None:
    row = table.rows.get(name)
    return None if row is None else table.nodes[row]

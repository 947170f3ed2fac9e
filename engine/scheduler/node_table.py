"""The nodes as columns: one row per node, updated in place when a node or one of its pods changes.

It counts and indexes; it decides nothing. Rows that changed are logged, so that a result for a
template can be brought up to date by looking at those alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.api.frozen import EMPTY
from engine.api.node import Node, Taint
from engine.scheduler.pod_group import PodGroup
from engine.scheduler.pod_info import Amounts, PodInfo, amount_of

Ints = NDArray[np.int64]
Rows = NDArray[np.intp]

ZONE = "topology.kubernetes.io/zone"
_BASIC = ("cpu", "memory", "ephemeral-storage", "pods")


@attrs.define(eq=False)
class _Placed:
    info: PodInfo
    row: int


@attrs.define(eq=False)
class NodeTable:
    """All nodes, what they have, and what the pods on them have taken.

    A pod may be placed on a node that is not there yet; it counts once the node appears.
    """

    size: int = attrs.field(default=0, init=False)
    rows: dict[str, int] = attrs.field(factory=dict, init=False)
    names: tuple[str, ...] = attrs.field(default=(), init=False)
    nodes: list[Node | None] = attrs.field(factory=list, init=False)
    taint_sets: list[tuple[Taint, ...]] = attrs.field(factory=list, init=False)
    ports: dict[tuple[str, int], dict[int, Counter[str]]] = attrs.field(factory=dict, init=False)
    _exists: NDArray[np.bool_] = attrs.field(init=False)
    _unschedulable: NDArray[np.bool_] = attrs.field(init=False)
    _taint_set: Ints = attrs.field(init=False)
    _allocatable: dict[str, Ints] = attrs.field(factory=dict, init=False)
    _requested: dict[str, Ints] = attrs.field(factory=dict, init=False)
    _scored_cpu: Ints = attrs.field(init=False)
    _scored_memory: Ints = attrs.field(init=False)
    _domains: dict[str, Ints] = attrs.field(factory=dict, init=False)
    _domain_ids: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False)
    _taint_set_ids: dict[tuple[Taint, ...], int] = attrs.field(factory=dict, init=False)
    _placed: dict[str, _Placed] = attrs.field(factory=dict, init=False)
    _on_row: dict[int, dict[str, PodInfo]] = attrs.field(factory=dict, init=False)
    _groups: dict[PodGroup, Ints] = attrs.field(factory=dict, init=False)
    _log: list[int] = attrs.field(factory=list, init=False)
    _log_start: int = attrs.field(default=0, init=False)
    _capacity: int = attrs.field(default=16, init=False)

    def __attrs_post_init__(self) -> None:
        self._exists = np.zeros(self._capacity, np.bool_)
        self._unschedulable = np.zeros(self._capacity, np.bool_)
        self._taint_set = self._column()
        self._scored_cpu = self._column()
        self._scored_memory = self._column()
        for name in _BASIC:
            self._allocatable[name] = self._column()
            self._requested[name] = self._column()
        self._intern_taints(())

    # Columns, all of `size` rows

    @property
    def exists(self) -> NDArray[np.bool_]:
        """Rows that stand for a node of the cluster."""
        return self._exists[: self.size]

    @property
    def unschedulable(self) -> NDArray[np.bool_]:
        """Nodes that are cordoned."""
        return self._unschedulable[: self.size]

    @property
    def taint_set(self) -> Ints:
        """Index into `taint_sets`."""
        return self._taint_set[: self.size]

    @property
    def scored_cpu(self) -> Ints:
        """CPU taken as scores count it, in millicores."""
        return self._scored_cpu[: self.size]

    @property
    def scored_memory(self) -> Ints:
        """Memory taken as scores count it, in bytes."""
        return self._scored_memory[: self.size]

    def allocatable(self, resource: str) -> Ints:
        """How much of *resource* each node has for pods."""
        return self._resource(self._allocatable, resource)

    def requested(self, resource: str) -> Ints:
        """How much of *resource* the pods on each node have requested."""
        return self._resource(self._requested, resource)

    def domain(self, label: str) -> Ints:
        """A number for each node's value of *label*; -1 where the node lacks it."""
        column = self._domains.get(label)
        if column is None:
            column = self._domains[label] = np.full(self._capacity, -1, np.int64)
            self._domain_ids[label] = {}
            for row, node in enumerate(self.nodes):
                column[row] = self._domain_of(label, node)
        return column[: self.size]

    def count(self, group: PodGroup) -> Ints:
        """How many pods of *group* are on each node; kept current from the first call on."""
        counts = self._groups.get(group)
        if counts is None:
            counts = self._groups[group] = self._column()
            for placed in self._placed.values():
                counts[placed.row] += group.has(placed.info)
        return counts[: self.size]

    def forget_group(self, group: PodGroup) -> None:
        """Keep the counts of *group* no longer."""
        self._groups.pop(group, None)

    # Nodes

    @property
    def node_count(self) -> int:
        """How many nodes there are."""
        return int(self.exists.sum())

    def node(self, row: int) -> Node:
        """The node of a row that exists."""
        node = self.nodes[row]
        assert node is not None
        return node

    def put_node(self, node: Node) -> None:
        """Add *node*, or take over its present state."""
        row = self._row_for(node.metadata.name)
        self.nodes[row] = node
        self._exists[row] = True
        self._unschedulable[row] = node.spec.unschedulable
        self._taint_set[row] = self._intern_taints(node.spec.taints)
        amounts = _amounts(node.status.allocatable or node.status.capacity)
        for name in amounts:
            self._resource(self._allocatable, name)
        for name, column in self._allocatable.items():
            column[row] = amounts.get(name, 0)
        for label, column in self._domains.items():
            column[row] = self._domain_of(label, node)
        self._log.append(row)

    def remove_node(self, name: str) -> None:
        """Forget the node; its pods stay counted for when it comes back."""
        row = self.rows.get(name)
        if row is not None:
            self.nodes[row] = None
            self._exists[row] = False
            self._log.append(row)

    # Pods

    def place(self, info: PodInfo, node_name: str) -> bool:
        """Count a pod on a node, whether it is bound there or about to be.

        False if it is counted there already with the same requests.
        """
        placed = self._placed.get(info.key)
        if placed is not None:
            if (
                placed.info.uid == info.uid
                and placed.row == self.rows.get(node_name)
                and placed.info.template == info.template
                and placed.info.labels == info.labels
            ):
                placed.info = self._on_row[placed.row][info.key] = info
                return False
            self.displace(info.key)
        row = self._row_for(node_name)
        self._placed[info.key] = _Placed(info, row)
        self._on_row.setdefault(row, {})[info.key] = info
        self._add(info, row, 1)
        return True

    def displace(self, key: str) -> PodInfo | None:
        """Count a pod no longer; it is returned, None if it was not counted."""
        placed = self._placed.pop(key, None)
        if placed is None:
            return None
        del self._on_row[placed.row][key]
        self._add(placed.info, placed.row, -1)
        return placed.info

    def placed(self, key: str) -> PodInfo | None:
        """The pod counted under *key*, or None."""
        placed = self._placed.get(key)
        return placed.info if placed is not None else None

    def pods_on(self, row: int) -> tuple[PodInfo, ...]:
        """The pods counted on one row."""
        return tuple(self._on_row.get(row, {}).values())

    def pods(self) -> Iterator[tuple[int, PodInfo]]:
        """All pods with their rows."""
        for placed in self._placed.values():
            yield placed.row, placed.info

    # Changes

    @property
    def version(self) -> int:
        """Grows with every change of a row."""
        return self._log_start + len(self._log)

    def changed_since(self, version: int) -> Rows | None:
        """The rows that changed after *version*; None if that is too long ago to tell."""
        if version < self._log_start:
            return None
        recent = self._log[version - self._log_start :]
        if len(recent) > 1:
            recent = list(dict.fromkeys(recent))
        return np.array(recent, np.intp)

    def trim_log(self, keep: int = 4096) -> None:
        """Forget the changes before the last *keep*, once there are twice as many."""
        if len(self._log) > 2 * keep:
            surplus = len(self._log) - keep
            del self._log[:surplus]
            self._log_start += surplus

    def _add(self, info: PodInfo, row: int, sign: int) -> None:
        for name, amount in info.requests:
            self._resource(self._requested, name)
            self._requested[name][row] += sign * amount
        self._requested["pods"][row] += sign
        self._scored_cpu[row] += sign * info.scored_cpu
        self._scored_memory[row] += sign * info.scored_memory
        for address, protocol, port in info.host_ports:
            taken = self.ports.setdefault((protocol, port), {}).setdefault(row, Counter())
            taken[address] += sign
            if not +taken:
                del self.ports[protocol, port][row]
        for group, counts in self._groups.items():
            if group.has(info):
                counts[row] += sign
        self._log.append(row)

    def _row_for(self, name: str) -> int:
        row = self.rows.get(name)
        if row is None:
            row = self.rows[name] = self.size
            self.names = (*self.names, name)
            self.nodes.append(None)
            self.size += 1
            if self.size > self._capacity:
                self._grow()
        return row

    def _grow(self) -> None:
        more = self._capacity
        self._capacity += more
        self._exists = np.concatenate([self._exists, np.zeros(more, np.bool_)])
        self._unschedulable = np.concatenate([self._unschedulable, np.zeros(more, np.bool_)])
        room = np.zeros(more, np.int64)
        self._taint_set = np.concatenate([self._taint_set, room])
        self._scored_cpu = np.concatenate([self._scored_cpu, room])
        self._scored_memory = np.concatenate([self._scored_memory, room])
        for columns in (self._allocatable, self._requested):
            for name, column in columns.items():
                columns[name] = np.concatenate([column, room])
        for label, column in self._domains.items():
            self._domains[label] = np.concatenate([column, np.full(more, -1, np.int64)])
        for group, column in self._groups.items():
            self._groups[group] = np.concatenate([column, room])

    def _resource(self, columns: dict[str, Ints], name: str) -> Ints:
        column = columns.get(name)
        if column is None:
            column = columns[name] = self._column()
        return column[: self.size]

    def _column(self) -> Ints:
        return np.zeros(self._capacity, np.int64)

    def _intern_taints(self, taints: tuple[Taint, ...]) -> int:
        bare = tuple(attrs.evolve(taint, time_added=None) for taint in taints)
        number = self._taint_set_ids.get(bare)
        if number is None:
            number = self._taint_set_ids[bare] = len(self.taint_sets)
            self.taint_sets.append(bare)
        return number

    def _domain_of(self, label: str, node: Node | None) -> int:
        value = None if node is None else node.metadata.labels.get(label)
        if value is None:
            return -1
        ids = self._domain_ids[label]
        return ids.setdefault(value, len(ids))


def _amounts(resources: Mapping[str, str]) -> Amounts:
    return {name: amount_of(name, quantity) for name, quantity in (resources or EMPTY).items()}

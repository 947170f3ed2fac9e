"""The nodes as columns: one row per node, updated in place when a node or one of its pods changes.

It counts and indexes; it decides nothing. Rows that changed are logged, so that a result for a
template can be brought up to date by looking at those alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs
import numpy as np

from engine.api.frozen import EMPTY
from engine.api.node import Node, Taint
from engine.scheduler.columns import Columns, Ints, Mask, Rows
from engine.scheduler.image_index import ImageIndex
from engine.scheduler.pod_counts import PodCounts
from engine.scheduler.pod_group import Group
from engine.scheduler.pod_info import Amounts, PodInfo, amount_of

ZONE = "topology.kubernetes.io/zone"
_BASIC = ("cpu", "memory", "ephemeral-storage", "pods")
_ROOM = 16


@attrs.define(eq=False)
class Placed:
    """A pod and the row it counts on."""

    info: PodInfo
    row: int


@attrs.frozen(eq=False)
class Changed:
    """Rows whose node changed, and rows where only the pods did."""

    nodes: Rows
    pods: Rows


@attrs.define(eq=False)
class NodeTable:
    """All nodes, what they have, and what the pods on them have taken.

    A pod may be placed on a node that is not there yet; it counts once the node appears.
    """

    size: int = attrs.field(default=0, init=False)
    node_count: int = attrs.field(default=0, init=False)
    rows: dict[str, int] = attrs.field(factory=dict, init=False)
    names: list[str] = attrs.field(factory=list, init=False)
    nodes: list[Node | None] = attrs.field(factory=list, init=False)
    taint_sets: list[tuple[Taint, ...]] = attrs.field(factory=list, init=False)
    ports: dict[tuple[str, int], dict[int, Counter[str]]] = attrs.field(factory=dict, init=False)
    claim_users: Counter[str] = attrs.field(factory=Counter, init=False)
    images: ImageIndex = attrs.field(factory=ImageIndex, init=False)
    counts: PodCounts = attrs.field(init=False)
    _exists: Mask = attrs.field(init=False)
    _unschedulable: Mask = attrs.field(init=False)
    _taint_set: Ints = attrs.field(init=False)
    _scored_cpu: Ints = attrs.field(init=False)
    _scored_memory: Ints = attrs.field(init=False)
    _allocatable: Columns[str] = attrs.field(init=False)
    _requested: Columns[str] = attrs.field(init=False)
    _domains: Columns[str] = attrs.field(init=False)
    _domain_ids: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False)
    _taint_set_ids: dict[tuple[Taint, ...], int] = attrs.field(factory=dict, init=False)
    _placed: dict[str, Placed] = attrs.field(factory=dict, init=False)
    _on_row: dict[int, dict[str, PodInfo]] = attrs.field(factory=dict, init=False)
    _log: list[int] = attrs.field(factory=list, init=False)
    _log_start: int = attrs.field(default=0, init=False)
    _room: int = attrs.field(default=_ROOM, init=False)

    def __attrs_post_init__(self) -> None:
        self._exists = np.zeros(_ROOM, np.bool_)
        self._unschedulable = np.zeros(_ROOM, np.bool_)
        self._taint_set = np.zeros(_ROOM, np.int64)
        self._scored_cpu = np.zeros(_ROOM, np.int64)
        self._scored_memory = np.zeros(_ROOM, np.int64)
        self._allocatable, self._requested = Columns(_ROOM), Columns(_ROOM)
        self._domains = Columns(_ROOM, -1)
        self.counts = PodCounts(_ROOM, self.pods)
        for name in _BASIC:
            _ = self._allocatable[name], self._requested[name]
        self._intern_taints(())

    # Columns, all of `size` rows

    @property
    def exists(self) -> Mask:
        """Rows that stand for a node of the cluster."""
        return self._exists[: self.size]

    @property
    def unschedulable(self) -> Mask:
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
        return self._allocatable[resource][: self.size]

    def requested(self, resource: str) -> Ints:
        """How much of *resource* the pods on each node have requested."""
        return self._requested[resource][: self.size]

    def domain(self, label: str) -> Ints:
        """A number for each node's value of *label*; -1 where the node lacks it."""
        column = self._domains.get(label)
        if column is None:
            column = self._domains[label]
            self._domain_ids[label] = {}
            for row, node in enumerate(self.nodes):
                column[row] = self._domain_of(label, node)
        return column[: self.size]

    def domain_values(self, label: str) -> Mapping[str, int]:
        """The values of *label* that were ever seen, with their numbers."""
        self.domain(label)
        return self._domain_ids[label]

    def count(self, group: Group) -> Ints:
        """How many pods of *group* are on each node; kept current from the first call on."""
        return self.counts.of_group(group)[: self.size]

    # Nodes

    def node(self, row: int) -> Node:
        """The node of a row that exists."""
        node = self.nodes[row]
        assert node is not None
        return node

    def put_node(self, node: Node) -> None:
        """Add *node*, or take over its present state."""
        row = self._row_for(node.metadata.name)
        old, self.nodes[row] = self.nodes[row], node
        self.node_count += old is None
        self._exists[row] = True
        self._unschedulable[row] = node.spec.unschedulable
        self._taint_set[row] = self._intern_taints(node.spec.taints)
        amounts = _amounts(node.status.allocatable or node.status.capacity)
        for name in amounts:
            _ = self._allocatable[name]
        for name in self._allocatable:
            self._allocatable[name][row] = amounts.get(name, 0)
        for label in self._domains:
            self._domains[label][row] = self._domain_of(label, node)
        self.images.put(row, () if old is None else old.status.images, node.status.images)
        self._log.append(~row)

    def remove_node(self, name: str) -> None:
        """Forget the node; its pods stay counted for when it comes back."""
        row = self.rows.get(name)
        node = None if row is None else self.nodes[row]
        if row is not None and node is not None:
            self.nodes[row] = None
            self.node_count -= 1
            self._exists[row] = False
            for label in self._domains:
                self._domains[label][row] = -1
            self.images.put(row, node.status.images, ())
            self._log.append(~row)

    def replace_node(self, node: Node) -> None:
        """Take over a node that differs in nothing the table looks at."""
        self.nodes[self.rows[node.metadata.name]] = node

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
                and _is_leaving(placed.info) == _is_leaving(info)
            ):
                placed.info = self._on_row[placed.row][info.key] = info
                return False
            self.displace(info.key)
        self._put(info, self._row_for(node_name))
        return True

    def displace(self, key: str) -> Placed | None:
        """Count a pod no longer; it is returned, None if it was not counted."""
        placed = self._placed.pop(key, None)
        if placed is None:
            return None
        del self._on_row[placed.row][key]
        self._add(placed.info, placed.row, -1)
        return placed

    @contextmanager
    def supposing(
        self, row: int, *, without: Iterable[PodInfo] = (), plus: Iterable[PodInfo] = ()
    ) -> Iterator[None]:
        """For a while, count *plus* on a row as well, and *without* not."""
        lifted = [placed for info in without if (placed := self.displace(info.key)) is not None]
        added = [info for info in plus if info.key not in self._placed]
        for info in added:
            self._put(info, row)
        try:
            yield
        finally:
            for info in added:
                self.displace(info.key)
            for placed in lifted:
                self._put(placed.info, placed.row)

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

    def changed_since(self, version: int) -> Changed | None:
        """The rows that changed after *version*; None if that is too long ago to tell."""
        if version < self._log_start:
            return None
        recent = self._log[version - self._log_start :]
        if len(recent) == 1:
            row = recent[0]
            return Changed(*((_one(~row), _NONE) if row < 0 else (_NONE, _one(row))))
        nodes = dict.fromkeys(~row for row in recent if row < 0)
        pods = dict.fromkeys(row for row in recent if row >= 0 and row not in nodes)
        return Changed(np.array(list(nodes), np.intp), np.array(list(pods), np.intp))

    def trim_log(self, keep: int = 4096) -> None:
        """Forget the changes before the last *keep*, once there are twice as many."""
        if len(self._log) > 2 * keep:
            surplus = len(self._log) - keep
            del self._log[:surplus]
            self._log_start += surplus

    def _put(self, info: PodInfo, row: int) -> None:
        self._placed[info.key] = Placed(info, row)
        self._on_row.setdefault(row, {})[info.key] = info
        self._add(info, row, 1)

    def _add(self, info: PodInfo, row: int, sign: int) -> None:
        for name, amount in info.requests:
            self._requested[name][row] += sign * amount
        self._requested["pods"][row] += sign
        self._scored_cpu[row] += sign * info.scored_cpu
        self._scored_memory[row] += sign * info.scored_memory
        for address, protocol, port in info.host_ports:
            taken = self.ports.setdefault((protocol, port), {}).setdefault(row, Counter())
            taken[address] += sign
            if not +taken:
                del self.ports[protocol, port][row]
                if not self.ports[protocol, port]:
                    del self.ports[protocol, port]
        for name in info.claims:
            claim = f"{info.namespace}/{name}"
            self.claim_users[claim] += sign
            if not self.claim_users[claim]:
                del self.claim_users[claim]
        self.counts.add(info, row, sign)
        self._log.append(row)

    def _row_for(self, name: str) -> int:
        row = self.rows.get(name)
        if row is None:
            row = self.rows[name] = self.size
            self.names.append(name)
            self.nodes.append(None)
            self.size += 1
            if self.size > self._room:
                self._grow()
        return row

    def _grow(self) -> None:
        more = self._room
        self._room += more
        flags, numbers = np.zeros(more, np.bool_), np.zeros(more, np.int64)
        self._exists = np.concatenate([self._exists, flags])
        self._unschedulable = np.concatenate([self._unschedulable, flags])
        self._taint_set = np.concatenate([self._taint_set, numbers])
        self._scored_cpu = np.concatenate([self._scored_cpu, numbers])
        self._scored_memory = np.concatenate([self._scored_memory, numbers])
        for columns in (self._allocatable, self._requested, self._domains):
            columns.grow(self._room)
        self.counts.grow(self._room)

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


_NONE: Rows = np.zeros(0, np.intp)


def _one(row: int) -> Rows:
    return np.array([row], np.intp)


def _is_leaving(info: PodInfo) -> bool:
    return info.pod.metadata.deletion_timestamp is not None


def _amounts(resources: Mapping[str, str]) -> Amounts:
    return {name: amount_of(name, quantity) for name, quantity in (resources or EMPTY).items()}

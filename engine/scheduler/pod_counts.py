"""How many pods of a group are on each node, and which terms the pods there carry.

A group or a kind of term is counted from the first time someone asks for it.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from engine.api.frozen import EMPTY
from engine.scheduler.affinity_term import AffinityTerm
from engine.scheduler.columns import Columns, Ints
from engine.scheduler.pod_group import Group
from engine.scheduler.pod_info import PodInfo

Pods = Callable[[], Iterator[tuple[int, PodInfo]]]

_MEMO = 4096


@attrs.define(eq=False)
class PodCounts:
    """Counts per row, kept current by `add`.

    Attributes:
        required_anti: per required anti-affinity term, how many pods on a row carry it.
        required: the same for required affinity terms.
        preferred: the same for preferred terms, by term and whether it is against.
    """

    room: int
    pods: Pods
    required_anti: Columns[AffinityTerm] = attrs.field(init=False)
    required: Columns[AffinityTerm] = attrs.field(init=False)
    preferred: Columns[tuple[AffinityTerm, bool]] = attrs.field(init=False)
    _namespaces: dict[str, Mapping[str, str]] = attrs.field(factory=dict, init=False)
    _groups: Columns[Group] = attrs.field(init=False)
    _carriers: dict[object, int] = attrs.field(factory=dict, init=False)
    _memo: dict[object, tuple[Group, ...]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.required_anti, self.required = Columns(self.room), Columns(self.room)
        self.preferred, self._groups = Columns(self.room), Columns(self.room)

    def of_group(self, group: Group) -> Ints:
        """How many pods of *group* are on each row, with all the room there is."""
        known = self._groups.get(group)
        if known is not None:
            return known
        counts = self._groups[group]
        for row, info in self.pods():
            counts[row] += group.has(info, self.labels_of(info.namespace))
        self._memo.clear()
        return counts

    def forget(self, group: Group) -> None:
        """Count a group no longer."""
        self._groups.drop(group)
        self._memo.clear()

    def groups(self) -> tuple[Group, ...]:
        """The groups that are counted."""
        return tuple(self._groups)

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace, as far as they are known."""
        return self._namespaces.get(namespace, EMPTY)

    def put_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Take over a namespace's labels; what depends on them is counted anew."""
        if self.labels_of(name) != labels:
            self._namespaces[name] = labels
            for group in self.groups():
                if getattr(group, "namespace_selector", None) is not None:
                    self.forget(group)

    def forget_namespace(self, name: str) -> None:
        """A namespace is gone, and its pods with it."""
        self._namespaces.pop(name, None)

    def add(self, info: PodInfo, row: int, sign: int) -> None:
        """Count a pod on a row, or (with -1) no longer."""
        if len(self._groups):
            for group in self._groups_of(info):
                self._groups[group][row] += sign
        affinity = info.affinity
        if affinity.is_empty:
            return
        for term in affinity.required_anti:
            self._carry(self.required_anti, term, row, sign)
        for term in affinity.required:
            self._carry(self.required, term, row, sign)
        for term in affinity.preferred:
            self._carry(self.preferred, (term, False), row, sign)
        for term in affinity.preferred_anti:
            self._carry(self.preferred, (term, True), row, sign)

    def grow(self, room: int) -> None:
        """Give every column *room* rows."""
        self.room = room
        for columns in (self.required_anti, self.required, self.preferred, self._groups):
            columns.grow(room)

    def _carry(self, columns: "Columns[AffinityTerm] | Columns[tuple[AffinityTerm, bool]]",
               term: object, row: int, sign: int) -> None:  # fmt: skip
        columns[term][row] += sign  # type: ignore[index]  # each caller pairs them
        key = (id(columns), term)
        left = self._carriers.get(key, 0) + sign
        if left:
            self._carriers[key] = left
        else:
            self._carriers.pop(key, None)
            columns.drop(term)  # type: ignore[arg-type]  # each caller pairs them

    def _groups_of(self, info: PodInfo) -> tuple[Group, ...]:
        metadata = info.pod.metadata
        key = (
            metadata.namespace,
            info.owner,
            metadata.labels,
            metadata.deletion_timestamp is None,
        )
        found = self._memo.get(key)
        if found is None:
            labels = self.labels_of(info.namespace)
            found = tuple(group for group in self._groups if group.has(info, labels))
            if len(self._memo) > _MEMO:
                self._memo.clear()
            self._memo[key] = found
        return found

"""Invariants of pods: where they are, who writes their status, how many there may be."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import attrs

from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.quantity import parse
from engine.api.quota import ResourceQuota
from engine.api.usage import pod_requests
from engine.faults.invariants.violation import Report
from engine.store.kv import Change
from engine.telemetry.trace import Origin

MIRROR = "kubernetes.io/config.mirror"
STALE_SECONDS = 15.0


def before_and_after(change: Change[Any], cls: type[Any]) -> tuple[Any, Any] | None:
    """The object before and after, None where it is not; None if it is of another kind."""
    new = None if change.type == "delete" else change.kv.value
    old = change.prev_kv.value if change.prev_kv is not None else None
    if not isinstance(new if new is not None else old, cls):
        return None
    return old, new


@attrs.define(eq=False)
class PodStays:
    """A pod is bound once."""

    name: str = "pod-stays"
    promise: str = "a bound pod never changes node"
    kinds: tuple[type, ...] = (Pod,)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Compare the node before and after."""
        found = before_and_after(change, Pod)
        if found is None or None in found:
            return
        old, new = found
        if old.metadata.uid != new.metadata.uid:
            return
        if old.spec.node_name and new.spec.node_name != old.spec.node_name:
            broken(f"moved from {old.spec.node_name} to {new.spec.node_name or 'nowhere'}", new.key)

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


_AMOUNTS_KEPT = 1024


@attrs.define(eq=False)
class NodeFits:
    """The scheduler never gives a node more than it has."""

    name: str = "node-not-overcommitted"
    promise: str = "the requests of a node's pods never exceed what it has"
    kinds: tuple[type, ...] = (Pod, Node)
    _room: dict[str, dict[str, Decimal]] = attrs.field(factory=dict)
    _used: dict[str, dict[str, Decimal]] = attrs.field(factory=dict)
    _pods: dict[str, tuple[str, dict[str, Decimal]]] = attrs.field(factory=dict)
    _amounts: dict[tuple[tuple[str, Decimal], ...], dict[str, Decimal]] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Keep the sums, and compare when a pod is bound."""
        found = before_and_after(change, Pod)
        if found is None:
            self._node(change)
            return
        old, new = found
        if old is not None and new is not None and old.spec is new.spec:
            has_ended = new.status.phase in ("Succeeded", "Failed")
            if not has_ended or new.metadata.uid not in self._pods:
                return
        pod = new or old
        self._leave(pod.metadata.uid)
        if new is None or not new.spec.node_name or new.status.phase in ("Succeeded", "Failed"):
            return
        asked = {**pod_requests(new.spec), "pods": Decimal(1)}
        # Pods of one template ask for the same.
        if len(self._amounts) > _AMOUNTS_KEPT:
            self._amounts.clear()
        asked = self._amounts.setdefault(tuple(asked.items()), asked)
        node = new.spec.node_name
        self._pods[new.metadata.uid] = (node, asked)
        used = self._used.setdefault(node, {})
        for resource, amount in asked.items():
            used[resource] = used.get(resource, Decimal(0)) + amount
        is_bound_now = old is None or not old.spec.node_name
        if is_bound_now and not _is_exempt(new) and node in self._room:
            room = self._room[node]
            for resource, amount in asked.items():
                if resource in room and amount and used[resource] > room[resource]:
                    words = f"{node} has {room[resource]} {resource} and is asked for"
                    broken(f"{words} {used[resource]}", new.key, f"node/{node}")

    def _node(self, change: Change[Any]) -> None:
        found = before_and_after(change, Node)
        if found is None:
            return
        old, new = found
        if new is None:
            self._room.pop(old.metadata.name, None)
        elif old is None or new.status.allocatable != old.status.allocatable:
            amounts = {name: parse(text) for name, text in new.status.allocatable.items()}
            self._room[new.metadata.name] = amounts

    def _leave(self, uid: str) -> None:
        known = self._pods.pop(uid, None)
        if known is not None:
            used = self._used[known[0]]
            for resource, amount in known[1].items():
                used[resource] -= amount
            if known[0] not in self._room and not any(used.values()):
                del self._used[known[0]]

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


def _is_exempt(pod: Pod) -> bool:
    """Whether somebody else than a scheduler has placed it: its node, or who named the node."""
    bound = any(
        condition.type == "PodScheduled" and condition.status == "True"
        for condition in pod.status.conditions
    )
    return MIRROR in pod.metadata.annotations or not bound


@attrs.define(eq=False)
class QuotaHolds:
    """Nobody gets more than a quota allows."""

    name: str = "quota-holds"
    promise: str = "quotas are never exceeded by what is made"
    kinds: tuple[type, ...] = (Pod, ResourceQuota)
    _pods: dict[str, dict[str, None]] = attrs.field(factory=dict)
    _quotas: dict[str, ResourceQuota] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Count the pods of each namespace, and compare when one is made."""
        found = before_and_after(change, Pod)
        if found is None:
            self._quota(change)
            return
        old, new = found
        pod = new or old
        counted = self._pods.setdefault(pod.metadata.namespace, {})
        if new is None or new.status.phase in ("Succeeded", "Failed"):
            counted.pop(pod.metadata.uid, None)
            if not counted:
                del self._pods[pod.metadata.namespace]
            return
        counted[pod.metadata.uid] = None
        if old is not None or MIRROR in new.metadata.annotations:
            return
        for quota in self._quotas.values():
            hard = quota.spec.hard.get("pods")
            if quota.metadata.namespace != new.metadata.namespace or hard is None:
                continue
            if not quota.spec.scopes and len(counted) > int(parse(hard)):
                broken(f"{len(counted)} pods where {hard} may be", new.key, quota.key)

    def _quota(self, change: Change[Any]) -> None:
        found = before_and_after(change, ResourceQuota)
        if found is None:
            return
        old, new = found
        if new is None:
            self._quotas.pop(old.key, None)
        else:
            self._quotas[new.key] = new

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


Running = Callable[[], Iterable[tuple[str, str, str, str]]]
"""What runs on nodes that can be reached: node, namespace/name, uid of each sandbox."""


_FORCED_KEPT = 4096


@attrs.define(eq=False)
class OneOfEachOrdinal:
    """Two pods of one name never run at the same time, unless somebody forced the first away."""

    running: Running
    name: str = "statefulset-one-per-ordinal"
    promise: str = "a StatefulSet never runs two pods of one ordinal"
    kinds: tuple[type, ...] = (Pod,)
    _forced: dict[str, None] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """When a pod of a set is bound, nothing of an earlier one may run."""
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        if new is None:
            origin = change.origin
            actor = origin.actor if isinstance(origin, Origin) else ""
            if old.spec.node_name and not actor.startswith("kubelet"):
                self._forced[old.metadata.uid] = None
                if len(self._forced) > _FORCED_KEPT:
                    del self._forced[next(iter(self._forced))]
            return
        if not new.spec.node_name or (old is not None and old.spec.node_name):
            return
        if not any(owner.kind == "StatefulSet" for owner in new.metadata.owner_references):
            return
        for node, key, uid, state in self.running():
            if key == new.key and uid != new.metadata.uid and uid not in self._forced:
                broken(f"is bound while an earlier one is {state} on {node}", new.key)

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


@attrs.define(eq=False)
class ContainersAreKnown:
    """What runs on a node is somebody's.

    Static pods run on when the Node object is deleted, and nothing shows them then.
    """

    running: Running
    name: str = "containers-known"
    promise: str = "every container belongs to a pod that the store knows or is being removed"
    kinds: tuple[type, ...] = (Pod, Node)
    _nodes: dict[str, None] = attrs.field(factory=dict)
    _static: dict[str, None] = attrs.field(factory=dict)
    _uids: dict[str, None] = attrs.field(factory=dict)
    _suspects: dict[str, float] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Remember which pods and nodes there are."""
        del broken
        node = before_and_after(change, Node)
        if node is not None:
            self._note_node(*node)
            return
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        meta = (new or old).metadata
        uid = meta.annotations.get(MIRROR) or meta.uid
        if MIRROR in meta.annotations:
            self._static[uid] = None
        if new is None:
            self._uids.pop(uid, None)
        else:
            self._uids[uid] = None

    def _note_node(self, old: Node | None, new: Node | None) -> None:
        if new is not None:
            self._nodes[new.metadata.name] = None
        elif old is not None:
            self._nodes.pop(old.metadata.name, None)

    def on_quiet(self, now: float, broken: Report) -> None:
        """A sandbox that nobody knows may stay for as long as removing takes."""
        left: dict[str, float] = {}
        for node, key, uid, _state in self.running():
            if uid in self._uids or (uid in self._static and node not in self._nodes):
                continue
            left[uid] = self._suspects.get(uid, now)
            if now - left[uid] > 2 * STALE_SECONDS:
                broken(f"runs on {node} and is no pod any more", key)
                left[uid] = now
        self._suspects = left

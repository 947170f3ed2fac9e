"""Invariants of volumes and budgets."""

from typing import Any

import attrs

from engine.api.meta import condition_of, is_true
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.selectors import matches
from engine.faults.invariants.pods import before_and_after
from engine.faults.invariants.violation import Report
from engine.store.kv import Change


@attrs.define(eq=False)
class OneMountNode:
    """A volume for one node is in use on one node."""

    name: str = "rwo-on-one-node"
    promise: str = "no volume with ReadWriteOnce is mounted on two nodes"
    _claims: dict[str, bool] = attrs.field(factory=dict)
    _users: dict[str, dict[str, str]] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Remember on which nodes containers run that use a claim."""
        found = before_and_after(change, PersistentVolumeClaim)
        if found is not None:
            old, new = found
            modes = (new or old).spec.access_modes
            self._claims[(new or old).key] = set(modes) <= {"ReadWriteOnce", "ReadWriteOncePod"}
            return
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        pod = new or old
        claims = [
            f"{pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}"
            for volume in pod.spec.volumes
            if volume.persistent_volume_claim is not None
        ]
        for claim in claims:
            users = self._users.setdefault(claim, {})
            users.pop(pod.metadata.uid, None)
            runs = new is not None and any(
                status.state.running is not None for status in new.status.container_statuses
            )
            if not runs or not self._claims.get(claim, False):
                continue
            users[pod.metadata.uid] = pod.spec.node_name
            nodes = sorted(set(users.values()))
            if len(nodes) > 1:
                broken(f"is mounted on {' and '.join(nodes)}", claim, pod.key)

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


@attrs.define(eq=False)
class BudgetsHold:
    """An eviction leaves as many pods healthy as a budget wants."""

    name: str = "budgets-hold"
    promise: str = "a PodDisruptionBudget is never broken by an eviction"
    _pods: dict[str, Pod] = attrs.field(factory=dict)
    _budgets: dict[str, PodDisruptionBudget] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Count when a pod is evicted."""
        found = before_and_after(change, PodDisruptionBudget)
        if found is not None:
            old, new = found
            if new is None:
                self._budgets.pop(old.key, None)
            else:
                self._budgets[new.key] = new
            return
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        if new is None:
            self._pods.pop(old.key, None)
            return
        self._pods[new.key] = new
        if old is None or not _is_evicted(new) or _is_evicted(old):
            return
        for budget in self._budgets.values():
            if budget.metadata.namespace == new.metadata.namespace and matches(
                budget.spec.selector, new.metadata.labels
            ):
                self._judge(budget, old, broken)

    def _judge(self, budget: PodDisruptionBudget, pod: Pod, broken: Report) -> None:
        if not is_true(pod.status.conditions, "Ready"):
            return
        healthy = sum(
            1
            for other in self._pods.values()
            if other.metadata.namespace == budget.metadata.namespace
            and other.metadata.deletion_timestamp is None
            and not _is_evicted(other)
            and is_true(other.status.conditions, "Ready")
            and matches(budget.spec.selector, other.metadata.labels)
        )
        wanted = budget.status.desired_healthy or 0
        if healthy < wanted:
            broken(f"leaves {healthy} healthy pods where {wanted} must be", pod.key, budget.key)

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


def _is_evicted(pod: Pod) -> bool:
    condition = condition_of(pod.status.conditions, "DisruptionTarget")
    return condition is not None and condition.reason == "EvictionByEvictionAPI"

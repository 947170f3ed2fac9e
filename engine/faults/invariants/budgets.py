"""The invariant of evictions: they spend no more than a disruption budget allows."""

from typing import Any

import attrs

from engine.api.meta import condition_of, is_true
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.selectors import matches
from engine.faults.invariants.pods import before_and_after
from engine.faults.invariants.violation import Report
from engine.store.kv import Change

MISCOUNTED_SECONDS = 30.0


@attrs.define(eq=False)
class _Account:
    """A budget, as its controller last counted it, and the healthy pods evicted since."""

    budget: PodDisruptionBudget
    evicted: int = 0
    wrong_since: float | None = None

    @property
    def allowed(self) -> int:
        """How many healthy pods may go by the controller's count."""
        status = self.budget.status
        return max(0, status.current_healthy - self.wanted)

    @property
    def wanted(self) -> int:
        """How many have to stay healthy: what the budget itself says if it says a number."""
        least = self.budget.spec.min_available
        return least if isinstance(least, int) else self.budget.status.desired_healthy


@attrs.define(eq=False)
class BudgetsHold:
    """An eviction leaves as many pods healthy as a budget wants.

    What a pod loses otherwise is not an eviction's fault, so each eviction is held against the
    count its budget had, and the counts are held against the pods when nothing disturbs.
    """

    name: str = "budgets-hold"
    promise: str = "a PodDisruptionBudget is never broken by an eviction"
    kinds: tuple[type, ...] = (PodDisruptionBudget, Pod)
    _pods: dict[str, Pod] = attrs.field(factory=dict)
    _accounts: dict[str, _Account] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Count when a pod is evicted."""
        found = before_and_after(change, PodDisruptionBudget)
        if found is not None:
            self._budget(*found)
            return
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        if new is None:
            self._pods.pop(old.key, None)
            return
        self._pods[new.key] = new
        if old is None or not _is_evicted(new) or not _counts(old):
            return
        for account in self._accounts.values():
            if _covers(account.budget, old):
                account.evicted += 1
                if account.evicted > account.allowed:
                    healthy = account.budget.status.current_healthy
                    left = healthy - account.evicted
                    broken(
                        f"leaves {left} healthy pods where {account.wanted} must be",
                        new.key,
                        account.budget.key,
                    )

    def _budget(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        if new is None:
            assert old is not None
            self._accounts.pop(old.key, None)
            return
        account = self._accounts.setdefault(new.key, _Account(new))
        # Whoever evicts only spends; every other write of the status is a new count.
        is_spent = (
            old is not None
            and new.spec == old.spec
            and new.status.disruptions_allowed < old.status.disruptions_allowed
            and new.status.current_healthy == old.status.current_healthy
            and new.status.observed_generation == old.status.observed_generation
        )
        if not is_spent and (old is None or new.status != old.status):
            account.evicted = 0
        account.budget = new

    def on_quiet(self, now: float, broken: Report) -> None:
        """Budgets count the healthy pods that there are."""
        for key, account in self._accounts.items():
            budget = account.budget
            healthy = sum(1 for pod in self._pods.values() if _counts(pod) and _covers(budget, pod))
            said = budget.status.current_healthy
            is_new = budget.status.observed_generation < budget.metadata.generation
            if healthy == said or is_new or budget.status.disrupted_pods:
                account.wrong_since = None
                continue
            if account.wrong_since is None:
                account.wrong_since = now
            elif now - account.wrong_since > MISCOUNTED_SECONDS:
                broken(f"counts {said} healthy pods where {healthy} are", key)
                account.wrong_since = now


def _covers(budget: PodDisruptionBudget, pod: Pod) -> bool:
    return budget.metadata.namespace == pod.metadata.namespace and matches(
        budget.spec.selector, pod.metadata.labels
    )


def _counts(pod: Pod) -> bool:
    """Whether a budget counts on it."""
    return (
        pod.metadata.deletion_timestamp is None
        and pod.status.phase == "Running"
        and not _is_evicted(pod)
        and is_true(pod.status.conditions, "Ready")
    )


def _is_evicted(pod: Pod) -> bool:
    condition = condition_of(pod.status.conditions, "DisruptionTarget")
    return condition is not None and condition.reason == "EvictionByEvictionAPI"

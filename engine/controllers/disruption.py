"""Keeps the status of PodDisruptionBudgets: how many pods may be evicted now.

Source: disruption.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.frozen import FrozenDict
from engine.api.meta import StandardCondition, condition_of, controller_of
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from engine.api.replication import ReplicationController
from engine.api.selectors import from_label_selector, selector_text
from engine.api.stateful import StatefulSet
from engine.api.wire import Time
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.amount import scaled
from engine.controllers.controller import QueueController
from engine.controllers.ownership import resolve_controller
from engine.controllers.pod_state import is_ready, is_terminal
from engine.errors import EngineError

DELETION_TIMEOUT = 120.0
"""Seconds an evicted pod may take to go before it counts as not evicted after all."""


UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. "
    "As a result, the status of the PDB cannot be calculated correctly, which may result in "
    'undefined behavior. To account for these pods please set ".spec.minAvailable" field of the '
    "PDB to an integer value."
)


class UnscaledError(EngineError):
    """A budget in parts covers a pod whose controller does not say how many there should be."""


@attrs.frozen
class Expected:
    """How many pods there should be, and how many of them must be healthy."""

    pods: int
    healthy: int


def expected(
    budget: PodDisruptionBudget, pods: Sequence[Pod], scales: Mapping[str, int]
) -> Expected:
    """What the budget demands.

    Percentages and maxUnavailable refer to what the pods' controllers want (*scales*, by uid), a
    plain minAvailable to the pods there are.
    """
    spec = budget.spec
    if spec.max_unavailable is not None:
        total = sum(scales.values())
        allowed = scaled(spec.max_unavailable, total, round_up=True)
        return Expected(total, max(0, total - allowed))
    if isinstance(spec.min_available, int):
        return Expected(len(pods), spec.min_available)
    if spec.min_available is not None:
        total = sum(scales.values())
        return Expected(total, scaled(spec.min_available, total, round_up=True))
    return Expected(len(pods), 0)


def budget_status(
    budget: PodDisruptionBudget, pods: Sequence[Pod], wanted: Expected, *, now: float
) -> PodDisruptionBudgetStatus:
    """The status: pods that are going, or were evicted a moment ago, are not healthy."""
    present = {pod.metadata.name: pod for pod in pods}
    disrupted = {
        name: since
        for name, since in budget.status.disrupted_pods.items()
        if name in present
        and present[name].metadata.deletion_timestamp is None
        and now < since + DELETION_TIMEOUT
    }
    healthy = sum(
        is_ready(pod)
        and pod.metadata.deletion_timestamp is None
        and pod.metadata.name not in disrupted
        for pod in pods
    )
    allowed = max(0, healthy - wanted.healthy) if wanted.pods > 0 else 0
    condition = StandardCondition(
        type="DisruptionAllowed",
        status="True" if allowed else "False",
        reason="SufficientPods" if allowed else "InsufficientPods",
        observed_generation=budget.metadata.generation,
        last_transition_time=Time(now),
    )
    before = condition_of(budget.status.conditions, condition.type)
    if before is not None and before.status == condition.status:
        since = before.last_transition_time
        condition = attrs.evolve(condition, last_transition_time=since)
    return attrs.evolve(
        budget.status,
        observed_generation=budget.metadata.generation,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=wanted.healthy,
        expected_pods=wanted.pods,
        disrupted_pods=FrozenDict(disrupted),
        conditions=(
            *(c for c in budget.status.conditions if c.type != condition.type),
            condition,
        ),
    )


@attrs.define(eq=False)
class DisruptionController(QueueController):
    """Counts healthy pods for every budget; the API server refuses evictions by that count."""

    QUEUE: ClassVar[str] = "disruption"

    _budgets: Informer[PodDisruptionBudget] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _sets: Informer[ReplicaSet] = attrs.field(init=False)
    _deployments: Informer[Deployment] = attrs.field(init=False)
    _stateful: Informer[StatefulSet] = attrs.field(init=False)
    _replicated: Informer[ReplicationController] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._budgets = self.informers.informer(PodDisruptionBudget)
        self._pods = self.informers.informer(Pod)
        self._sets = self.informers.informer(ReplicaSet)
        self._deployments = self.informers.informer(Deployment)
        self._stateful = self.informers.informer(StatefulSet)
        self._replicated = self.informers.informer(ReplicationController)
        self._budgets.add_handler(self.enqueue)
        self._pods.add_handler(self._on_pod)
        for scaled_by in (self._deployments, self._sets, self._stateful, self._replicated):
            scaled_by.add_handler(self._on_scale)

    def reconcile(self, key: str) -> Result | None:
        """Bring one budget's status up to date."""
        budget = self._budgets.lister.by_key(key)
        if budget is None:
            return None
        selector = from_label_selector(budget.spec.selector)
        if selector is None:
            return None
        found = self._pods.lister.list(namespace=budget.metadata.namespace, selector=selector)
        pods = [pod for pod in found if not is_terminal(pod)]
        if not pods:
            self.recorder.normal(budget, "NoPods", "No matching pods found")
        try:
            scales = self._scales(budget, pods) if needs_scales(budget) else {}
        except UnscaledError as error:
            message = f"Failed to calculate the number of expected pods: {error}"
            self.recorder.warning(budget, "CalculateExpectedPodCountFailed", message)
            status = failed_status(budget, str(error), now=self.loop.now)
        else:
            wanted = expected(budget, pods, scales)
            status = budget_status(budget, pods, wanted, now=self.loop.now)
        if status != budget.status:
            self.client.update_status(attrs.evolve(budget, status=status))
        if status.disrupted_pods:
            oldest = min(status.disrupted_pods.values())
            return Result(requeue_after=max(1.0, oldest + DELETION_TIMEOUT - self.loop.now))
        return None

    def _scales(self, budget: PodDisruptionBudget, pods: Iterable[Pod]) -> dict[str, int]:
        """What the pods' controllers want, each counted once.

        Pods without a controller count for nothing; an event says so.

        Raises:
            UnscaledError: a pod has a controller that says no number.
        """
        scales: dict[str, int] = {}
        has_unmanaged = False
        for pod in pods:
            owner = controller_of(pod)
            if owner is None:
                has_unmanaged = True
                continue
            scaled_by = self._scaled_by(pod)
            if scaled_by is None:
                raise UnscaledError(
                    f"{owner.kind.lower()}s.{owner.api_version.partition('/')[0]} does not "
                    "implement the scale subresource"
                )
            replicas = scaled_by.spec.replicas
            scales[scaled_by.metadata.uid] = 1 if replicas is None else replicas
        if has_unmanaged:
            selector = selector_text(budget.spec.selector)
            self.recorder.warning(budget, "UnmanagedPods", UNMANAGED.format(selector=selector))
        return scales

    def _scaled_by(self, pod: Pod) -> Any:
        """The object whose number of replicas made *pod*, or None."""
        replica_set = resolve_controller(self._sets, pod)
        if replica_set is not None:
            return resolve_controller(self._deployments, replica_set) or replica_set
        return resolve_controller(self._stateful, pod) or resolve_controller(self._replicated, pod)

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if len(self._budgets.indexer) == 0:
            return
        for pod in (old, new):
            if pod is not None:
                self._enqueue_budgets_of(pod)

    def _enqueue_budgets_of(self, pod: Pod) -> None:
        for budget in self._budgets.lister.list(namespace=pod.metadata.namespace):
            selector = from_label_selector(budget.spec.selector)
            if selector is not None and selector.matches(pod.metadata.labels):
                self.queue.add(budget.key)

    def _on_scale(self, _key: str, old: Any, new: Any) -> None:
        found = new or old
        if found is None or len(self._budgets.indexer) == 0:
            return
        if old is not None and new is not None and old.spec.replicas == new.spec.replicas:
            return
        for budget in self._budgets.lister.list(namespace=found.metadata.namespace):
            self.queue.add(budget.key)


def needs_scales(budget: PodDisruptionBudget) -> bool:
    """Whether the budget speaks of a part of what controllers want."""
    spec = budget.spec
    return spec.max_unavailable is not None or isinstance(spec.min_available, str)


def failed_status(
    budget: PodDisruptionBudget, why: str, *, now: float
) -> PodDisruptionBudgetStatus:
    """The status of a budget that cannot be worked out: nothing may be disrupted."""
    condition = StandardCondition(
        type="DisruptionAllowed",
        status="False",
        reason="SyncFailed",
        message=why,
        observed_generation=budget.status.observed_generation,
        last_transition_time=Time(now),
    )
    before = condition_of(budget.status.conditions, condition.type)
    if before is not None and before.status == condition.status:
        condition = attrs.evolve(condition, last_transition_time=before.last_transition_time)
    others = tuple(c for c in budget.status.conditions if c.type != condition.type)
    return attrs.evolve(budget.status, disruptions_allowed=0, conditions=(*others, condition))

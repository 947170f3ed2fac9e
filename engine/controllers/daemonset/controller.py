"""Runs DaemonSets: one pod on every node that suits.

Source: pkg/controller/daemon/daemon_controller.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import attrs

from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.selectors import Selector, from_label_selector
from engine.api.stateful import ControllerRevision, DaemonSet, DaemonSetStatus
from engine.apiserver.errors import ApiError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.daemonset.placement import (
    Fit,
    by_node,
    daemon_template,
    fit,
)
from engine.controllers.daemonset.plan import (
    DaemonPlan,
    PodsByNode,
    count_status,
    place,
    update,
)
from engine.controllers.expectations import Expectations
from engine.controllers.owned_pods import BATCH_PERIOD, OwnedPods
from engine.controllers.ownership import Claimer, index_by_controller
from engine.controllers.pod_control import PodControl, is_namespace_terminating
from engine.controllers.pod_state import available_at
from engine.controllers.replicaset import batches
from engine.controllers.revision_history import REVISION_LABEL, RevisionHistory
from engine.kernel.backoff import Backoff

BURST = 250
"""At most so many pods are created or deleted in one pass."""

FAILED_POD_BACKOFF = (1.0, 900.0)
"""Seconds before an ended pod of a node is replaced: the first time, and at most."""


@attrs.define(eq=False)
class DaemonSetController(QueueController):
    """Creates, replaces and deletes daemon pods, and reports on how many nodes they are.

    Promises:
        * a node that suits has one pod, or two while a surging update replaces it;
        * an update never takes more nodes down at once than it may, besides those already down.
    """

    QUEUE: ClassVar[str] = "daemonset"

    _sets: Informer[DaemonSet] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _revisions: Informer[ControllerRevision] = attrs.field(init=False)
    _claimer: Claimer[Pod] = attrs.field(init=False)
    _revision_claimer: Claimer[ControllerRevision] = attrs.field(init=False)
    _control: PodControl = attrs.field(init=False)
    _history: RevisionHistory = attrs.field(init=False)
    _expectations: Expectations = attrs.field(init=False)
    _failures: Backoff[str] = attrs.field(init=False)
    _retry_at: dict[str, float] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._sets = self.informers.informer(DaemonSet)
        self._pods = self.informers.informer(Pod)
        self._nodes = self.informers.informer(Node)
        self._revisions = self.informers.informer(ControllerRevision)
        index_by_controller(self._revisions)
        self._claimer = Claimer(self.client, self._pods)
        self._revision_claimer = Claimer(self.client, self._revisions)
        self._control = PodControl(self.client, self.recorder)
        self._history = RevisionHistory(self.client, REVISION_LABEL)
        self._expectations = Expectations(self.loop)
        self._failures = Backoff(*FAILED_POD_BACKOFF)
        self._sets.add_handler(self._on_set)
        self._nodes.add_handler(self._on_node)
        OwnedPods(
            self._sets,
            self._pods,
            self.queue,
            selector_of=_selector,
            expectations=self._expectations,
            delay=BATCH_PERIOD,
        )

    def reconcile(self, key: str) -> Result | None:
        """Bring one DaemonSet's pods to its nodes, and report on them."""
        found = self._sets.lister.by_key(key)
        if found is None:
            self._expectations.forget(key)
            return None
        selector = _selector(found)
        if selector is None or selector.is_empty:
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self.recorder.warning(found, "SelectingAll", message)
            return None
        if found.metadata.deletion_timestamp is not None:
            return None
        known = self._revision_claimer.claim(found, selector)
        current, collisions = self._history.record(
            found, found.spec.template, known, found.status.collision_count
        )
        digest = current.metadata.labels.get(REVISION_LABEL, "")
        pods = self._claimer.claim(found, selector)
        grouped = by_node(pods)
        template = found.spec.template
        fits = {node.metadata.name: fit(template, node) for node in self._nodes_by_name()}
        delay, error = 0.0, None
        if self._expectations.are_satisfied(key):
            delay, error = self._manage(found, fits, grouped, digest)
        status = count_status(found, fits, grouped, digest, now=self.loop.now)
        self._report(found, attrs.evolve(status, collision_count=collisions or None))
        if error is not None:
            raise error
        self._clean_up(found, known, current, pods)
        return self._next_look(found, pods, delay)

    def _nodes_by_name(self) -> list[Node]:
        return sorted(self._nodes.lister, key=lambda node: node.metadata.name)

    def _manage(
        self, found: DaemonSet, fits: Mapping[str, Fit], pods: PodsByNode, digest: str
    ) -> tuple[float, ApiError | None]:
        """Place pods, or take a step of the update; seconds to wait, and what failed."""
        now = self.loop.now
        step = place(found, fits, pods, digest, now=now)
        delay, ended = self._replaceable(found, step.ended)
        step = attrs.evolve(step, delete=(*step.delete, *ended))
        if not (step.create or step.delete) and found.spec.update_strategy.type != "OnDelete":
            step = update(found, fits, pods, digest, now=now)
        return delay, self._sync(found, step, digest)

    def _replaceable(self, found: DaemonSet, ended: Iterable[Pod]) -> tuple[float, tuple[Pod, ...]]:
        """Those ended pods that may be replaced now, and the wait until the next may."""
        now, chosen, waits = self.loop.now, [], []
        for pod in ended:
            name = pod.metadata.name
            if pod.status.phase == "Succeeded":
                message = (
                    f"Found succeeded daemon pod {pod.key} on node {pod.spec.node_name}, will "
                    "try to delete it"
                )
                self.recorder.normal(found, "SucceededDaemonPod", message)
                chosen.append(pod)
                continue
            place_key = f"{found.metadata.uid}/{pod.spec.node_name}"
            wait = self._retry_at.get(place_key, 0.0) - now
            if wait > 0:
                waits.append(wait)
                continue
            self._retry_at[place_key] = now + self._failures.next_delay(place_key)
            message = (
                f"Found failed daemon pod {pod.metadata.namespace}/{name} on node "
                f"{pod.spec.node_name}, will try to kill it"
            )
            self.recorder.warning(found, "FailedDaemonPod", message)
            chosen.append(pod)
        return min(waits, default=0.0), tuple(chosen)

    def _sync(self, found: DaemonSet, step: DaemonPlan, digest: str) -> ApiError | None:
        key, failed = found.key, None
        create, delete = step.create[:BURST], step.delete[:BURST]
        if create:
            self._expectations.expect_creations(key, len(create))
            failed = self._create(found, create, digest)
        elif delete:
            self._expectations.expect_deletions(key, [pod.metadata.uid for pod in delete])
        for pod in delete:
            try:
                self._control.delete(pod, found)
            except ApiError as error:
                self._expectations.deletion_observed(key, pod.metadata.uid)
                failed = error
        return failed

    def _create(self, found: DaemonSet, nodes: Sequence[str], digest: str) -> ApiError | None:
        key, position = found.key, 0
        for size in batches(len(nodes)):
            failed: ApiError | None = None
            for node in nodes[position : position + size]:
                try:
                    self._control.create(daemon_template(found, node, digest), found)
                except ApiError as error:
                    self._expectations.creation_observed(key)
                    failed = None if is_namespace_terminating(error) else error
            position += size
            if failed is not None:
                self._expectations.creation_observed(key, len(nodes) - position)
                return failed
        return None

    def _report(self, found: DaemonSet, status: DaemonSetStatus) -> None:
        if status != found.status:
            self.client.update_status(attrs.evolve(found, status=status))

    def _clean_up(
        self,
        found: DaemonSet,
        known: Sequence[ControllerRevision],
        current: ControllerRevision,
        pods: Iterable[Pod],
    ) -> None:
        used = {pod.metadata.labels.get(REVISION_LABEL, "") for pod in pods}
        live = [
            revision.metadata.name
            for revision in known
            if revision.metadata.labels.get(REVISION_LABEL, "") in used
        ]
        names = [current.metadata.name, *live]
        self._history.truncate(known, names, found.spec.revision_history_limit)

    def _next_look(self, found: DaemonSet, pods: Iterable[Pod], delay: float) -> Result | None:
        now, min_ready = self.loop.now, found.spec.min_ready_seconds
        waits = [
            when - now for pod in pods if (when := available_at(pod, min_ready)) and when > now
        ]
        if delay > 0:
            waits.append(delay)
        return Result(requeue_after=min(waits)) if waits else None

    def _on_set(self, key: str, _old: DaemonSet | None, new: DaemonSet | None) -> None:
        if new is None:
            self._expectations.forget(key)
        self.queue.add(key)

    def _on_node(self, _key: str, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None and _facts(old) == _facts(new):
            return
        for found in self._sets.lister:
            self.queue.add(found.key)


def _selector(found: DaemonSet) -> Selector | None:
    return from_label_selector(found.spec.selector)


def _facts(node: Node) -> tuple[object, ...]:
    """What of a node decides whether daemon pods belong there."""
    ready = condition_of(node.status.conditions, "Ready")
    return (
        node.metadata.labels,
        node.spec.taints,
        node.spec.unschedulable,
        ready.status if ready is not None else "",
    )

"""Keeps as many pods of a ReplicaSet, or of a ReplicationController, as it asks for.

Source: replica_set.go, replica_set_utils.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from engine.api.apps import ReplicaSet, ReplicaSetStatus
from engine.api.meta import ApiObject, Condition, LabelSelector, controller_of
from engine.api.pod import Pod, PodTemplateSpec
from engine.api.replication import ReplicationController, ReplicationControllerStatus
from engine.api.selectors import Selector, from_label_selector
from engine.api.wire import Time
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.controllers.expectations import Expectations
from engine.controllers.owned_pods import BATCH_PERIOD, OwnedPods
from engine.controllers.ownership import CONTROLLER_INDEX, Claimer, index_by_controller
from engine.controllers.pod_control import PodControl, is_namespace_terminating
from engine.controllers.pod_ranking import pods_to_delete
from engine.controllers.pod_state import (
    available_at,
    has_failed_at_once,
    is_active,
    is_ready,
)
from engine.kernel.loop import Loop

BURST = 500
"""At most so many pods are created or deleted in one pass."""

FIRST_BATCH = 1
"""Creations start with one and double while they succeed."""

REFUSED_PERIOD = 1.0
"""Seconds after which it is looked again whether pods may follow those that a node refused."""

Replicated = ReplicaSet | ReplicationController


def replicas_diff(wanted: int, active: int, *, burst: int = BURST) -> int:
    """How many pods to create (positive) or delete (negative) in one pass."""
    return max(-burst, min(burst, wanted - active))


def batches(count: int) -> tuple[int, ...]:
    """The sizes of the batches in which *count* pods are created: 1, 2, 4 and so on."""
    sizes, size = [], FIRST_BATCH
    while count > 0:
        sizes.append(min(size, count))
        count -= size
        size *= 2
    return tuple(sizes)


def has_pod_changed(old: Pod, new: Pod) -> bool:
    """Whether anything changed that a ReplicaSet's pods or status depend on."""
    before, after = old.metadata, new.metadata
    return (
        old.status.phase != new.status.phase
        or before.deletion_timestamp != after.deletion_timestamp
        or is_ready(old) != is_ready(new)
        or before.labels != after.labels
        or before.owner_references != after.owner_references
    )


def selector_of(replica_set: Replicated) -> Selector | None:
    """Which pods it takes for its own; a ReplicationController says so with plain labels."""
    if isinstance(replica_set, ReplicationController):
        return from_label_selector(LabelSelector(match_labels=replica_set.spec.selector))
    return from_label_selector(replica_set.spec.selector)


def template_of(replica_set: Replicated) -> PodTemplateSpec:
    """What its pods are made of."""
    return replica_set.spec.template or PodTemplateSpec()


def replica_set_status(
    replica_set: Replicated,
    active: Sequence[Pod],
    *,
    now: float,
    failure: Condition | None,
) -> ReplicaSetStatus | ReplicationControllerStatus:
    """The status that *active* pods give.

    *failure* is the ReplicaFailure condition to have; its time is kept while its reason stays.
    """
    labels = template_of(replica_set).metadata.labels.items()
    min_ready = replica_set.spec.min_ready_seconds
    labeled = ready = available = 0
    for pod in active:
        labeled += labels <= pod.metadata.labels.items()
        when = available_at(pod, min_ready)
        if when is not None or is_ready(pod):
            ready += 1
            available += when is not None and when <= now
    others = tuple(
        condition
        for condition in replica_set.status.conditions
        if condition.type != "ReplicaFailure"
    )
    status: ReplicaSetStatus | ReplicationControllerStatus = attrs.evolve(
        replica_set.status,
        replicas=len(active),
        fully_labeled_replicas=labeled,
        ready_replicas=ready,
        available_replicas=available,
        observed_generation=replica_set.metadata.generation,
        conditions=others if failure is None else (*others, failure),
    )
    return status


@attrs.define(eq=False)
class ReplicaSetController:
    """Creates, deletes, adopts and releases pods, and reports their number.

    What it does for ReplicaSets it does for the kind `OWNER` of a subclass.

    Promises:
        * no pod is created twice for one missing pod, however late the cache is;
        * creations begin with one pod and double, so that a refusal costs few requests.
    """

    OWNER: ClassVar[type[ApiObject]] = ReplicaSet

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)
    _sets: Informer[Any] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _claimer: Claimer[Pod] = attrs.field(init=False)
    _control: PodControl = attrs.field(init=False)
    _expectations: Expectations = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name=self.OWNER.KIND.lower())
        self.queue.pause()
        self._sets = self.informers.informer(self.OWNER)
        self._pods = self.informers.informer(Pod)
        # Pods that have ended are neither adopted nor released.
        self._claimer = Claimer(self.client, self._pods, matters=is_active)
        self._control = PodControl(self.client, self.recorder)
        self._expectations = Expectations(self.loop)
        index_by_controller(self._sets)
        self._sets.add_handler(self._on_set)
        OwnedPods(
            self._sets,
            self._pods,
            self.queue,
            selector_of=selector_of,
            expectations=self._expectations,
            matters=has_pod_changed,
            delay=BATCH_PERIOD,
        )

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()

    def reconcile(self, key: str) -> Result | None:
        """Bring one ReplicaSet's pods to the wanted number and report them."""
        replica_set = self._sets.lister.by_key(key)
        if replica_set is None:
            self._expectations.forget(key)
            return None
        selector = selector_of(replica_set)
        if selector is None:
            return None
        is_settled = self._expectations.are_satisfied(key)
        pods = self._claimer.claim(replica_set, selector)
        diff = replicas_diff(_wanted(replica_set), len(pods))
        error: ApiError | None = None
        if diff > 0 and self._is_refused(replica_set):
            self._report(replica_set, pods, 0, None)
            return Result(requeue_after=REFUSED_PERIOD)
        if is_settled and diff and replica_set.metadata.deletion_timestamp is None:
            try:
                self._manage(key, replica_set, pods, diff)
            except ApiError as raised:
                error = raised
        self._report(replica_set, pods, diff, error)
        if error is not None:
            raise error
        return self._when_available(replica_set, pods)

    def _is_refused(self, replica_set: Replicated) -> bool:
        """Whether a node has just refused a pod of it."""
        mine = self._pods.indexer.by_index(CONTROLLER_INDEX, replica_set.metadata.uid)
        return any(has_failed_at_once(pod, now=self.loop.now) for pod in mine)

    def _manage(self, key: str, replica_set: Replicated, pods: Sequence[Pod], diff: int) -> None:
        if diff > 0:
            self._create(key, replica_set, diff)
            return
        chosen = pods_to_delete(pods, self._related(replica_set, pods), -diff, now=self.loop.now)
        self._expectations.expect_deletions(key, [pod.metadata.uid for pod in chosen])
        failed: ApiError | None = None
        for pod in chosen:
            try:
                self._control.delete(pod, replica_set)
            except ApiError as error:
                self._expectations.deletion_observed(key, pod.metadata.uid)
                failed = error
        if failed is not None:
            raise failed

    def _create(self, key: str, replica_set: Replicated, count: int) -> None:
        self._expectations.expect_creations(key, count)
        done = 0
        for size in batches(count):
            failed: ApiError | None = None
            for _ in range(size):
                try:
                    self._control.create(template_of(replica_set), replica_set)
                except ApiError as error:
                    self._expectations.creation_observed(key)
                    failed = None if is_namespace_terminating(error) else error
            done += size
            if failed is not None:
                self._expectations.creation_observed(key, count - done)
                raise failed

    def _related(self, replica_set: Replicated, pods: Sequence[Pod]) -> Sequence[Pod]:
        owner = controller_of(replica_set)
        if owner is None:
            return pods
        by_owner = self._pods.indexer.by_index
        siblings = self._sets.indexer.by_index(CONTROLLER_INDEX, owner.uid)
        return [
            pod for sibling in siblings for pod in by_owner(CONTROLLER_INDEX, sibling.metadata.uid)
        ]

    def _report(
        self,
        replica_set: Replicated,
        pods: Sequence[Pod],
        diff: int,
        error: ApiError | None,
    ) -> None:
        failure = next(
            (c for c in replica_set.status.conditions if c.type == "ReplicaFailure"), None
        )
        if error is None:
            failure = None
        elif failure is None:
            failure = Condition(
                type="ReplicaFailure",
                status="True",
                reason="FailedCreate" if diff > 0 else "FailedDelete",
                message=str(error),
                last_transition_time=Time(self.loop.now),
            )
        status = replica_set_status(replica_set, pods, now=self.loop.now, failure=failure)
        if status != replica_set.status:
            changed: Any = replica_set
            self.client.update_status(attrs.evolve(changed, status=status))

    def _when_available(self, replica_set: Replicated, pods: Sequence[Pod]) -> Result | None:
        """Come back when the next ready pod has been so for long enough."""
        min_ready = replica_set.spec.min_ready_seconds
        if not min_ready:
            return None
        now = self.loop.now
        times = [when for pod in pods if (when := available_at(pod, min_ready)) and when > now]
        return Result(requeue_after=min(times) - now) if times else None

    def _on_set(self, key: str, _old: Replicated | None, new: Replicated | None) -> None:
        if new is None:
            self._expectations.forget(key)
        self.queue.add(key)


@attrs.define(eq=False)
class ReplicationManager(ReplicaSetController):
    """The same for ReplicationControllers."""

    OWNER: ClassVar[type[ApiObject]] = ReplicationController


def _wanted(replica_set: Replicated) -> int:
    replicas = replica_set.spec.replicas
    return 1 if replicas is None else replicas

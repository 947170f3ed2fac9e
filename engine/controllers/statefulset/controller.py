"""Runs StatefulSets: numbered pods that start, change and go in order.

Source: pkg/controller/statefulset/stateful_set.go, stateful_set_control.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.selectors import Selector, from_label_selector
from engine.api.stateful import ControllerRevision, StatefulSet, StatefulSetStatus
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.owned_pods import OwnedPods
from engine.controllers.ownership import Claimer, index_by_controller
from engine.controllers.pod_state import available_at, has_failed_at_once
from engine.controllers.revision_history import RevisionHistory, template_of
from engine.controllers.statefulset.identity import make_pod, parent_of, revision_of
from engine.controllers.statefulset.plan import (
    Deletion,
    Revisions,
    StatefulPlan,
    completed,
    count_status,
    plan,
)
from engine.controllers.statefulset.pods import StatefulPodControl

HASH_LABEL = "controller.kubernetes.io/hash"
_CACHE_WAIT = 1.0
"""Seconds after which a cache that lacks what we need is looked at again."""


@attrs.define(eq=False)
class StatefulSetController(QueueController):
    """Creates, updates and deletes the pods of StatefulSets.

    Promises:
        * there is never more than one pod of a number;
        * under OrderedReady a pod is created only when all below it are ready, and deleted only
          when all above it are gone;
        * claims are deleted only where the retention policy says so.
    """

    QUEUE: ClassVar[str] = "statefulset"

    _sets: Informer[StatefulSet] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _revisions: Informer[ControllerRevision] = attrs.field(init=False)
    _claimer: Claimer[Pod] = attrs.field(init=False)
    _revision_claimer: Claimer[ControllerRevision] = attrs.field(init=False)
    _control: StatefulPodControl = attrs.field(init=False)
    _history: RevisionHistory = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._sets = self.informers.informer(StatefulSet)
        self._pods = self.informers.informer(Pod)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._revisions = self.informers.informer(ControllerRevision)
        index_by_controller(self._revisions)
        self._claimer = Claimer(self.client, self._pods)
        self._revision_claimer = Claimer(self.client, self._revisions)
        self._control = StatefulPodControl(self.client, self.recorder, self._claims)
        self._history = RevisionHistory(self.client, HASH_LABEL)
        self._sets.add_handler(self.enqueue)
        OwnedPods(self._sets, self._pods, self.queue, selector_of=_selector)

    def reconcile(self, key: str) -> Result | None:
        """Take the next step of one StatefulSet."""
        found = self._sets.lister.by_key(key)
        selector = _selector(found) if found is not None else None
        if found is None or selector is None:
            return None
        known = self._revision_claimer.claim(found, selector)
        pods = [
            pod
            for pod in self._claimer.claim(found, selector)
            if parent_of(pod) == found.metadata.name
        ]
        revisions, collisions = self._revisions_of(found, known)
        status = count_status(found, pods, revisions, now=self.loop.now)
        status = attrs.evolve(status, collision_count=collisions)
        step = plan(found, pods, revisions, now=self.loop.now)
        try:
            status, is_waiting = self._do(found, step, revisions, status)
        finally:
            self._report(found, completed(found, status))
        live = [revisions.current, revisions.update]
        names = [*(r.metadata.name for r in live), *(revision_of(pod) for pod in pods)]
        self._history.truncate(known, names, found.spec.revision_history_limit)
        if is_waiting:
            return Result(requeue_after=_CACHE_WAIT)
        return self._when_available(found, pods)

    def _do(
        self,
        found: StatefulSet,
        step: StatefulPlan,
        revisions: Revisions,
        status: StatefulSetStatus,
    ) -> tuple[StatefulSetStatus, bool]:
        """Do what is planned; the status after it, and whether something must be waited for."""
        is_waiting = False
        templates = {r.metadata.name: template_of(r) for r in (revisions.current, revisions.update)}
        for ordinal, revision in step.create:
            pod = make_pod(found, templates[revision], revision, ordinal)
            if self._control.create(found, pod):
                status = _counted(status, revision)
            else:
                is_waiting = True
        for pod in step.check:
            self._control.repair(found, pod)
        for pod in step.condemned:
            self._control.keep_claims(found, pod, is_condemned=True)
        for deletion in step.delete:
            if deletion.ended and has_failed_at_once(deletion.pod, now=self.loop.now):
                is_waiting = True
                continue
            self._delete(found, deletion)
            if revision_of(deletion.pod) == status.current_revision:
                current = max(0, status.current_replicas - 1)
                status = attrs.evolve(status, current_replicas=current)
        return status, is_waiting

    def _delete(self, found: StatefulSet, deletion: Deletion) -> None:
        pod = deletion.pod
        if deletion.ended:
            text = f"StatefulSet {found.key} is recreating"
            name = pod.metadata.name
            if pod.status.phase == "Failed":
                message = f"{text} failed Pod {name}"
                self.recorder.warning(found, "RecreatingFailedPod", message)
            else:
                message = f"{text} terminated Pod {name}"
                self.recorder.normal(found, "RecreatingTerminatedPod", message)
        self._control.delete(found, pod)

    def _revisions_of(
        self, found: StatefulSet, known: Sequence[ControllerRevision]
    ) -> tuple[Revisions, int]:
        update, collisions = self._history.record(
            found, found.spec.template, known, found.status.collision_count
        )
        name = found.status.current_revision
        current = next((r for r in known if r.metadata.name == name), update)
        return Revisions(current, update), collisions

    def _report(self, found: StatefulSet, status: StatefulSetStatus) -> None:
        if status != found.status:
            self.client.update_status(attrs.evolve(found, status=status))

    def _when_available(self, found: StatefulSet, pods: Sequence[Pod]) -> Result | None:
        """Come back when the next ready pod has been so for long enough."""
        now, min_ready = self.loop.now, found.spec.min_ready_seconds
        times = [when for pod in pods if (when := available_at(pod, min_ready)) and when > now]
        return Result(requeue_after=min(times) - now) if times else None


def _selector(found: StatefulSet) -> Selector | None:
    return from_label_selector(found.spec.selector)


def _counted(status: StatefulSetStatus, revision: str) -> StatefulSetStatus:
    """*status* with one more pod of *revision*."""
    return attrs.evolve(
        status,
        replicas=status.replicas + 1,
        current_replicas=status.current_replicas + (revision == status.current_revision),
        updated_replicas=status.updated_replicas + (revision == status.update_revision),
    )

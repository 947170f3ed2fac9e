"""Runs Jobs: creates their pods, counts how they end, and says when the Job has.

Source: pkg/controller/job/job_controller.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.batch import Job, JobStatus
from engine.api.meta import Condition, OwnerReference, condition_of, controller_of
from engine.api.pod import Pod
from engine.api.selectors import Selector, from_label_selector
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, ConflictError, NotFoundError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.controllers.expectations import Expectations
from engine.controllers.job import backoff, counting
from engine.controllers.job.assessment import (
    COMPLETED,
    SUSPENDED,
    TRACKING_FINALIZER,
    Assessment,
    assess,
    conditions_with,
    deadline,
    has_tracking,
    is_complete,
    is_finished,
    is_suspended,
)
from engine.controllers.job.pod_plan import PodPlan, plan_pods, pod_template
from engine.controllers.owned_pods import BATCH_PERIOD, OwnedPods
from engine.controllers.ownership import CONTROLLER_INDEX, Claimer, resolve_controller
from engine.controllers.pod_control import PodControl, is_namespace_terminating
from engine.controllers.pod_state import is_ready
from engine.controllers.replicaset import batches
from engine.kernel.loop import Loop

MANAGER = "kubernetes.io/job-controller"
"""The value of spec.managedBy that means this controller."""


@attrs.define(eq=False)
class JobController:
    """Brings Jobs to their end.

    Promises:
        * a pod's end is counted exactly once, whoever stops in between;
        * a Job is Complete or Failed only when none of its pods is left running or uncounted;
        * after failures pods are replaced later each time.
    """

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)
    orphans: WorkQueue = attrs.field(init=False)
    _jobs: Informer[Job] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _claimer: Claimer[Pod] = attrs.field(init=False)
    _control: PodControl = attrs.field(init=False)
    _expectations: Expectations = attrs.field(init=False)
    _records: dict[str, backoff.FailureRecord] = attrs.field(factory=dict, init=False)
    _released: dict[str, dict[str, None]] = attrs.field(factory=dict, init=False)
    _written: dict[str, int] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="job")
        self.orphans = WorkQueue(self.loop, self.release_orphan, name="job-orphans")
        self.queue.pause()
        self.orphans.pause()
        self._jobs = self.informers.informer(Job)
        self._pods = self.informers.informer(Pod)
        self._claimer = Claimer(self.client, self._pods, TRACKING_FINALIZER)
        self._control = PodControl(self.client, self.recorder)
        self._expectations = Expectations(self.loop)
        self._jobs.add_handler(self._on_job)
        OwnedPods(
            self._jobs,
            self._pods,
            self.queue,
            selector_of=_selector,
            expectations=self._expectations,
            delay=BATCH_PERIOD,
        )
        self._pods.add_handler(self._on_pod)

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()
        self.orphans.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()
        self.orphans.pause()

    def reconcile(self, key: str) -> Result | None:
        """Bring one Job a step further."""
        job = self._jobs.lister.by_key(key)
        if job is None or is_finished(job):
            self._forget(key)
            return None
        if job.spec.managed_by not in {None, MANAGER}:
            return None
        if job.revision < self._written.get(key, 0):
            # What we wrote is on its way; it brings us back here.
            return None
        selector = _selector(job)
        if selector is None:
            return None
        is_settled = self._expectations.are_satisfied(key)
        pods = self._claimer.claim(job, selector)
        released = self._released.get(key, {})
        now = self.loop.now
        begun = job
        if job.status.start_time is None and not is_suspended(job):
            status = attrs.evolve(job.status, start_time=Time(float(int(now))))
            begun = attrs.evolve(job, status=status)
        found = assess(begun, pods, released=released, now=now)
        record = backoff.advanced(
            self._records.get(key, backoff.FailureRecord()),
            found.new_succeeded,
            found.new_failed,
            now=now,
        )
        return self._step(job, found, record, is_settled=is_settled)

    def release_orphan(self, key: str) -> Result | None:
        """Let go of a pod whose Job is gone: nobody will count it any more."""
        pod = self._pods.lister.by_key(key)
        if pod is None or not has_tracking(pod):
            return None
        owner = controller_of(pod)
        if owner is not None and owner.kind == Job.KIND and self._exists(pod, owner):
            return None
        self._release(pod)
        return None

    def _exists(self, pod: Pod, owner: OwnerReference) -> bool:
        """Whether the Job that *pod* names is there; the cache may lag behind that of pods."""
        try:
            job = self.client.get(Job, owner.name, namespace=pod.metadata.namespace)
        except NotFoundError:
            return False
        return job.metadata.uid == owner.uid

    # One step

    def _step(
        self, stored: Job, found: Assessment, record: backoff.FailureRecord, *, is_settled: bool
    ) -> Result | None:
        job, key, now = found.job, stored.key, self.loop.now
        status = job.status
        active, ready, terminating = len(found.active), found.ready, found.terminating
        error: ApiError | None = None
        plan = PodPlan()
        if found.outcome is not None:
            gone, gone_ready, error = self._delete(key, job, found.active)
            active, ready, terminating = active - gone, ready - gone_ready, terminating + gone
        else:
            is_managed = is_settled and job.metadata.deletion_timestamp is None
            if is_managed:
                plan = plan_pods(found, record, now=now)
                gone, gone_ready, error = self._delete(key, job, plan.delete)
                active, ready, terminating = active - gone, ready - gone_ready, terminating + gone
                if plan.create and error is None:
                    made, error = self._create(key, found, plan.create)
                    active += made
            if is_complete(job, succeeded=found.succeeded, active=active):
                found = attrs.evolve(found, outcome=COMPLETED)
            elif is_managed:
                status = self._note_suspension(job, status)
        status = attrs.evolve(status, active=active, ready=ready, terminating=terminating)
        self._write(stored, found, record, status, may_finish=active == 0 and is_settled)
        if error is not None:
            raise error
        return self._next_look(job, plan)

    def _next_look(self, job: Job, plan: PodPlan) -> Result | None:
        waits = [plan.delay] if plan.delay > 0 else []
        end = deadline(job)
        if end is not None and end > self.loop.now:
            waits.append(end - self.loop.now)
        return Result(requeue_after=min(waits)) if waits else None

    def _write(
        self,
        job: Job,
        found: Assessment,
        record: backoff.FailureRecord,
        status: JobStatus,
        *,
        may_finish: bool,
    ) -> None:
        """Write down what has ended, let those pods go, count them, and end the Job if it may."""
        key, now = job.key, self.loop.now
        released = self._released.setdefault(key, {})
        tracked = frozenset(
            pod.metadata.uid
            for pod in found.pods
            if has_tracking(pod) and pod.metadata.uid not in released
        )
        status = counting.counted(status, still_tracked=tracked)
        if found.outcome is not None:
            status = counting.announce(status, found.outcome, now=now)
        account = counting.write_down(found, status, is_released=released)
        job = self._put_status(key, job, account.status)
        self._records[key] = record
        for pod in account.release:
            self._release(pod)
            released[pod.metadata.uid] = None
        left = tracked - frozenset(pod.metadata.uid for pod in account.release)
        status = counting.counted(job.status, still_tracked=left)
        final = None
        if found.outcome is not None and may_finish and not left:
            final = counting.finish(status, found.outcome, now=now)
        job = self._put_status(key, job, final or status)
        if final is not None and found.outcome is not None:
            self._say_finished(job, found)

    def _say_finished(self, job: Job, found: Assessment) -> None:
        outcome = found.outcome
        assert outcome is not None
        if outcome.type == "Failed":
            self.recorder.warning(job, outcome.reason, outcome.message)
            return
        if counting.has_too_many(job, job.status):
            message = "Too many succeeded pods recorded"
            self.recorder.warning(job, "TooManySucceededPods", message)
        self.recorder.normal(job, "Completed", "Job completed")

    def _put_status(self, key: str, job: Job, status: JobStatus) -> Job:
        if status == job.status:
            return job
        written = self.client.update_status(attrs.evolve(job, status=status))
        self._written[key] = written.revision
        return written

    def _note_suspension(self, job: Job, status: JobStatus) -> JobStatus:
        is_off = is_suspended(job)
        known = condition_of(status.conditions, SUSPENDED)
        now = Time(self.loop.now)
        condition = Condition(
            type=SUSPENDED,
            status="True" if is_off else "False",
            reason="JobSuspended" if is_off else "JobResumed",
            message="Job suspended" if is_off else "Job resumed",
            last_probe_time=now,
            last_transition_time=now,
        )
        conditions = conditions_with(status.conditions, condition)
        if conditions is None or (known is not None and known.status == condition.status):
            return status
        status = attrs.evolve(status, conditions=conditions)
        if is_off:
            self.recorder.normal(job, "Suspended", "Job suspended")
            return status
        self.recorder.normal(job, "Resumed", "Job resumed")
        return attrs.evolve(status, start_time=Time(float(int(now))))

    # Pods

    def _create(
        self, key: str, found: Assessment, indexes: tuple[int | None, ...]
    ) -> tuple[int, ApiError | None]:
        """Create pods in growing batches; how many there are, and what stopped us."""
        job, made, position = found.job, 0, 0
        self._expectations.expect_creations(key, len(indexes))
        for size in batches(len(indexes)):
            failed: ApiError | None = None
            for index in indexes[position : position + size]:
                template, prefix = pod_template(found, index)
                try:
                    self._control.create(template, job, prefix=prefix)
                except ApiError as error:
                    self._expectations.creation_observed(key)
                    failed = None if is_namespace_terminating(error) else error
                else:
                    made += 1
            position += size
            if failed is not None:
                self._expectations.creation_observed(key, len(indexes) - position)
                return made, failed
        return made, None

    def _delete(self, key: str, job: Job, pods: Iterable[Pod]) -> tuple[int, int, ApiError | None]:
        """Delete *pods*: how many went, how many of them were ready, and what failed."""
        chosen = tuple(pods)
        if not chosen:
            return 0, 0, None
        self._expectations.expect_deletions(key, [pod.metadata.uid for pod in chosen])
        gone = gone_ready = 0
        failed: ApiError | None = None
        for pod in chosen:
            try:
                self._control.delete(pod, job)
            except ApiError as error:
                self._expectations.deletion_observed(key, pod.metadata.uid)
                failed = error
            else:
                gone += 1
                gone_ready += is_ready(pod)
        return gone, gone_ready, failed

    def _release(self, pod: Pod) -> None:
        """Take our finalizer from *pod*.

        Raises:
            ApiError: the server refused for another reason than that the pod is gone.
        """
        meta = pod.metadata
        kept = tuple(name for name in meta.finalizers if name != TRACKING_FINALIZER)
        try:
            self.client.update(attrs.evolve(pod, metadata=attrs.evolve(meta, finalizers=kept)))
        except NotFoundError:
            return
        except ConflictError:
            self._release_latest(pod)

    def _release_latest(self, pod: Pod) -> None:
        meta = pod.metadata
        try:
            latest = self.client.get(Pod, meta.name, namespace=meta.namespace)
        except NotFoundError:
            return
        if latest.metadata.uid == meta.uid and has_tracking(latest):
            self._release(latest)

    # Watching

    def _forget(self, key: str) -> None:
        self._expectations.forget(key)
        self._records.pop(key, None)
        self._released.pop(key, None)
        self._written.pop(key, None)

    def _on_job(self, key: str, old: Job | None, new: Job | None) -> None:
        if new is None:
            assert old is not None
            self._forget(key)
            for pod in self._pods.indexer.by_index(CONTROLLER_INDEX, old.metadata.uid):
                if has_tracking(pod):
                    self.orphans.add(pod.key)
        self.queue.add(key)

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        seen = new or old
        assert seen is not None
        owner = controller_of(seen)
        if new is None or not has_tracking(new):
            if owner is not None and owner.kind == Job.KIND:
                job_key = f"{seen.metadata.namespace}/{owner.name}"
                self._released.get(job_key, {}).pop(seen.metadata.uid, None)
            return
        if owner is None or (
            owner.kind == Job.KIND and resolve_controller(self._jobs, new) is None
        ):
            self.orphans.add(key)


def _selector(job: Job) -> Selector | None:
    return from_label_selector(job.spec.selector)

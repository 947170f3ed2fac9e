"""What a Job's pods amount to: how many have ended how, and whether the Job is decided. Pure.

Source: pkg/controller/job/job_controller.go (syncJob), kubernetes v1.34.
"""

from collections.abc import Mapping, Sequence

import attrs

from engine.api.batch import Job
from engine.api.meta import Condition, condition_of
from engine.api.pod import Pod
from engine.controllers.job import backoff
from engine.controllers.job.failure_policy import FAIL_INDEX, FAIL_JOB, is_failed, judge
from engine.controllers.job.indexes import index_of, parse_indexes
from engine.controllers.job.success_policy import matched_rule
from engine.controllers.pod_state import is_active, is_ready, is_terminal

TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
"""Keeps a pod until the Job's status has counted it."""

SUSPENDED = "Suspended"


@attrs.frozen
class Outcome:
    """How a Job ends: ``Complete`` or ``Failed``, and why."""

    type: str
    reason: str
    message: str

    @property
    def interim(self) -> str:
        """The condition that announces it while pods are still ending."""
        return "SuccessCriteriaMet" if self.type == "Complete" else "FailureTarget"


COMPLETED = Outcome("Complete", "CompletionsReached", "Reached expected number of succeeded pods")


@attrs.frozen
class Assessment:
    """A Job and its pods at one moment."""

    job: Job
    pods: tuple[Pod, ...]
    active: tuple[Pod, ...]
    ready: int
    terminating: int
    new_succeeded: tuple[Pod, ...]
    new_failed: tuple[Pod, ...]
    succeeded: int
    failed: int
    outcome: Outcome | None = None
    counted_indexes: frozenset[int] = frozenset()
    succeeded_indexes: frozenset[int] = frozenset()
    failed_indexes: frozenset[int] = frozenset()
    waiting: Mapping[int, Pod] = attrs.field(factory=dict)


def is_indexed(job: Job) -> bool:
    """Whether each completion has a number of its own."""
    return job.spec.completion_mode == "Indexed"


def has_index_limit(job: Job) -> bool:
    """Whether failures are counted per index."""
    return job.spec.backoff_limit_per_index is not None


def is_suspended(job: Job) -> bool:
    """Whether the Job is to have no pods for now."""
    return bool(job.spec.suspend)


def is_finished(job: Job) -> bool:
    """Whether the Job is Complete or Failed."""
    return any(
        condition.type in {"Complete", "Failed"} and condition.status == "True"
        for condition in job.status.conditions
    )


def has_tracking(pod: Pod) -> bool:
    """Whether *pod* waits to be counted."""
    return TRACKING_FINALIZER in pod.metadata.finalizers


def assess(
    job: Job, pods: Sequence[Pod], *, released: Mapping[str, object], now: float
) -> Assessment:
    """Count *pods* and decide the outcome, if there is one already.

    Args:
        job: the Job as it was last written.
        pods: all pods it controls.
        released: uids of pods that were counted; the cache may not show it yet.
        now: the time.
    """
    uncounted = job.status.uncounted_terminated_pods
    waiting_good = frozenset(uncounted.succeeded if uncounted is not None else ())
    waiting_bad = frozenset(uncounted.failed if uncounted is not None else ())
    valid = [pod for pod in pods if _is_valid(job, pod) and pod.metadata.uid not in released]
    good = tuple(
        pod
        for pod in valid
        if pod.status.phase == "Succeeded" and pod.metadata.uid not in waiting_good
    )
    bad = tuple(pod for pod in valid if is_failed(pod, job) and pod.metadata.uid not in waiting_bad)
    active = tuple(pod for pod in pods if is_active(pod))
    found = Assessment(
        job=job,
        pods=tuple(pods),
        active=active,
        ready=sum(is_ready(pod) for pod in active),
        terminating=sum(
            pod.metadata.deletion_timestamp is not None and not is_terminal(pod) for pod in pods
        ),
        new_succeeded=good,
        new_failed=bad,
        succeeded=job.status.succeeded + len(good) + len(waiting_good),
        failed=job.status.failed
        + sum(judge(job.spec.pod_failure_policy, pod).is_counted for pod in bad)
        + len(waiting_bad),
        outcome=announced(job),
    )
    if found.outcome is None:
        found = attrs.evolve(found, outcome=_failure(found, now=now))
    return _with_indexes(found, valid) if is_indexed(job) else found


def announced(job: Job) -> Outcome | None:
    """The outcome that an interim condition of the Job has announced."""
    for interim, final in (("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")):
        known = condition_of(job.status.conditions, interim)
        if known is not None and known.status == "True":
            return Outcome(final, known.reason, known.message)
    return None


def deadline(job: Job) -> float | None:
    """When the Job has been active for too long, or None."""
    limit, started = job.spec.active_deadline_seconds, job.status.start_time
    if limit is None or started is None or is_suspended(job):
        return None
    return started + limit


def is_complete(job: Job, *, succeeded: int, active: int) -> bool:
    """Whether enough pods have succeeded and none is left.

    Without a number of completions one success is enough.
    """
    needed = 1 if job.spec.completions is None else job.spec.completions
    return succeeded >= needed and active == 0


def _is_valid(job: Job, pod: Pod) -> bool:
    """Whether the end of *pod* is still to be counted."""
    if not has_tracking(pod):
        return False
    if not is_indexed(job):
        return True
    index = index_of(pod)
    return index is not None and index < (job.spec.completions or 0)


def _failure(found: Assessment, *, now: float) -> Outcome | None:
    job = found.job
    for pod in found.pods:
        if is_failed(pod, job):
            verdict = judge(job.spec.pod_failure_policy, pod)
            if verdict.action == FAIL_JOB:
                return Outcome("Failed", "PodFailurePolicy", verdict.message)
    limit = 6 if job.spec.backoff_limit is None else job.spec.backoff_limit
    if found.failed > limit or _restarts_exceed(job, found.pods, limit):
        message = "Job has reached the specified backoff limit"
        return Outcome("Failed", "BackoffLimitExceeded", message)
    end = deadline(job)
    if end is not None and now >= end:
        message = "Job was active longer than specified deadline"
        return Outcome("Failed", "DeadlineExceeded", message)
    return None


def _restarts_exceed(job: Job, pods: Sequence[Pod], limit: int) -> bool:
    """Containers that are restarted in place count as failures too."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in pods
        if pod.status.phase in {"Running", "Pending"}
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return restarts > 0 if limit == 0 else restarts >= limit


def _with_indexes(found: Assessment, valid: Sequence[Pod]) -> Assessment:
    job = found.job
    completions = job.spec.completions or 0
    counted = parse_indexes(job.status.completed_indexes, completions)
    succeeded = counted | {
        index
        for pod in valid
        if pod.status.phase == "Succeeded" and (index := index_of(pod)) is not None
    }
    found = attrs.evolve(
        found,
        counted_indexes=counted,
        succeeded_indexes=succeeded,
        succeeded=len(succeeded),
    )
    if has_index_limit(job):
        found = _with_failed_indexes(found, valid, completions)
    if found.outcome is None:
        message = matched_rule(job.spec.success_policy, completions, succeeded)
        if message is not None:
            found = attrs.evolve(found, outcome=Outcome("Complete", "SuccessPolicy", message))
    return found


def _with_failed_indexes(found: Assessment, valid: Sequence[Pod], completions: int) -> Assessment:
    job = found.job
    failed = parse_indexes(job.status.failed_indexes or "", completions) | {
        index for pod in valid if (index := index_of(pod)) is not None and _fails_index(job, pod)
    }
    outcome = found.outcome
    limit = job.spec.max_failed_indexes
    if outcome is None and limit is not None and len(failed) > limit:
        message = "Job has exceeded the specified maximal number of failed indexes"
        outcome = Outcome("Failed", "MaxFailedIndexesExceeded", message)
    elif outcome is None and failed and len(failed | found.succeeded_indexes) >= completions:
        outcome = Outcome("Failed", "FailedIndexes", "Job has failed indexes")
    busy = {index_of(pod) for pod in found.active}
    waiting: dict[int, Pod] = {}
    for pod in valid:
        index = index_of(pod)
        if index is None or not is_failed(pod, job):
            continue
        if index in failed or index in busy or index in found.succeeded_indexes:
            continue
        known = waiting.get(index)
        if known is None or _failures(known) <= _failures(pod):
            waiting[index] = pod
    return attrs.evolve(found, failed_indexes=failed, outcome=outcome, waiting=waiting)


def _failures(pod: Pod) -> int:
    return backoff.absolute_index_failures(pod)


def _fails_index(job: Job, pod: Pod) -> bool:
    if not is_failed(pod, job):
        return False
    verdict = judge(job.spec.pod_failure_policy, pod)
    if verdict.action == FAIL_INDEX:
        return True
    limit = job.spec.backoff_limit_per_index or 0
    return verdict.is_counted and backoff.index_failures(pod) >= limit


def conditions_with(
    conditions: tuple[Condition, ...], condition: Condition
) -> tuple[Condition, ...] | None:
    """*conditions* with *condition*, or None if that says nothing new.

    One that would be False and is not there yet is not added.
    """
    known = condition_of(conditions, condition.type)
    if known is None:
        return (*conditions, condition) if condition.status != "False" else None
    if (known.status, known.reason, known.message) == (
        condition.status,
        condition.reason,
        condition.message,
    ):
        return None
    if known.status == condition.status:
        condition = attrs.evolve(condition, last_transition_time=known.last_transition_time)
    return tuple(condition if c is known else c for c in conditions)

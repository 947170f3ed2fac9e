"""How ended pods get into a Job's status, each exactly once. Pure.

An ended pod is first written down by uid (or by its index); then its finalizer goes; then it is
added to the counters and its uid is forgotten. Whoever stops in between goes on where it was.

Source: pkg/controller/job/job_controller.go (trackJobStatusAndRemoveFinalizers), kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.batch import Job, JobStatus, UncountedTerminatedPods
from engine.api.meta import Condition
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.controllers.job.assessment import (
    Assessment,
    Outcome,
    conditions_with,
    has_index_limit,
    has_tracking,
    is_indexed,
)
from engine.controllers.job.failure_policy import is_failed, judge
from engine.controllers.job.indexes import format_indexes, index_of

MAX_UNCOUNTED = 500
"""At most so many uids are written down at once."""


@attrs.frozen
class Account:
    """The status to write before finalizers go, and the pods that lose theirs."""

    status: JobStatus
    release: tuple[Pod, ...]


def uncounted_of(status: JobStatus) -> UncountedTerminatedPods:
    """The uids written down, none if there is no list yet."""
    return status.uncounted_terminated_pods or UncountedTerminatedPods()


def write_down(found: Assessment, status: JobStatus, *, is_released: Iterable[str]) -> Account:
    """The ended pods that *status* does not know yet, written down in it.

    Args:
        found: the Job and its pods.
        status: what the Job's status is to be otherwise.
        is_released: uids whose finalizer has gone, whatever the cache shows.
    """
    job = found.job
    before = uncounted_of(status)
    good, bad = list(before.succeeded), list(before.failed)
    done = set(is_released)
    release: list[Pod] = []
    counted = set(found.counted_indexes)
    for pod in found.pods:
        uid = pod.metadata.uid
        if not has_tracking(pod) or uid in done or not _may_go(found, pod):
            continue
        if len(release) >= MAX_UNCOUNTED:
            break
        release.append(pod)
        index = index_of(pod)
        is_in_range = not is_indexed(job) or (
            index is not None and index < (job.spec.completions or 0)
        )
        if pod.status.phase == "Succeeded" and uid not in before.failed:
            if is_indexed(job):
                if is_in_range and index is not None:
                    counted.add(index)
            elif uid not in before.succeeded:
                good.append(uid)
        elif uid not in before.failed and is_in_range and _counts_as_failed(found, pod):
            bad.append(uid)
    if is_indexed(job):
        failed = format_indexes(found.failed_indexes) if has_index_limit(job) else None
        status = attrs.evolve(
            status,
            completed_indexes=format_indexes(counted),
            succeeded=len(counted),
            failed_indexes=failed,
        )
    noted = attrs.evolve(before, succeeded=tuple(good), failed=tuple(bad))
    return Account(attrs.evolve(status, uncounted_terminated_pods=noted), tuple(release))


def counted(status: JobStatus, *, still_tracked: frozenset[str]) -> JobStatus:
    """*status* with everything counted that was written down and is not held any more."""
    noted = uncounted_of(status)
    good = tuple(uid for uid in noted.succeeded if uid in still_tracked)
    bad = tuple(uid for uid in noted.failed if uid in still_tracked)
    return attrs.evolve(
        status,
        succeeded=status.succeeded + len(noted.succeeded) - len(good),
        failed=status.failed + len(noted.failed) - len(bad),
        uncounted_terminated_pods=attrs.evolve(noted, succeeded=good, failed=bad),
    )


def announce(status: JobStatus, outcome: Outcome, *, now: float) -> JobStatus:
    """*status* with the interim condition of *outcome*."""
    return _with(status, outcome.interim, outcome, now=now)


def finish(status: JobStatus, outcome: Outcome, *, now: float) -> JobStatus | None:
    """*status* of a Job that has ended so, or None while pods are ending or uncounted."""
    noted = uncounted_of(status)
    if noted.succeeded or noted.failed or status.terminating:
        return None
    status = _with(status, outcome.type, outcome, now=now)
    if outcome.type == "Complete":
        status = attrs.evolve(status, completion_time=Time(float(int(now))))
    return status


def has_too_many(job: Job, status: JobStatus) -> bool:
    """Whether more pods have succeeded than were asked for."""
    return job.spec.completions is not None and status.succeeded > job.spec.completions


def _with(status: JobStatus, type_: str, outcome: Outcome, *, now: float) -> JobStatus:
    condition = Condition(
        type=type_,
        status="True",
        reason=outcome.reason,
        message=outcome.message,
        last_probe_time=Time(now),
        last_transition_time=Time(now),
    )
    conditions = conditions_with(status.conditions, condition)
    return status if conditions is None else attrs.evolve(status, conditions=conditions)


def _may_go(found: Assessment, pod: Pod) -> bool:
    """Whether *pod* need not be held any longer once it is written down."""
    job = found.job
    if job.metadata.deletion_timestamp is not None or found.outcome is not None:
        return True
    if pod.status.phase == "Succeeded":
        return True
    if not is_failed(pod, job):
        return False
    # The last failed pod of an index tells how often it failed; it stays until it is replaced.
    return all(waiting.metadata.uid != pod.metadata.uid for waiting in found.waiting.values())


def _counts_as_failed(found: Assessment, pod: Pod) -> bool:
    job = found.job
    if pod.status.phase == "Succeeded":
        return False
    is_over = found.outcome is not None and found.outcome.type == "Failed"
    if not is_failed(pod, job) and not is_over:
        return False
    if is_failed(pod, job):
        return judge(job.spec.pod_failure_policy, pod).is_counted
    return True

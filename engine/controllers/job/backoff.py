"""How long a Job waits before it replaces failed pods. Pure.

After the first failure 10 seconds, then twice as long each time, at most ten minutes; a success
starts it afresh. With a back-off limit per index each index waits on its own.

Source: pkg/controller/job/backoff_utils.go, indexed_job_utils.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.meta import condition_of
from engine.api.pod import Pod

BASE = 10.0
CAP = 600.0

FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"


@attrs.frozen
class FailureRecord:
    """Failures in a row since the last success, and when the last of them was."""

    failures: int = 0
    last: float | None = None


def finish_time(pod: Pod, *, now: float) -> float:
    """When the last container of *pod* ended, or the best guess there is."""
    times = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.state.terminated is not None and status.state.terminated.finished_at is not None
    ]
    if times:
        return max(times)
    ready = condition_of(pod.status.conditions, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time is not None:
        return ready.last_transition_time
    meta = pod.metadata
    if meta.deletion_timestamp is not None:
        return meta.deletion_timestamp - (meta.deletion_grace_period_seconds or 0)
    return now


def advanced(
    record: FailureRecord, succeeded: Iterable[Pod], failed: Iterable[Pod], *, now: float
) -> FailureRecord:
    """*record* after more pods have ended."""
    failures = sorted(finish_time(pod, now=now) for pod in failed)
    success = max((finish_time(pod, now=now) for pod in succeeded), default=None)
    if success is None:
        if not failures:
            return record
        last = failures[-1] if record.last is None else max(record.last, failures[-1])
        return FailureRecord(record.failures + len(failures), last)
    later = [when for when in failures if when > success]
    return FailureRecord(len(later), later[-1] if later else None)


def remaining(record: FailureRecord, *, now: float) -> float:
    """Seconds until the next pod may be created; 0 if it may be now."""
    if record.failures == 0 or record.last is None:
        return 0.0
    delay = min(CAP, BASE * 2.0 ** min(record.failures - 1, 16))
    return max(0.0, record.last + delay - now)


def index_failures(pod: Pod) -> int:
    """How often the index of *pod* had failed, and it counted, when the pod was created."""
    return _count(pod, FAILURE_COUNT)


def ignored_index_failures(pod: Pod) -> int:
    """The same for failures that the policy ignores."""
    return _count(pod, IGNORED_FAILURE_COUNT)


def absolute_index_failures(pod: Pod) -> int:
    """Both together."""
    return index_failures(pod) + ignored_index_failures(pod)


def remaining_for_index(failed: Pod, *, now: float) -> float:
    """Seconds until the index whose last pod is *failed* may be tried again."""
    record = FailureRecord(absolute_index_failures(failed) + 1, finish_time(failed, now=now))
    return remaining(record, now=now)


def _count(pod: Pod, annotation: str) -> int:
    text = pod.metadata.annotations.get(annotation, "0")
    return int(text) if text.isdigit() else 0

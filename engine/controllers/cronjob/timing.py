"""When a CronJob is due, how many times it has missed, and what its Jobs are called. Pure.

Source: pkg/controller/cronjob/utils.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

import attrs

from engine.api.batch import CronJob, Job
from engine.api.cron import CronSchedule
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta, condition_of
from engine.controllers.ownership import controller_reference

SCHEDULED_TIME = "batch.kubernetes.io/cronjob-scheduled-timestamp"
"""The annotation of a Job that says for which time it was made."""

MANY_MISSED = 100
"""More missed times than this are reported."""

NEXT_DELTA = 0.1
"""Seconds after the scheduled time at which we look, so as not to be early."""


@attrs.frozen
class Due:
    """The last scheduled time that has come, counted from *earliest*; None if none has."""

    earliest: float
    time: float | None
    missed: int = 0


def most_recent(
    cron_job: CronJob, schedule: CronSchedule, *, now: float, within_deadline: bool
) -> Due:
    """The most recent scheduled time since the last Job, or since the CronJob was made.

    Times before the starting deadline are passed over if *within_deadline*.
    """
    earliest: float = cron_job.metadata.creation_timestamp or now
    if cron_job.status.last_schedule_time is not None:
        earliest = cron_job.status.last_schedule_time
    deadline = cron_job.spec.starting_deadline_seconds
    if within_deadline and deadline is not None:
        earliest = max(earliest, now - deadline)
    first = schedule.next_after(earliest)
    if first is None or now < first:
        return Due(earliest, None)
    second = schedule.next_after(first)
    if second is None or now < second:
        return Due(earliest, first)
    # Schedules are seldom regular, so this number is a guess; the time itself is exact.
    between = max(1, round(second - first))
    missed = int(now - first) // between + 1
    found = None
    candidate = schedule.next_after(first + (missed - 2) * between)
    while candidate is not None and candidate <= now:
        found = candidate
        candidate = schedule.next_after(candidate)
    return Due(earliest, found, missed)


def wait(cron_job: CronJob, schedule: CronSchedule, *, now: float) -> float | None:
    """Seconds until the next scheduled time; None if there is none."""
    due = most_recent(cron_job, schedule, now=now, within_deadline=False)
    after = schedule.next_after(due.earliest if due.time is None else due.time)
    return None if after is None else max(0.0, after + NEXT_DELTA - now)


def is_too_late(cron_job: CronJob, scheduled: float, *, now: float) -> bool:
    """Whether the starting deadline of *scheduled* is over."""
    deadline = cron_job.spec.starting_deadline_seconds
    return deadline is not None and scheduled + deadline < now


def job_name(cron_job: CronJob, scheduled: float) -> str:
    """The same for every attempt at one scheduled time, so that no Job is made twice."""
    return f"{cron_job.metadata.name}-{int(scheduled) // 60}"


def job_of(cron_job: CronJob, scheduled: float, zone: tzinfo) -> Job:
    """The Job for one scheduled time."""
    template = cron_job.spec.job_template
    when = datetime.fromtimestamp(int(scheduled), zone).isoformat().replace("+00:00", "Z")
    return Job(
        metadata=ObjectMeta(
            name=job_name(cron_job, scheduled),
            namespace=cron_job.metadata.namespace,
            labels=template.metadata.labels,
            annotations=FrozenDict({**template.metadata.annotations, SCHEDULED_TIME: when}),
            owner_references=(controller_reference(cron_job),),
        ),
        spec=template.spec,
    )


def finished_as(job: Job) -> str:
    """``Complete``, ``Failed``, or empty while it runs."""
    for type_ in ("Complete", "Failed"):
        condition = condition_of(job.status.conditions, type_)
        if condition is not None and condition.status == "True":
            return type_
    return ""


def too_old(cron_job: CronJob, jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Finished Jobs beyond the history limits, those that started first."""
    spec = cron_job.spec
    limits = (
        ("Complete", spec.successful_jobs_history_limit),
        ("Failed", spec.failed_jobs_history_limit),
    )
    chosen: list[Job] = []
    for type_, limit in limits:
        if limit is None:
            continue
        found = sorted((job for job in jobs if finished_as(job) == type_), key=_by_start)
        chosen += found[: max(0, len(found) - limit)]
    return tuple(chosen)


def long_date(when: float) -> str:
    """*when* as events write it (RFC 1123 with a numeric zone)."""
    return datetime.fromtimestamp(when, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


def _by_start(job: Job) -> tuple[float, str]:
    started = job.status.start_time
    return (float("inf") if started is None else started, job.metadata.name)

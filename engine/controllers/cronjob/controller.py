"""Makes Jobs when CronJobs are due, and clears old ones away.

Source: pkg/controller/cronjob/cronjob_controllerv2.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from engine.api.batch import CronJob, CronJobStatus, Job
from engine.api.cron import CronSchedule, parse_schedule, parse_zone
from engine.api.meta import ObjectReference, controller_of
from engine.api.wire import Time
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.cronjob.timing import (
    MANY_MISSED,
    finished_as,
    is_too_late,
    job_name,
    job_of,
    long_date,
    most_recent,
    too_old,
    wait,
)
from engine.controllers.ownership import CONTROLLER_INDEX, index_by_controller, resolve_controller
from engine.controllers.pod_control import is_namespace_terminating


@attrs.define(eq=False)
class CronJobController(QueueController):
    """Makes one Job for each scheduled time, as the concurrency policy allows.

    Promises:
        * no scheduled time gets two Jobs: their name follows from the time;
        * after a pause only the most recent missed time is made up for, if its deadline allows.
    """

    QUEUE: ClassVar[str] = "cronjob"

    _cron_jobs: Informer[CronJob] = attrs.field(init=False)
    _jobs: Informer[Job] = attrs.field(init=False)
    _written: dict[str, int] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._cron_jobs = self.informers.informer(CronJob)
        self._jobs = self.informers.informer(Job)
        index_by_controller(self._jobs)
        self._cron_jobs.add_handler(self.enqueue)
        self._jobs.add_handler(self._on_job)

    def reconcile(self, key: str) -> Result | None:
        """See what became of one CronJob's Jobs, and make the next if it is due."""
        cron_job = self._cron_jobs.lister.by_key(key)
        if cron_job is None:
            self._written.pop(key, None)
            return None
        if cron_job.revision < self._written.get(key, 0):
            # What we wrote is on its way; it brings us back here.
            return None
        jobs = self._jobs.indexer.by_index(CONTROLLER_INDEX, cron_job.metadata.uid)
        status = self._seen(cron_job, jobs)
        schedule = None
        try:
            if cron_job.metadata.deletion_timestamp is None:
                schedule = self._schedule(cron_job)
            if schedule is not None:
                seen = attrs.evolve(cron_job, status=status)
                status = self._make_due(seen, schedule)
        finally:
            if status != cron_job.status:
                cron_job = self.client.update_status(attrs.evolve(cron_job, status=status))
                self._written[key] = cron_job.revision
        for job in too_old(cron_job, jobs):
            self._delete(cron_job, job)
        if schedule is None:
            return None
        delay = wait(cron_job, schedule, now=self.client.link.now)
        return None if delay is None else Result(requeue_after=delay)

    def _seen(self, cron_job: CronJob, jobs: Sequence[Job]) -> CronJobStatus:
        """The status after what the Jobs show: which have ended, which are missing."""
        status = cron_job.status
        active = {reference.uid: reference for reference in status.active}
        last = status.last_successful_time
        for job in jobs:
            uid, end = job.metadata.uid, finished_as(job)
            if uid not in active and not end:
                message = f"Saw a job that the controller did not create or forgot: {_name(job)}"
                self.recorder.warning(cron_job, "UnexpectedJob", message)
            elif uid in active and end:
                del active[uid]
                message = f"Saw completed job: {_name(job)}, condition: {end}"
                self.recorder.normal(cron_job, "SawCompletedJob", message)
            completed = job.status.completion_time
            if end == "Complete" and completed is not None:
                last = completed if last is None else max(last, completed)
        present = {job.metadata.uid for job in jobs}
        for uid, reference in tuple(active.items()):
            if uid in present:
                continue
            try:
                self.client.get(Job, reference.name, namespace=reference.namespace)
            except NotFoundError:
                del active[uid]
                message = f"Active job went missing: {reference.name}"
                self.recorder.normal(cron_job, "MissingJob", message)
        return attrs.evolve(status, active=tuple(active.values()), last_successful_time=last)

    def _schedule(self, cron_job: CronJob) -> CronSchedule | None:
        spec = cron_job.spec
        if spec.time_zone is not None:
            try:
                parse_zone(spec.time_zone)
            except ValueError as error:
                message = f'invalid timeZone: "{spec.time_zone}": {error}'
                self.recorder.warning(cron_job, "UnknownTimeZone", message)
                return None
        if spec.suspend:
            return None
        try:
            return parse_schedule(spec.schedule, spec.time_zone)
        except ValueError as error:
            message = f'unparseable schedule: "{spec.schedule}" : {error}'
            self.recorder.warning(cron_job, "UnparseableSchedule", message)
            return None

    def _make_due(self, cron_job: CronJob, schedule: CronSchedule) -> CronJobStatus:
        """Make the Job that is due, if one is; the status that follows."""
        now, status = self.client.link.now, cron_job.status
        due = most_recent(cron_job, schedule, now=now, within_deadline=True)
        if due.missed > MANY_MISSED:
            message = (
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or "
                "check clock skew"
            )
            self.recorder.warning(cron_job, "TooManyMissedTimes", message)
        if due.time is None:
            return status
        if is_too_late(cron_job, due.time, now=now):
            message = f"Missed scheduled time to start a job: {long_date(due.time)}"
            self.recorder.warning(cron_job, "MissSchedule", message)
            return status
        name = job_name(cron_job, due.time)
        if status.last_schedule_time == due.time or any(r.name == name for r in status.active):
            return status
        policy = cron_job.spec.concurrency_policy
        if policy == "Forbid" and status.active:
            message = (
                "Not starting job because prior execution is running and concurrency policy is "
                "Forbid"
            )
            self.recorder.normal(cron_job, "JobAlreadyActive", message)
            return status
        if policy == "Replace":
            for reference in status.active:
                job = self.client.get(Job, reference.name, namespace=reference.namespace)
                self._delete(cron_job, job)
            status = attrs.evolve(status, active=())
        made = self._create(cron_job, job_of(cron_job, due.time, schedule.zone))
        if made is None or any(r.uid == made.metadata.uid for r in status.active):
            return status
        return attrs.evolve(
            status,
            active=(*status.active, _reference(made)),
            last_schedule_time=Time(due.time),
        )

    def _create(self, cron_job: CronJob, wished: Job) -> Job | None:
        try:
            made = self.client.create(wished)
        except AlreadyExistsError:
            meta = wished.metadata
            there = self.client.get(Job, meta.name, namespace=meta.namespace)
            owner = controller_of(there)
            if owner is not None and owner.uid == cron_job.metadata.uid:
                return there
            raise
        except ApiError as error:
            if is_namespace_terminating(error):
                return None
            self.recorder.warning(cron_job, "FailedCreate", f"Error creating job: {error}")
            raise
        self.recorder.normal(cron_job, "SuccessfulCreate", f"Created job {_name(made)}")
        return made

    def _delete(self, cron_job: CronJob, job: Job) -> None:
        meta = job.metadata
        try:
            self.client.delete(
                Job,
                meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                propagation_policy="Background",
            )
        except NotFoundError:
            return
        except ApiError as error:
            self.recorder.warning(cron_job, "FailedDelete", f"Deleted job: {error}")
            raise
        self.recorder.normal(cron_job, "SuccessfulDelete", f"Deleted job {meta.name}")

    def _on_job(self, _key: str, old: Job | None, new: Job | None) -> None:
        for job in (old, new):
            owner = resolve_controller(self._cron_jobs, job) if job is not None else None
            if owner is not None:
                self.queue.add(owner.key)


def _name(job: Job) -> str:
    return job.metadata.name


def _reference(job: Job) -> ObjectReference:
    meta = job.metadata
    return ObjectReference(
        kind=Job.KIND,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        api_version=Job.API_VERSION,
        resource_version=meta.resource_version,
    )

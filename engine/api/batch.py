"""batch/v1: Job and CronJob."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LabelSelector, ObjectMeta, ObjectReference
from engine.api.pod import PodTemplateSpec
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class PodFailurePolicyOnExitCodesRequirement:
    """Exit codes of one container, or of any, that a rule is about."""

    operator: str = ""
    values: tuple[int, ...] = ()
    container_name: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodFailurePolicyOnPodConditionsPattern:
    """A condition of the failed pod that a rule is about."""

    type: str = ""
    status: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodFailurePolicyRule:
    """What to do about one way of failing: FailJob, FailIndex, Ignore or Count."""

    action: str = ""
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: tuple[PodFailurePolicyOnPodConditionsPattern, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodFailurePolicy:
    """Rules for failed pods; the first that fits counts."""

    rules: tuple[PodFailurePolicyRule, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SuccessPolicyRule:
    """Which indexes, or how many, are enough."""

    succeeded_indexes: str | None = None
    succeeded_count: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SuccessPolicy:
    """When an indexed job has succeeded before all its indexes have."""

    rules: tuple[SuccessPolicyRule, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class JobSpec:
    """How often a template is to succeed, how many at once, and when to give up. Times: seconds."""

    parallelism: int | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    backoff_limit: int | None = None
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    selector: LabelSelector | None = None
    manual_selector: bool | None = None
    template: PodTemplateSpec = wire(always=True, default=PodTemplateSpec())
    ttl_seconds_after_finished: int | None = None
    completion_mode: str | None = None
    suspend: bool | None = None
    pod_replacement_policy: str | None = None
    managed_by: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class UncountedTerminatedPods:
    """Ended pods, by uid, that are not in the counters of the status yet."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class JobStatus:
    """How far a job has come, as its controller last saw it."""

    conditions: tuple[Condition, ...] = ()
    start_time: Time | None = None
    completion_time: Time | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    terminating: int | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedTerminatedPods | None = None
    ready: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Job(ApiObject):
    """Pods that run to their end, a wanted number of times."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "Job"

    spec: JobSpec = wire(always=True, default=JobSpec())
    status: JobStatus = wire(always=True, default=JobStatus())


@attrs.frozen(kw_only=True)
class JobTemplateSpec:
    """The job that a cron job makes copies of."""

    metadata: ObjectMeta = wire(always=True, default=ObjectMeta())
    spec: JobSpec = wire(always=True, default=JobSpec())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CronJobSpec:
    """When to make a job, of which template, and how many old ones to keep."""

    schedule: str = wire(always=True, default="")
    time_zone: str | None = None
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = ""
    suspend: bool | None = None
    job_template: JobTemplateSpec = wire(always=True, default=JobTemplateSpec())
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CronJobStatus:
    """Which jobs run now, and when the last one was made and succeeded."""

    active: tuple[ObjectReference, ...] = ()
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CronJob(ApiObject):
    """A job made again and again, on a schedule."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "CronJob"

    spec: CronJobSpec = wire(always=True, default=CronJobSpec())
    status: CronJobStatus = wire(always=True, default=CronJobStatus())

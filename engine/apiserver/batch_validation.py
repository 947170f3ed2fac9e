"""Checks jobs and cron jobs. All faults are found, none is raised.

Source: pkg/apis/batch/validation, kubernetes v1.34.
"""

import attrs

from engine.api.batch import (
    CronJob,
    Job,
    JobSpec,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
)
from engine.api.cron import parse_schedule, parse_zone
from engine.api.pod import PodTemplateSpec
from engine.api.selectors import matches
from engine.apiserver.errors import Cause
from engine.apiserver.pod_validation import validate_template
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.validation import (
    at_least_zero,
    duplicate,
    invalid,
    one_of,
    required,
    unchanged,
    unsupported,
)
from engine.apiserver.workload_validation import unmatched

CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
JOB_NAME = "batch.kubernetes.io/job-name"
LEGACY_CONTROLLER_UID = "controller-uid"
LEGACY_JOB_NAME = "job-name"

_MOST_INDEXED = 100_000
_LONGEST_CRON_NAME = 52
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


def validate_job(job: Job) -> list[Cause]:
    """All that is wrong with *job*."""
    spec = job.spec
    causes = validate_job_spec(spec, "spec")
    if spec.selector is None:
        return [*causes, required("spec.selector")]
    causes += validate_selector(spec.selector, "spec.selector")
    if not spec.manual_selector:
        causes += _generated(job)
    if not matches(spec.selector, spec.template.metadata.labels):
        causes.append(unmatched(spec.template, "spec.template"))
    return causes


def validate_job_spec(spec: JobSpec, path: str) -> list[Cause]:
    """All that is wrong with *spec*, its selector excepted."""
    causes: list[Cause] = []
    for field, value in (
        ("parallelism", spec.parallelism),
        ("completions", spec.completions),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ):
        causes += at_least_zero(f"{path}.{field}", value)
    causes += _indexes(spec, path)
    policy = spec.template.spec.restart_policy
    place = f"{path}.template.spec.restartPolicy"
    if policy == "Always":
        causes.append(required(place, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        causes.append(unsupported(place, policy, ("Never", "OnFailure")))
    elif spec.pod_failure_policy is not None and policy != "Never":
        message = 'only "Never" is supported when podFailurePolicy is specified'
        causes.append(invalid(place, policy, message))
    replacement = spec.pod_replacement_policy
    place = f"{path}.podReplacementPolicy"
    allowed = ("Failed",) if spec.pod_failure_policy else ("Failed", "TerminatingOrFailed")
    if replacement and replacement not in allowed:
        causes.append(unsupported(place, replacement, allowed))
    if spec.pod_failure_policy is not None:
        for index, rule in enumerate(spec.pod_failure_policy.rules):
            causes += _rule(rule, spec, f"{path}.podFailurePolicy.rules[{index}]")
    if spec.success_policy is not None:
        causes += _success(spec.success_policy, spec, f"{path}.successPolicy")
    return [*causes, *validate_template(spec.template, f"{path}.template")]


def validate_job_update(new: Job, old: Job) -> list[Cause]:
    """All that *new* changes and may not."""
    spec, was = new.spec, old.spec
    causes = _completions_update(spec, was)
    if not (was.suspend and old.status.start_time is None):
        causes += unchanged("spec.template", spec.template, was.template)
    else:
        causes += unchanged(
            "spec.template", spec.template, _with_scheduling(was.template, spec.template)
        )
    for field, value, before in (
        ("selector", spec.selector, was.selector),
        ("completionMode", spec.completion_mode, was.completion_mode),
        ("podFailurePolicy", spec.pod_failure_policy, was.pod_failure_policy),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index, was.backoff_limit_per_index),
        ("managedBy", spec.managed_by, was.managed_by),
        ("successPolicy", spec.success_policy, was.success_policy),
    ):
        causes += unchanged(f"spec.{field}", value, before)
    return causes


def validate_cron_job(cron: CronJob) -> list[Cause]:
    """All that is wrong with *cron*."""
    spec, name = cron.spec, cron.metadata.name
    causes: list[Cause] = []
    if len(name) > _LONGEST_CRON_NAME:
        message = f"must be no more than {_LONGEST_CRON_NAME} characters"
        causes.append(invalid("metadata.name", name, message))
    causes += _schedule(spec.schedule, spec.time_zone)
    for field, value in (
        ("startingDeadlineSeconds", spec.starting_deadline_seconds),
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ):
        causes += at_least_zero(f"spec.{field}", value)
    causes += one_of(
        "spec.concurrencyPolicy", spec.concurrency_policy, ("Allow", "Forbid", "Replace")
    )
    job = spec.job_template.spec
    if job.manual_selector:
        causes.append(
            unsupported(
                "spec.jobTemplate.spec.manualSelector", job.manual_selector, ("nil", "false")
            )
        )
    return [*causes, *validate_job_spec(job, "spec.jobTemplate.spec")]


def _schedule(schedule: str, zone: str | None) -> list[Cause]:
    causes: list[Cause] = []
    if not schedule:
        causes.append(required("spec.schedule"))
    elif "TZ" in schedule:
        message = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        causes.append(invalid("spec.schedule", schedule, message))
    else:
        try:
            parse_schedule(schedule)
        except ValueError as error:
            causes.append(invalid("spec.schedule", schedule, str(error)))
    if zone is None:
        return causes
    if not zone:
        message = "timeZone must be nil or non-empty string"
        return [*causes, invalid("spec.timeZone", zone, message)]
    if zone.lower() == "local":
        message = (
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        )
        return [*causes, invalid("spec.timeZone", zone, message)]
    try:
        parse_zone(zone)
    except ValueError:
        causes.append(invalid("spec.timeZone", zone, f"unknown time zone {zone}"))
    return causes


def _generated(job: Job) -> list[Cause]:
    """The selector that the server makes must be the one there is."""
    labels, meta = job.spec.template.metadata.labels, job.metadata
    causes = []
    for key, wanted in (
        (LEGACY_CONTROLLER_UID, meta.uid),
        (LEGACY_JOB_NAME, meta.name),
        (CONTROLLER_UID, meta.uid),
        (JOB_NAME, meta.name),
    ):
        place = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            causes.append(required(place, f"must be '{wanted}'"))
        elif labels[key] != wanted:
            causes.append(invalid(place, labels, f"must be '{wanted}'"))
    selector = job.spec.selector
    if selector is None or selector.match_labels.get(CONTROLLER_UID) != meta.uid:
        causes.append(invalid("spec.selector", selector, "`selector` not auto-generated"))
    return causes


def _indexes(spec: JobSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if spec.completion_mode not in ("Indexed", "NonIndexed", None):
        causes.append(
            unsupported(
                f"{path}.completionMode", spec.completion_mode or "", ("Indexed", "NonIndexed")
            )
        )
    if spec.completion_mode == "Indexed":
        if spec.completions is None:
            message = "when completion mode is Indexed"
            causes.append(required(f"{path}.completions", message))
        if (spec.parallelism or 0) > _MOST_INDEXED:
            message = (
                f"must be less than or equal to {_MOST_INDEXED} when completion mode is Indexed"
            )
            causes.append(invalid(f"{path}.parallelism", spec.parallelism, message))
    else:
        for field, value in (
            ("backoffLimitPerIndex", spec.backoff_limit_per_index),
            ("maxFailedIndexes", spec.max_failed_indexes),
        ):
            if value is not None:
                message = "requires indexed completion mode"
                causes.append(invalid(f"{path}.{field}", value, message))
    failed = spec.max_failed_indexes
    if failed is not None:
        if spec.backoff_limit_per_index is None:
            message = "when maxFailedIndexes is specified"
            causes.append(required(f"{path}.backoffLimitPerIndex", message))
        if spec.completions is not None and failed > spec.completions:
            message = "must be less than or equal to completions"
            causes.append(invalid(f"{path}.maxFailedIndexes", failed, message))
    return causes


def _action(rule: PodFailurePolicyRule, spec: JobSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not rule.action:
        listed = ", ".join(f'"{action}"' for action in _ACTIONS)
        causes.append(required(f"{path}.action", f"valid values: {listed}"))
    elif rule.action not in _ACTIONS:
        causes.append(unsupported(f"{path}.action", rule.action, _ACTIONS))
    elif rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
        message = "requires the backoffLimitPerIndex to be set"
        causes.append(invalid(f"{path}.action", rule.action, message))
    return causes


def _rule(rule: PodFailurePolicyRule, spec: JobSpec, path: str) -> list[Cause]:
    causes = _action(rule, spec, path)
    codes = rule.on_exit_codes
    if codes is not None and rule.on_pod_conditions:
        message = "specifying both OnExitCodes and OnPodConditions is not supported"
        return [*causes, Cause(field=path, message=f"Invalid value: {message}")]
    if codes is None and not rule.on_pod_conditions:
        message = "specifying one of OnExitCodes and OnPodConditions is required"
        return [*causes, Cause(field=path, message=f"Invalid value: {message}")]
    for index, pattern in enumerate(rule.on_pod_conditions):
        causes += one_of(
            f"{path}.onPodConditions[{index}].status", pattern.status, ("False", "True", "Unknown")
        )
    return causes if codes is None else causes + _exit_codes(codes, spec, f"{path}.onExitCodes")


def _exit_codes(
    codes: PodFailurePolicyOnExitCodesRequirement, spec: JobSpec, place: str
) -> list[Cause]:
    causes = one_of(f"{place}.operator", codes.operator, ("In", "NotIn"))
    pod = spec.template.spec
    if codes.container_name is not None and not any(
        container.name == codes.container_name
        for container in (*pod.containers, *pod.init_containers)
    ):
        message = "must be one of the container or initContainer names in the pod template"
        causes.append(invalid(f"{place}.containerName", codes.container_name, message))
    if not codes.values:
        causes.append(invalid(f"{place}.values", codes.values, "at least one value is required"))
    for index, value in enumerate(codes.values):
        if codes.operator == "In" and value == 0:
            message = "must not be 0 for the In operator"
            causes.append(invalid(f"{place}.values[{index}]", value, message))
        if value in codes.values[:index]:
            causes.append(duplicate(f"{place}.values[{index}]", value))
    if list(codes.values) != sorted(codes.values):
        causes.append(invalid(f"{place}.values", codes.values, "must be ordered"))
    return causes


def _success(policy: SuccessPolicy, spec: JobSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if spec.completion_mode != "Indexed":
        causes.append(invalid(path, policy, "requires indexed completion mode"))
    if not policy.rules:
        message = "at least one rules must be specified when the successPolicy is specified"
        causes.append(required(f"{path}.rules", message))
    for index, rule in enumerate(policy.rules):
        if rule.succeeded_count is None and rule.succeeded_indexes is None:
            message = "at least one of succeededCount or succeededIndexes must be specified"
            causes.append(required(f"{path}.rules[{index}]", message))
        causes += at_least_zero(f"{path}.rules[{index}].succeededCount", rule.succeeded_count)
    return causes


def _completions_update(new: JobSpec, old: JobSpec) -> list[Cause]:
    """Completions change with parallelism only, and only for elastic indexed jobs."""
    if new.completions == old.completions:
        return []
    if new.completion_mode != "Indexed":
        return unchanged("spec.completions", new.completions, old.completions)
    is_elastic = new.completions == new.parallelism and old.completions == old.parallelism
    if is_elastic and new.completions is not None:
        return []
    message = "can only be modified in tandem with spec.parallelism"
    return [invalid("spec.completions", new.completions, message)]


def _with_scheduling(old: PodTemplateSpec, new: PodTemplateSpec) -> PodTemplateSpec:
    """*old* with what may still change before a suspended job starts: where its pods may go."""
    spec = attrs.evolve(
        old.spec,
        affinity=new.spec.affinity,
        node_selector=new.spec.node_selector,
        tolerations=new.spec.tolerations,
        scheduling_gates=new.spec.scheduling_gates,
    )
    metadata = attrs.evolve(
        old.metadata, labels=new.metadata.labels, annotations=new.metadata.annotations
    )
    return attrs.evolve(old, metadata=metadata, spec=spec)

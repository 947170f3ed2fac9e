"""What a Job's pod failure policy says of a failed pod. Pure.

Source: pkg/controller/job/pod_failure_policy.go, kubernetes v1.34.
"""

import attrs

from engine.api.batch import Job, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement
from engine.api.container import ContainerStatus
from engine.api.meta import Condition
from engine.api.pod import Pod

FAIL_JOB = "FailJob"
FAIL_INDEX = "FailIndex"
IGNORE = "Ignore"
COUNT = "Count"


@attrs.frozen
class Verdict:
    """What follows from one failed pod.

    *action* is that of the first rule that matches, or empty; *message* says why the Job fails.
    """

    is_counted: bool = True
    action: str = ""
    message: str = ""


def judge(policy: PodFailurePolicy | None, pod: Pod) -> Verdict:
    """The verdict of the first matching rule; without one the failure counts."""
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        if rule.on_exit_codes is not None:
            container = _matching_exit(pod, rule.on_exit_codes)
            if container is None:
                continue
            terminated = container.state.terminated
            code = terminated.exit_code if terminated is not None else 0
            what = f"Container {container.name} for pod {pod.key} failed with exit code {code}"
        else:
            condition = _matching_condition(pod, rule.on_pod_conditions or ())
            if condition is None:
                continue
            what = f"Pod {pod.key} has condition {condition.type}"
        message = ""
        if rule.action == FAIL_JOB:
            message = f"{what} matching {rule.action} rule at index {number}"
        return Verdict(is_counted=rule.action != IGNORE, action=rule.action, message=message)
    return Verdict()


def replaces_only_failed(job: Job) -> bool:
    """Whether a pod is replaced only once it has failed for good, not when it begins to go."""
    if job.spec.pod_replacement_policy == "Failed":
        return True
    return job.spec.pod_failure_policy is not None


def is_failed(pod: Pod, job: Job) -> bool:
    """Whether *pod* counts as failed: it has, or it is going and its end is not waited for."""
    if pod.status.phase == "Failed":
        return True
    if replaces_only_failed(job):
        return False
    return pod.metadata.deletion_timestamp is not None and pod.status.phase != "Succeeded"


def _matching_exit(
    pod: Pod, rule: PodFailurePolicyOnExitCodesRequirement
) -> ContainerStatus | None:
    statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    for status in statuses:
        ended = status.state.terminated
        if ended is None or ended.exit_code == 0:
            continue
        if rule.container_name is not None and rule.container_name != status.name:
            continue
        if (ended.exit_code in rule.values) == (rule.operator == "In"):
            return status
    return None


def _matching_condition(pod: Pod, patterns: tuple[object, ...]) -> Condition | None:
    for condition in pod.status.conditions:
        for pattern in patterns:
            wanted = getattr(pattern, "status", "") or "True"
            if condition.type == getattr(pattern, "type", "") and condition.status == wanted:
                return condition
    return None

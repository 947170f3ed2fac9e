"""A Deployment's status and conditions: available, progressing, complete, stuck. Pure.

Source: progress.go, sync.go, deployment_util.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.apps import Deployment, DeploymentStatus, ReplicaSet
from engine.api.meta import Condition, condition_of
from engine.api.wire import Time
from engine.controllers.deployment.revisions import ReplicaSets
from engine.controllers.deployment.rolling import max_unavailable, replicas_of, wanted

NEW_SET_CREATED = "NewReplicaSetCreated"
NEW_SET_FOUND = "FoundNewReplicaSet"
NEW_SET_AVAILABLE = "NewReplicaSetAvailable"
SET_UPDATED = "ReplicaSetUpdated"
SET_FAILED = "ReplicaSetCreateError"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
_NO_DEADLINE = 2**31 - 1

Conditions = tuple[Condition, ...]


def has_deadline(deployment: Deployment) -> bool:
    """Whether lack of progress is to be reported."""
    return deployment.spec.progress_deadline_seconds not in {None, _NO_DEADLINE}


def progressing(status: str, reason: str, message: str, *, now: float) -> Condition:
    """A Progressing condition of this moment."""
    return Condition(
        type="Progressing",
        status=status,
        reason=reason,
        message=message,
        last_update_time=Time(now),
        last_transition_time=Time(now),
    )


def with_condition(conditions: Conditions, condition: Condition) -> Conditions:
    """*conditions* with *condition* in the place of the one of its type.

    Nothing changes while status and reason stay; the transition time stays with the status.
    """
    current = condition_of(conditions, condition.type)
    if current is not None and current.status == condition.status:
        if current.reason == condition.reason:
            return conditions
        condition = attrs.evolve(condition, last_transition_time=current.last_transition_time)
    return (*without_condition(conditions, condition.type), condition)


def without_condition(conditions: Conditions, type_: str) -> Conditions:
    """*conditions* without that of *type_*."""
    return tuple(condition for condition in conditions if condition.type != type_)


def count_status(deployment: Deployment, sets: ReplicaSets, *, now: float) -> DeploymentStatus:
    """The status that the ReplicaSets' numbers give; Progressing is left as it is."""
    available = sum(found.status.available_replicas for found in sets.all)
    total = sum(wanted(found) for found in sets.all)
    is_available = available >= replicas_of(deployment) - max_unavailable(deployment)
    condition = Condition(
        type="Available",
        status="True" if is_available else "False",
        reason="MinimumReplicasAvailable" if is_available else "MinimumReplicasUnavailable",
        message=(
            "Deployment has minimum availability."
            if is_available
            else "Deployment does not have minimum availability."
        ),
        last_update_time=Time(now),
        last_transition_time=Time(now),
    )
    return attrs.evolve(
        deployment.status,
        observed_generation=deployment.metadata.generation,
        replicas=sum(found.status.replicas for found in sets.all),
        updated_replicas=sets.new.status.replicas if sets.new is not None else 0,
        ready_replicas=sum(found.status.ready_replicas for found in sets.all),
        available_replicas=available,
        unavailable_replicas=max(0, total - available),
        conditions=with_condition(deployment.status.conditions, condition),
    )


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether all wanted pods are of the new template and available, and no others are left."""
    target = replicas_of(deployment)
    return (
        status.updated_replicas == target
        and status.replicas == target
        and status.available_replicas == target
        and status.observed_generation >= deployment.metadata.generation
    )


def has_progressed(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    """Whether there are more new, ready or available pods, or fewer old ones."""
    return (
        after.updated_replicas > before.updated_replicas
        or after.replicas - after.updated_replicas < before.replicas - before.updated_replicas
        or after.ready_replicas > before.ready_replicas
        or after.available_replicas > before.available_replicas
    )


def has_timed_out(deployment: Deployment, status: DeploymentStatus, *, now: float) -> bool:
    """Whether nothing has progressed for longer than the deadline."""
    condition = condition_of(status.conditions, "Progressing")
    if condition is None or condition.reason == NEW_SET_AVAILABLE:
        return False
    if condition.reason == TIMED_OUT:
        return True
    deadline = deployment.spec.progress_deadline_seconds or 0
    since = condition.last_update_time
    return since is not None and since + deadline < now


def rollout_status(deployment: Deployment, sets: ReplicaSets, *, now: float) -> DeploymentStatus:
    """The status during and after a rollout, Progressing and ReplicaFailure included."""
    status = count_status(deployment, sets, now=now)
    conditions = status.conditions
    if has_deadline(deployment):
        conditions = _with_progress(deployment, sets, status, now=now)
    else:
        conditions = without_condition(conditions, "Progressing")
    failure = _replica_failure(sets.all)
    if failure is not None:
        conditions = with_condition(conditions, failure)
    else:
        conditions = without_condition(conditions, "ReplicaFailure")
    return attrs.evolve(status, conditions=conditions)


def check_again_after(
    deployment: Deployment, status: DeploymentStatus, *, now: float
) -> float | None:
    """Seconds until the deadline should be looked at again, or None."""
    condition = condition_of(status.conditions, "Progressing")
    if not has_deadline(deployment) or condition is None or is_complete(deployment, status):
        return None
    if condition.reason in {TIMED_OUT, NEW_SET_AVAILABLE} or condition.last_update_time is None:
        return None
    deadline = deployment.spec.progress_deadline_seconds or 0
    return max(0.0, condition.last_update_time + deadline - now) + 1.0


def _with_progress(
    deployment: Deployment, sets: ReplicaSets, status: DeploymentStatus, *, now: float
) -> Conditions:
    conditions = status.conditions
    current = condition_of(deployment.status.conditions, "Progressing")
    was_complete = current is not None and current.reason == NEW_SET_AVAILABLE
    if was_complete and status.replicas == status.updated_replicas:
        return conditions
    name = f'Deployment "{deployment.metadata.name}"'
    if sets.new is not None:
        name = f'ReplicaSet "{sets.new.metadata.name}"'
    if is_complete(deployment, status):
        message = f"{name} has successfully progressed."
        return with_condition(conditions, progressing("True", NEW_SET_AVAILABLE, message, now=now))
    if has_progressed(deployment.status, status):
        moved = progressing("True", SET_UPDATED, f"{name} is progressing.", now=now)
        if current is not None and current.status == "True":
            moved = attrs.evolve(moved, last_transition_time=current.last_transition_time)
        # Taken out first, so that the update time moves even where status and reason stay.
        return (*without_condition(conditions, "Progressing"), moved)
    if has_timed_out(deployment, status, now=now):
        message = f"{name} has timed out progressing."
        return with_condition(conditions, progressing("False", TIMED_OUT, message, now=now))
    return conditions


def _replica_failure(replica_sets: Iterable[ReplicaSet]) -> Condition | None:
    for found in replica_sets:
        condition = condition_of(found.status.conditions, "ReplicaFailure")
        if condition is not None:
            return Condition(
                type="ReplicaFailure",
                status=condition.status,
                reason=condition.reason,
                message=condition.message,
                last_transition_time=condition.last_transition_time,
                last_update_time=condition.last_transition_time,
            )
    return None

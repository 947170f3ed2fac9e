"""What a StatefulSet does next: which pods to create, repair and delete, in which order. Pure.

OrderedReady takes one step at a time and waits for each pod; Parallel creates and deletes at once.
Updates go from the highest number down, whatever the policy.

Source: pkg/controller/statefulset/stateful_set_control.go, kubernetes v1.34.
"""

from collections.abc import Sequence

import attrs

from engine.api.pod import Pod
from engine.api.stateful import ControllerRevision, StatefulSet, StatefulSetStatus
from engine.controllers.amount import scaled
from engine.controllers.pod_state import is_available, is_ready, is_terminal
from engine.controllers.statefulset.identity import (
    ordinal_of,
    ordinals_of,
    replicas_of,
    revision_of,
    start_of,
)


@attrs.frozen
class Revisions:
    """What pods were made of, and what new ones are made of."""

    current: ControllerRevision
    update: ControllerRevision


@attrs.frozen
class Deletion:
    """A pod to delete; *ended* if only because it has ended and must be made anew."""

    pod: Pod
    ended: bool = False


@attrs.frozen
class StatefulPlan:
    """The next step.

    *create* are numbers with the name of their revision; *check* are pods whose labels, volumes
    and claims are to be compared with what they should be; *condemned* are pods beyond the range.
    """

    create: tuple[tuple[int, str], ...] = ()
    check: tuple[Pod, ...] = ()
    delete: tuple[Deletion, ...] = ()
    condemned: tuple[Pod, ...] = ()


def is_going(pod: Pod) -> bool:
    """Whether *pod* has been asked to end."""
    return pod.metadata.deletion_timestamp is not None


def is_running_and_ready(pod: Pod) -> bool:
    """Whether *pod* runs and may get traffic."""
    return pod.status.phase == "Running" and is_ready(pod)


def is_healthy(pod: Pod) -> bool:
    """Whether *pod* is ready and stays."""
    return is_running_and_ready(pod) and not is_going(pod)


def is_parallel(found: StatefulSet) -> bool:
    """Whether pods need not wait for each other."""
    return found.spec.pod_management_policy == "Parallel"


def partition_of(found: StatefulSet) -> int:
    """Pods below this place (counted from the first) keep their template."""
    rolling = found.spec.update_strategy.rolling_update
    return (rolling.partition or 0) if rolling is not None else 0


def count_status(
    found: StatefulSet, pods: Sequence[Pod], revisions: Revisions, *, now: float
) -> StatefulSetStatus:
    """The status that *pods* give."""
    current, update = revisions.current.metadata.name, revisions.update.metadata.name
    staying = [pod for pod in pods if not is_going(pod)]
    ready = [pod for pod in pods if is_running_and_ready(pod)]
    min_ready = found.spec.min_ready_seconds
    return attrs.evolve(
        found.status,
        observed_generation=found.metadata.generation,
        replicas=len(pods),
        ready_replicas=len(ready),
        available_replicas=sum(is_available(pod, min_ready, now) for pod in ready),
        current_replicas=sum(revision_of(pod) == current for pod in staying),
        updated_replicas=sum(revision_of(pod) == update for pod in staying),
        current_revision=current,
        update_revision=update,
    )


def completed(found: StatefulSet, status: StatefulSetStatus) -> StatefulSetStatus:
    """*status* with the update revision as the current one, once all pods are of it and ready."""
    wanted = replicas_of(found)
    if found.spec.update_strategy.type == "OnDelete" or not (
        status.updated_replicas == status.ready_replicas == status.replicas == wanted
    ):
        return status
    return attrs.evolve(
        status, current_replicas=status.updated_replicas, current_revision=status.update_revision
    )


def plan(
    found: StatefulSet, pods: Sequence[Pod], revisions: Revisions, *, now: float
) -> StatefulPlan:
    """The next step, given all pods of the set."""
    if found.metadata.deletion_timestamp is not None:
        return StatefulPlan()
    wanted = ordinals_of(found)
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    replicas = {ordinal: by_ordinal.get(ordinal) for ordinal in wanted}
    condemned = sorted(
        (pod for pod in pods if (n := ordinal_of(pod)) is not None and n not in wanted),
        key=lambda pod: -(ordinal_of(pod) or 0),
    )
    step, is_blocked = _for_replicas(found, replicas, revisions, now=now)
    step = attrs.evolve(step, condemned=tuple(condemned))
    if is_blocked:
        return step
    shrink, must_wait = _for_condemned(found, replicas, condemned, now=now)
    if shrink:
        step = attrs.evolve(step, delete=(*step.delete, *shrink))
    if must_wait or found.spec.update_strategy.type == "OnDelete":
        return step
    if any(deletion.ended for deletion in step.delete) or step.create:
        return step
    present = {ordinal: pod for ordinal, pod in replicas.items() if pod is not None}
    return attrs.evolve(
        step, delete=(*step.delete, *_for_update(found, present, revisions, now=now))
    )


def revision_for(found: StatefulSet, ordinal: int, revisions: Revisions) -> str:
    """The revision a missing pod is made of."""
    if found.spec.update_strategy.type != "OnDelete" and ordinal < start_of(found) + partition_of(
        found
    ):
        return revisions.current.metadata.name
    return revisions.update.metadata.name


def max_unavailable(found: StatefulSet) -> int | None:
    """How many pods may be down during an update; None if nothing is said, which means one."""
    rolling = found.spec.update_strategy.rolling_update
    if rolling is None or rolling.max_unavailable is None:
        return None
    return max(1, scaled(rolling.max_unavailable, replicas_of(found), round_up=False))


def _for_replicas(
    found: StatefulSet, replicas: dict[int, Pod | None], revisions: Revisions, *, now: float
) -> tuple[StatefulPlan, bool]:
    """What the wanted pods need, and whether nothing else may be done before it is."""
    create: list[tuple[int, str]] = []
    check: list[Pod] = []
    delete: list[Deletion] = []
    is_blocked = False
    for ordinal, pod in replicas.items():
        is_up = False
        if pod is None:
            create.append((ordinal, revision_for(found, ordinal, revisions)))
        elif is_terminal(pod):
            if not is_going(pod):
                delete.append(Deletion(pod, ended=True))
        else:
            check.append(pod)
            is_up = _is_up(found, pod, now=now)
        if not is_up and not is_parallel(found):
            is_blocked = True
            break
    return StatefulPlan(tuple(create), tuple(check), tuple(delete)), is_blocked


def _is_up(found: StatefulSet, pod: Pod, *, now: float) -> bool:
    return is_healthy(pod) and is_available(pod, found.spec.min_ready_seconds, now)


def _for_condemned(
    found: StatefulSet,
    replicas: dict[int, Pod | None],
    condemned: Sequence[Pod],
    *,
    now: float,
) -> tuple[tuple[Deletion, ...], bool]:
    """Pods beyond the range, highest number first, and whether they must be waited for."""
    if is_parallel(found):
        return tuple(Deletion(pod) for pod in condemned if not is_going(pod)), False
    everyone = [*replicas.values(), *reversed(condemned)]
    first_unhealthy = next((p for p in everyone if p is None or not is_healthy(p)), None)
    for pod in condemned:
        if is_going(pod):
            return (), True
        if not _is_up(found, pod, now=now) and pod is not first_unhealthy:
            return (), True
        return (Deletion(pod),), True
    return (), False


def _for_update(
    found: StatefulSet, replicas: dict[int, Pod], revisions: Revisions, *, now: float
) -> tuple[Deletion, ...]:
    update = revisions.update.metadata.name
    lowest = start_of(found) + partition_of(found)
    limit = max_unavailable(found)
    if limit is not None:
        down = sum(not _is_up(found, pod, now=now) for pod in replicas.values())
        outdated = [
            replicas[ordinal]
            for ordinal in sorted(replicas, reverse=True)
            if ordinal >= lowest
            and revision_of(replicas[ordinal]) != update
            and not is_going(replicas[ordinal])
        ]
        # Pods that are down anyway cost nothing; they go first if they are outdated.
        broken = [pod for pod in outdated if not is_healthy(pod)]
        healthy = [pod for pod in outdated if is_healthy(pod)]
        chosen = broken[:limit] + healthy[: max(0, limit - down)]
        return tuple(Deletion(pod) for pod in chosen)
    for ordinal in sorted(replicas, reverse=True):
        if ordinal < lowest:
            break
        pod = replicas[ordinal]
        if revision_of(pod) != update and not is_going(pod):
            return (Deletion(pod),)
        if not is_healthy(pod):
            break
    return ()

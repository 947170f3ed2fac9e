"""Which daemon pods to create and delete: one per fitting node, a few replaced at a time. Pure.

Source: pkg/controller/daemon/daemon_controller.go (manage), update.go, kubernetes v1.34.
"""

from collections.abc import Mapping, Sequence

import attrs

from engine.api.pod import Pod
from engine.api.stateful import DaemonSet, DaemonSetStatus
from engine.controllers.amount import scaled
from engine.controllers.daemonset.placement import Fit
from engine.controllers.pod_state import is_available, is_ready
from engine.controllers.revision_history import REVISION_LABEL

PodsByNode = Mapping[str, Sequence[Pod]]


@attrs.frozen
class DaemonPlan:
    """Nodes that get a pod, pods that go, and pods that go because they have ended."""

    create: tuple[str, ...] = ()
    delete: tuple[Pod, ...] = ()
    ended: tuple[Pod, ...] = ()


@attrs.frozen
class Limits:
    """How far a rolling update may go, as counts of nodes."""

    surge: int
    unavailable: int


def is_current(pod: Pod, digest: str) -> bool:
    """Whether *pod* is of the revision with hash *digest*."""
    return pod.metadata.labels.get(REVISION_LABEL) == digest


def limits(found: DaemonSet, desired: int) -> Limits:
    """Both rounded up; not both 0, or nothing could ever move."""
    rolling = found.spec.update_strategy.rolling_update
    surge = scaled(rolling.max_surge if rolling else 0, desired, round_up=True)
    unavailable = scaled(
        rolling.max_unavailable if rolling else 1, desired, round_up=True, default=1
    )
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(surge, unavailable)


def place(
    found: DaemonSet,
    fits: Mapping[str, Fit],
    pods: PodsByNode,
    digest: str,
    *,
    now: float,
) -> DaemonPlan:
    """Pods for nodes that lack one; too many, misplaced and ended ones go."""
    create: list[str] = []
    delete: list[Pod] = []
    ended: list[Pod] = []
    may_surge = limits(found, len(fits)).surge > 0
    for name, fit in fits.items():
        here = pods.get(name, ())
        if fit.may_start and not here:
            create.append(name)
        elif fit.may_stay:
            staying = [pod for pod in here if pod.metadata.deletion_timestamp is None]
            over = [pod for pod in staying if pod.status.phase in {"Failed", "Succeeded"}]
            running = [pod for pod in staying if pod not in over]
            ended += over
            if not may_surge:
                delete += running[1:]
            elif len(running) > 1:
                delete += _beyond_surge(found, running, digest, now=now)
        else:
            delete += [pod for pod in here if pod.metadata.deletion_timestamp is None]
    for name, here in pods.items():
        if name not in fits:
            # The node is gone; PodGC would take bound ones, nobody else takes pinned ones.
            delete += [
                pod
                for pod in here
                if pod.metadata.deletion_timestamp is None and not pod.spec.node_name
            ]
    return DaemonPlan(tuple(create), tuple(delete), tuple(ended))


def update(
    found: DaemonSet,
    fits: Mapping[str, Fit],
    pods: PodsByNode,
    digest: str,
    *,
    now: float,
) -> DaemonPlan:
    """The next step of a rolling update: old pods that may go, nodes that may get a second pod."""
    desired = sum(fit.may_start for fit in fits.values())
    allowed = limits(found, desired)
    here = {name: pods.get(name, ()) for name, fit in fits.items() if fit.may_start or name in pods}
    if allowed.surge > 0:
        return _surging(found, here, digest, allowed.surge, now=now)
    return _in_place(found, here, digest, allowed.unavailable, now=now)


def count_status(
    found: DaemonSet,
    fits: Mapping[str, Fit],
    pods: PodsByNode,
    digest: str,
    *,
    now: float,
) -> DaemonSetStatus:
    """The status, counted in nodes; the oldest pod stands for its node."""
    desired = current = misscheduled = ready = available = updated = 0
    min_ready = found.spec.min_ready_seconds
    for name, fit in fits.items():
        here = pods.get(name, ())
        if not fit.may_start:
            misscheduled += bool(here)
            continue
        desired += 1
        if not here:
            continue
        current += 1
        oldest = here[0]
        ready += is_ready(oldest)
        available += is_available(oldest, min_ready, now)
        updated += is_current(oldest, digest)
    return attrs.evolve(
        found.status,
        observed_generation=found.metadata.generation,
        desired_number_scheduled=desired,
        current_number_scheduled=current,
        number_misscheduled=misscheduled,
        number_ready=ready,
        updated_number_scheduled=updated,
        number_available=available,
        number_unavailable=max(0, desired - available),
    )


def _in_place(
    found: DaemonSet, pods: PodsByNode, digest: str, allowed: int, *, now: float
) -> DaemonPlan:
    down = 0
    replace: list[Pod] = []
    candidates: list[Pod] = []
    min_ready = found.spec.min_ready_seconds
    for here in pods.values():
        pair = _pair(here, digest)
        if pair is None:
            down += 1
            continue
        new, old = pair
        if (new is None) == (old is None):
            down += 1
        elif new is not None:
            down += not is_available(new, min_ready, now)
        elif old is not None and not is_available(old, min_ready, now):
            replace.append(old)
            down += 1
        elif old is not None:
            candidates.append(old)
    return DaemonPlan(delete=(*replace, *candidates[: max(0, allowed - down)]))


def _surging(
    found: DaemonSet, pods: PodsByNode, digest: str, allowed: int, *, now: float
) -> DaemonPlan:
    surged = 0
    delete: list[Pod] = []
    certain: list[str] = []
    candidates: list[str] = []
    min_ready = found.spec.min_ready_seconds
    for name, here in pods.items():
        pair = _pair(here, digest)
        if pair is None:
            surged += 1
            continue
        new, old = pair
        if old is None:
            continue
        if new is None:
            is_up = is_available(old, min_ready, now)
            (candidates if is_up else certain).append(name)
        elif is_available(new, min_ready, now):
            delete.append(old)
        else:
            surged += 1
    return DaemonPlan(
        create=(*certain, *candidates[: max(0, allowed - surged)]), delete=tuple(delete)
    )


def _pair(pods: Sequence[Pod], digest: str) -> tuple[Pod | None, Pod | None] | None:
    """The new and the old pod of a node; None if there are several of one."""
    new: Pod | None = None
    old: Pod | None = None
    for pod in pods:
        if pod.metadata.deletion_timestamp is not None:
            continue
        if is_current(pod, digest):
            if new is not None:
                return None
            new = pod
        else:
            if old is not None:
                return None
            old = pod
    return new, old


def _beyond_surge(
    found: DaemonSet, running: Sequence[Pod], digest: str, *, now: float
) -> list[Pod]:
    """One new pod and one old one may share a node, while the old one still has to serve."""
    new = [pod for pod in running if is_current(pod, digest)]
    old = [pod for pod in running if not is_current(pod, digest)]
    surplus = [*new[1:], *old[1:]]
    if new and old:
        is_up = is_available(new[0], found.spec.min_ready_seconds, now)
        if not is_ready(old[0]) or is_up:
            surplus.append(old[0])
    return surplus

"""Which pods go first when there are too many. Pure.

Source: ActivePodsWithRanks, controller_utils.go, kubernetes v1.34.
"""

import math
from collections import Counter
from collections.abc import Sequence

from engine.api.pod import Pod
from engine.controllers.pod_state import is_active, is_ready, ready_condition, restarts

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""The annotation by which users say which pods they would rather lose."""

_PHASES = {"": 0, "Pending": 0, "Unknown": 1, "Running": 2}


def pods_to_delete(
    pods: Sequence[Pod], related: Sequence[Pod], count: int, *, now: float
) -> tuple[Pod, ...]:
    """The *count* pods of *pods* that are missed least.

    In this order: those without a node, not running, not ready, cheap to delete, on a node with
    many *related* active pods, ready for a short time, restarted often, young. Times are compared
    by magnitude (powers of two), and equal pods by uid.
    """
    if count >= len(pods):
        return tuple(pods)
    if count <= 0:
        return ()
    crowd = Counter(pod.spec.node_name for pod in related if pod.spec.node_name and is_active(pod))
    return tuple(sorted(pods, key=lambda pod: _rank(pod, crowd, now))[:count])


def _rank(pod: Pod, crowd: Counter[str], now: float) -> tuple[object, ...]:
    condition = ready_condition(pod)
    ready_since = condition.last_transition_time if condition is not None else None
    is_pod_ready = is_ready(pod)
    return (
        bool(pod.spec.node_name),
        _PHASES.get(pod.status.phase, 2),
        is_pod_ready,
        deletion_cost(pod),
        -crowd[pod.spec.node_name],
        _magnitude(ready_since, now) if is_pod_ready else 0,
        -restarts(pod),
        _magnitude(pod.metadata.creation_timestamp, now),
        pod.metadata.uid,
    )


def deletion_cost(pod: Pod) -> int:
    """What the pod's annotation says; 0 if it says nothing, or no whole number."""
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def _magnitude(since: float | None, now: float) -> int:
    """The age as a power of two; young is small, and no time at all is youngest."""
    if since is None:
        return -1
    age = now - since
    return 0 if age <= 0 else int(math.log2(age * 1e9)) + 1

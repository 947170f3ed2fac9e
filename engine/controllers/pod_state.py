"""What a pod's status amounts to, in the words controllers use. Pure."""

from engine.api.meta import Condition
from engine.api.pod import Pod

_ENDED = frozenset(("Succeeded", "Failed"))
_YOUNG = 2.0
"""Seconds; times of creation are whole seconds, so that one to two of them pass."""


def is_terminal(pod: Pod) -> bool:
    """Whether all its containers have ended for good."""
    return pod.status.phase in _ENDED


def is_active(pod: Pod) -> bool:
    """Whether it has neither ended nor been asked to."""
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in _ENDED


def ready_condition(pod: Pod) -> Condition | None:
    """Its Ready condition, or None."""
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            return condition
    return None


def is_ready(pod: Pod) -> bool:
    """Whether it may get traffic, as its kubelet sees it."""
    condition = ready_condition(pod)
    return condition is not None and condition.status == "True"


def available_at(pod: Pod, min_ready_seconds: int) -> float | None:
    """When it counts as available: ready for *min_ready_seconds*; None while it is not ready."""
    condition = ready_condition(pod)
    if condition is None or condition.status != "True":
        return None
    if not min_ready_seconds:
        return 0.0
    since = condition.last_transition_time
    return None if since is None else since + min_ready_seconds


def is_available(pod: Pod, min_ready_seconds: int, now: float) -> bool:
    """Whether it has been ready for at least *min_ready_seconds*."""
    when = available_at(pod, min_ready_seconds)
    return when is not None and when <= now


def restarts(pod: Pod) -> int:
    """The restart count of the container that restarted most."""
    return max((status.restart_count for status in pod.status.container_statuses), default=0)


def has_failed_at_once(pod: Pod, *, now: float) -> bool:
    """Whether a pod failed so soon that its successor has to wait a little.

    A node that refuses a pod does so at once, again and again. kube-controller-manager is slowed
    down by the limit of its client (20 requests a second) then; here it is by the age of the pod.
    """
    born = pod.metadata.creation_timestamp
    return pod.status.phase == "Failed" and born is not None and now < born + _YOUNG

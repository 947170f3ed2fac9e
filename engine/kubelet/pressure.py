"""What a node says when memory, disk or process ids are short.

Source: pkg/kubelet/nodestatus/setters.go, kubernetes v1.34.
"""

from collections.abc import Mapping

from engine.api.meta import Condition, condition_of
from engine.kubelet.container_status import whole

_CONDITIONS = {
    "memory": (
        "MemoryPressure",
        "KubeletHasInsufficientMemory",
        "kubelet has insufficient memory available",
    ),
    "disk": ("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    "pid": (
        "PIDPressure",
        "KubeletHasInsufficientPID",
        "kubelet has insufficient PID available",
    ),
}


def with_pressures(
    conditions: tuple[Condition, ...],
    before: tuple[Condition, ...],
    short: Mapping[str, object],
    *,
    now: float,
) -> tuple[Condition, ...]:
    """*conditions* with what is *short* (memory, disk, pid); *before* are those of last time."""
    if not short:
        return conditions
    wanted = {}
    for resource in short:
        type_, reason, message = _CONDITIONS[resource]
        known = condition_of(before, type_)
        since = whole(now)
        if known is not None and known.status == "True" and known.last_transition_time is not None:
            since = known.last_transition_time
        wanted[type_] = Condition(
            type=type_,
            status="True",
            reason=reason,
            message=message,
            last_heartbeat_time=known.last_heartbeat_time if known else since,
            last_transition_time=since,
        )
    return tuple(wanted.get(condition.type, condition) for condition in conditions)

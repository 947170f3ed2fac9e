"""Whether nodes are alive, which taints follow, and how fast pods may be evicted. Pure.

Source: node_lifecycle_controller.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping

import attrs

from engine.api.meta import Condition, condition_of
from engine.api.node import Node, Taint
from engine.api.wire import Time
from engine.config import ControllerSettings

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"

_TAINT_OF_CONDITION: dict[str, dict[str, str]] = {
    "Ready": {"False": NOT_READY, "Unknown": UNREACHABLE},
    "MemoryPressure": {"True": "node.kubernetes.io/memory-pressure"},
    "DiskPressure": {"True": "node.kubernetes.io/disk-pressure"},
    "PIDPressure": {"True": "node.kubernetes.io/pid-pressure"},
    "NetworkUnavailable": {"True": "node.kubernetes.io/network-unavailable"},
}
_OURS = frozenset(
    {UNSCHEDULABLE, *(key for keys in _TAINT_OF_CONDITION.values() for key in keys.values())}
)
_KUBELET_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_NEVER_UPDATED = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
_STOPPED = ("NodeStatusUnknown", "Kubelet stopped posting node status.")


@attrs.frozen
class Heartbeat:
    """The last sign of life as we saw it: *value* is what changes, *seen* when it last did."""

    value: tuple[float | None, float | None]
    seen: float


def heartbeat_value(node: Node, lease_renewed: float | None) -> tuple[float | None, float | None]:
    """What a living kubelet keeps changing: its Lease, or the heartbeat of its Ready condition."""
    ready = condition_of(node.status.conditions, "Ready")
    return lease_renewed, ready.last_heartbeat_time if ready is not None else None


def ready_status(node: Node) -> str:
    """True, False or Unknown."""
    ready = condition_of(node.status.conditions, "Ready")
    return ready.status if ready is not None else "Unknown"


def is_silent(
    node: Node, heartbeat: Heartbeat, *, now: float, settings: ControllerSettings
) -> bool:
    """Whether the node has given no sign of life for too long."""
    grace = settings.node_monitor_grace_period
    if condition_of(node.status.conditions, "Ready") is None:
        grace = max(grace, settings.node_startup_grace_period)
    return now > heartbeat.seen + grace


def silent_conditions(node: Node, *, now: float) -> tuple[Condition, ...]:
    """The node's conditions once nobody knows how it is doing."""
    result = list(node.status.conditions)
    for type_ in _KUBELET_CONDITIONS:
        current = condition_of(node.status.conditions, type_)
        if current is None:
            reason, message = _NEVER_UPDATED
            result.append(
                Condition(
                    type=type_,
                    status="Unknown",
                    reason=reason,
                    message=message,
                    last_heartbeat_time=node.metadata.creation_timestamp,
                    last_transition_time=Time(now),
                )
            )
        elif current.status != "Unknown":
            reason, message = _STOPPED
            result[result.index(current)] = attrs.evolve(
                current,
                status="Unknown",
                reason=reason,
                message=message,
                last_transition_time=Time(now),
            )
    return tuple(result)


def wanted_taints(
    node: Node, *, now: float, may_evict: bool, is_blackout: bool = False
) -> tuple[Taint, ...]:
    """The node's taints as its conditions and cordon ask for.

    Others' taints stay as they are, and so does the time since when one of ours has been there.
    *may_evict*: whether a NoExecute taint may be added now; one that fits the condition stays,
    unless no node works any more (*is_blackout*).
    """
    keys = []
    for type_, by_status in _TAINT_OF_CONDITION.items():
        condition = condition_of(node.status.conditions, type_)
        if condition is not None and condition.status in by_status:
            keys.append(by_status[condition.status])
    ready_key = next((key for key in keys if key in {NOT_READY, UNREACHABLE}), None)
    if node.spec.unschedulable:
        keys.append(UNSCHEDULABLE)
    present = {(taint.key, taint.effect): taint for taint in node.spec.taints if taint.key in _OURS}
    wanted = [(key, "NoSchedule") for key in keys]
    has_no_execute = any((key, "NoExecute") in present for key in (NOT_READY, UNREACHABLE))
    if ready_key is not None and (may_evict or has_no_execute) and not is_blackout:
        wanted.append((ready_key, "NoExecute"))
    others = tuple(
        taint
        for taint in node.spec.taints
        if taint.key not in _OURS or taint.effect not in {"NoSchedule", "NoExecute"}
    )
    ours = tuple(
        present.get(pair) or Taint(key=pair[0], effect=pair[1], time_added=Time(now))
        for pair in wanted
    )
    return (*others, *ours)


def needs_eviction_taint(node: Node) -> bool:
    """Whether the node is unhealthy and has no NoExecute taint yet."""
    return ready_status(node) != "True" and not has_eviction_taint(node)


def has_eviction_taint(node: Node) -> bool:
    """Whether the node's pods are being evicted because of its health."""
    return any(
        taint.effect == "NoExecute" and taint.key in {NOT_READY, UNREACHABLE}
        for taint in node.spec.taints
    )


def zone_of(node: Node) -> str:
    """The failure domain within which eviction is limited."""
    labels = node.metadata.labels
    return f"{labels.get(REGION, '')}:{labels.get(ZONE, '')}"


def is_blackout(nodes: Iterable[Node]) -> bool:
    """Whether no node works: then the fault is ours, and what was being evicted is spared.

    Source: handleDisruption, node_lifecycle_controller.go, kubernetes v1.34.
    """
    statuses = [ready_status(node) for node in nodes]
    return bool(statuses) and "True" not in statuses


def eviction_rates(nodes: Iterable[Node], settings: ControllerSettings) -> Mapping[str, float]:
    """Nodes per second that may be tainted NoExecute, by zone.

    A zone that is down altogether is evicted at the full rate as long as another one works: pods
    have somewhere to go. If no zone works, the fault is ours, and nothing is evicted.
    """
    ready: dict[str, int] = {}
    unready: dict[str, int] = {}
    for node in nodes:
        zone = zone_of(node)
        ready.setdefault(zone, 0)
        unready.setdefault(zone, 0)
        if ready_status(node) == "True":
            ready[zone] += 1
        else:
            unready[zone] += 1
    if ready and not any(ready.values()):
        return dict.fromkeys(ready, 0.0)
    return {zone: _zone_rate(ready[zone], unready[zone], settings) for zone in ready}


def _zone_rate(ready: int, unready: int, settings: ControllerSettings) -> float:
    threshold = settings.unhealthy_zone_threshold
    is_partial = unready > 2 and unready / (ready + unready) >= threshold
    if ready == 0 or not is_partial:
        return settings.node_eviction_rate
    is_large = ready + unready > settings.large_cluster_size_threshold
    return settings.secondary_node_eviction_rate if is_large else 0.0

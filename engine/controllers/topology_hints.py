"""Which zones or nodes should use an endpoint: so that traffic stays near. Pure.

Source: endpointslice/trafficdist, endpointslice/topologycache, kubernetes v1.34.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from engine.api.core import Service
from engine.api.discovery import Endpoint
from engine.api.frozen import FrozenDict, freeze
from engine.api.node import Node
from engine.api.quantity import parse
from engine.controllers.node_health import ready_status

MODE = "service.kubernetes.io/topology-mode"
OLD_MODE = "service.kubernetes.io/topology-aware-hints"
OVERLOAD = 0.2
"""How much more than its share of endpoints' traffic a zone may put on its own."""

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_ZONE = "topology.kubernetes.io/zone"


def asks_for_hints(service: Service) -> bool:
    """Whether *service* says anything about where its traffic should go."""
    annotations = service.metadata.annotations
    return (
        MODE in annotations
        or OLD_MODE in annotations
        or bool(service.spec.extra.get("trafficDistribution"))
    )


def with_hints(
    service: Service, endpoints: Sequence[Endpoint], shares: Mapping[str, float]
) -> tuple[Endpoint, ...]:
    """*endpoints* with the hints that *service* asks for, or without any.

    *shares* says which part of the cluster's CPU each zone has (`cpu_shares`).
    """
    annotations = service.metadata.annotations
    mode = annotations.get(MODE, annotations.get(OLD_MODE, ""))
    if mode in {"Auto", "auto"}:
        zones = _balanced(endpoints, shares)
        return tuple(
            _hinted(e, zone=z) for e, z in zip(endpoints, zones or (), strict=False)
        ) or tuple(_hinted(e) for e in endpoints)
    near = service.spec.extra.get("trafficDistribution")
    if near in {"PreferClose", "PreferSameZone"}:
        return tuple(_hinted(e, zone=e.zone or "") for e in endpoints)
    if near == "PreferSameNode":
        return tuple(_hinted(e, zone=e.zone or "", node=e.node_name or "") for e in endpoints)
    return tuple(_hinted(e) for e in endpoints)


def cpu_shares(nodes: Sequence[Node]) -> dict[str, float]:
    """The part of all CPU that each zone has; nothing if a node has no zone or there is only one.

    Nodes that are not ready and control planes do not count.
    """
    cpu: dict[str, float] = {}
    for node in nodes:
        labels = node.metadata.labels
        if _CONTROL_PLANE in labels or ready_status(node) != "True":
            continue
        zone = labels.get(_ZONE)
        amount = float(parse(node.status.allocatable.get("cpu", "0")))
        if not zone or amount <= 0:
            return {}
        cpu[zone] = cpu.get(zone, 0.0) + amount
    total = sum(cpu.values())
    return {zone: amount / total for zone, amount in sorted(cpu.items())} if len(cpu) > 1 else {}


def _balanced(endpoints: Sequence[Endpoint], shares: Mapping[str, float]) -> list[str] | None:
    """A zone for each endpoint so that no zone has much less than its share; None if impossible."""
    ready = [e for e in endpoints if e.conditions.ready is not False]
    if not shares or len(ready) < len(shares) or any(not e.zone for e in ready):
        return None
    least = {zone: math.ceil(share * len(ready) / (1 + OVERLOAD)) for zone, share in shares.items()}
    if sum(least.values()) > len(ready):
        return None
    chosen = [e.zone or "" for e in endpoints]
    counts = {zone: sum(e.zone == zone for e in ready) for zone in {*shares, *chosen}}
    for zone in shares:
        while counts[zone] < least[zone]:
            donor = max(sorted(counts), key=lambda z: counts[z] - least.get(z, 0))
            if counts[donor] - least.get(donor, 0) <= 0:
                return None
            position = next(
                i
                for i, e in enumerate(endpoints)
                if chosen[i] == donor and e.conditions.ready is not False
            )
            chosen[position] = zone
            counts[donor] -= 1
            counts[zone] += 1
    return chosen


def _hinted(endpoint: Endpoint, *, zone: str = "", node: str = "") -> Endpoint:
    hints: dict[str, Any] = {}
    if endpoint.conditions.ready is not False:
        if zone:
            hints["forZones"] = [{"name": zone}]
        if node:
            hints["forNodes"] = [{"name": node}]
    extra: FrozenDict[str, Any] = endpoint.extra.without("hints")
    if hints:
        extra = extra.with_items({"hints": freeze(hints)})
    return endpoint if extra == endpoint.extra else attrs.evolve(endpoint, extra=extra)

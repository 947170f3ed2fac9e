"""Hints keep traffic in the zone or on the node it comes from."""

import pytest

from engine.api.core import Service, ServiceSpec
from engine.api.discovery import Endpoint, EndpointConditions
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.controllers.topology_hints import MODE, with_hints


def _endpoints(*zones: str) -> list[Endpoint]:
    return [
        Endpoint(
            addresses=(f"10.0.0.{number}",),
            zone=zone,
            node_name=f"node-{zone}",
            conditions=EndpointConditions(ready=True),
        )
        for number, zone in enumerate(zones)
    ]


def _service(near: str = "", mode: str = "") -> Service:
    return Service(
        metadata=ObjectMeta(annotations=FrozenDict({MODE: mode} if mode else {})),
        spec=ServiceSpec(extra=FrozenDict({"trafficDistribution": near} if near else {})),
    )


def _zones(endpoints: tuple[Endpoint, ...]) -> list[str]:
    return [
        hint["name"]
        for endpoint in endpoints
        for hint in endpoint.extra.get("hints", {}).get("forZones", ())
    ]


@pytest.mark.parametrize(
    ("near", "zones", "nodes"),
    [
        ("PreferClose", ["a", "b"], 0),
        ("PreferSameZone", ["a", "b"], 0),
        ("PreferSameNode", ["a", "b"], 2),
        ("", [], 0),
    ],
)
def test_traffic_distribution(near: str, zones: list[str], nodes: int) -> None:
    """Each endpoint for its own zone, or for its own node too."""
    found = with_hints(_service(near), _endpoints("a", "b"), {})

    assert _zones(found) == zones
    assert sum("forNodes" in e.extra.get("hints", {}) for e in found) == nodes


def test_an_endpoint_that_is_not_ready_gets_no_hint() -> None:
    """Nobody is to be sent there."""
    unready = Endpoint(zone="a", conditions=EndpointConditions(ready=False))

    assert _zones(with_hints(_service("PreferClose"), [unready], {})) == []


@pytest.mark.parametrize(
    ("zones", "shares", "expected"),
    [
        (("a", "a", "b", "b"), {"a": 0.5, "b": 0.5}, ["a", "a", "b", "b"]),
        (("a", "a", "a", "b"), {"a": 0.5, "b": 0.5}, ["b", "a", "a", "b"]),
        (("a", "a"), {"a": 0.34, "b": 0.33, "c": 0.33}, []),
        (("a", "b"), {}, []),
    ],
    ids=["balanced", "one is lent", "too few endpoints", "no zones"],
)
def test_topology_mode_auto_shares_by_cpu(
    zones: tuple[str, ...], shares: dict[str, float], expected: list[str]
) -> None:
    """Endpoints go to the zones in proportion to CPU, or nobody gets hints."""
    found = with_hints(_service(mode="Auto"), _endpoints(*zones), shares)

    assert sorted(_zones(found)) == sorted(expected)

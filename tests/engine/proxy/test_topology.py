"""Which endpoints clients of a node get: the cases of kube-proxy's topology tests."""

from typing import Any

import attrs
import pytest

from engine.api.core import ServicePort
from engine.api.discovery import Endpoint
from engine.api.frozen import FrozenDict, freeze
from engine.proxy.rules import Frontend, ServiceRules, build_service
from tests.engine.proxy.objects import IP, make_endpoint, make_service, make_slice

NODES = {"node-1": "10.64.0.11", "node-2": "10.64.0.12", "node-3": "10.64.0.13"}
ZONES = {"node-1": "a", "node-2": "b", "node-3": ""}


def _endpoint(
    name: str, node: str, *, zones: str = "", nodes: str = "", **conditions: Any
) -> Endpoint:
    hints: dict[str, Any] = {}
    if zones:
        hints["forZones"] = [{"name": zone} for zone in zones.split()]
    if nodes:
        hints["forNodes"] = [{"name": node} for node in nodes.split()]
    made = make_endpoint(name, node=node, **conditions)
    return attrs.evolve(made, extra=FrozenDict({"hints": freeze(hints)})) if hints else made


def _rules(*endpoints: Endpoint, **spec: Any) -> ServiceRules:
    return build_service(make_service(**spec), [make_slice(*endpoints)], NODES, ZONES)


def _seen(rules: ServiceRules, node: str, *, ip: str = IP) -> str:
    target = rules.frontends[Frontend(ip, "tcp", 80)]
    return " ".join(backend.ip for backend in target.backends_on(node))


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        pytest.param(("a", "b"), ("1", "2", "1 2"), id="zones apart"),
        pytest.param(("a b", "b"), ("1", "1 2", "1 2"), id="one for both zones"),
        pytest.param(("a", ""), ("1 2", "1 2", "1 2"), id="one without hints"),
        pytest.param(("b", "b"), ("1 2", "1 2", "1 2"), id="none for the zone"),
        pytest.param(("", ""), ("1 2", "1 2", "1 2"), id="no hints"),
    ],
)
def test_zones(hints: tuple[str, str], expected: tuple[str, str, str]) -> None:
    """Hints count if every ready endpoint has them and one is for the zone."""
    rules = _rules(
        _endpoint("1", "node-1", zones=hints[0]), _endpoint("2", "node-2", zones=hints[1])
    )

    assert tuple(_seen(rules, node) for node in NODES) == expected


def test_hints_for_nodes_come_before_those_for_zones() -> None:
    """A node without an endpoint of its own goes by its zone."""
    rules = _rules(
        _endpoint("1", "node-1", zones="a", nodes="node-1"),
        _endpoint("2", "node-3", zones="a", nodes="node-3"),
        _endpoint("3", "node-2", zones="b", nodes="node-9"),
    )

    assert [_seen(rules, node) for node in NODES] == ["1", "3", "2"]


def test_hints_of_endpoints_that_are_not_ready_do_not_count() -> None:
    """Neither do they get traffic."""
    rules = _rules(
        _endpoint("1", "node-1", zones="b"),
        _endpoint("2", "node-2", ready=False),
        _endpoint("3", "node-1", zones="a"),
    )

    assert [_seen(rules, node) for node in NODES] == ["3", "1", "1 3"]


def test_internal_policy_local_keeps_to_the_node() -> None:
    """Terminating ones serve where no other does; elsewhere packets are dropped."""
    ending: dict[str, Any] = {"ready": False, "serving": True, "terminating": True}
    rules = _rules(
        _endpoint("1", "node-1"),
        _endpoint("2", "node-2", **ending),
        internal_traffic_policy="Local",
    )

    assert [_seen(rules, node) for node in (*NODES, "")] == ["1", "2", "", "1"]


def test_without_any_endpoint_everybody_is_refused() -> None:
    """Not dropped: there is nowhere at all."""
    rules = _rules(internal_traffic_policy="Local")

    assert rules.frontends[Frontend(IP, "tcp", 80)].near == {}


def test_external_policy_local_counts_for_nodes_and_not_for_pods() -> None:
    """A node's port leads to its own endpoints; pods reach the balancer's address everywhere."""
    port = ServicePort(name="http", port=80, protocol="TCP", node_port=30_080)
    rules = _rules(
        _endpoint("1", "node-1"),
        _endpoint("2", "node-1"),
        type="LoadBalancer",
        external_traffic_policy="Local",
        external_ips=("192.0.2.1",),
        ports=(port,),
        extra=FrozenDict({"healthCheckNodePort": 32_000}),
    )

    ports = {node: rules.frontends[Frontend(ip, "tcp", 30_080)] for node, ip in NODES.items()}
    assert {node: len(target.backends) for node, target in ports.items()} == {
        "node-1": 2,
        "node-2": 0,
        "node-3": 0,
    }
    assert _seen(rules, "node-2", ip="192.0.2.1") == "1 2"
    assert (rules.health_port, dict(rules.local)) == (32_000, {"node-1": 2})

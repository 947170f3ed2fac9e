"""Tests of the rules that follow from services and endpoints."""

import pytest

from engine.api.core import Service
from engine.api.discovery import Endpoint, EndpointSlice
from engine.proxy.rules import ANY_NODE, Backend, Frontend, Target, build_rules
from tests.engine.proxy.objects import (
    IP,
    make_endpoint,
    make_service,
    make_slice,
    node_port_service,
)

NODES = {"node-1": "10.64.0.11", "node-2": "10.64.0.12"}


def frontends(service: Service, *slices: EndpointSlice) -> dict[Frontend, Target]:
    """All frontends of *service*."""
    return build_rules([service], slices, NODES).frontends()


def backends(*endpoints: Endpoint) -> list[str]:
    """The addresses that get the traffic of a service with *endpoints*."""
    found = frontends(make_service(), make_slice(*endpoints))
    return [backend.ip for backend in found[Frontend(IP, "tcp", 80)].backends]


def test_service_address_leads_to_ready_endpoints() -> None:
    """Traffic goes to the port of the slice, at the ready endpoints only."""
    found = frontends(
        make_service(), make_slice(make_endpoint("10.244.1.2"), make_endpoint("x", ready=False))
    )

    assert found == {
        Frontend(IP, "tcp", 80): Target(
            port_name="http", backends=(Backend("10.244.1.2", 8080, "node-1"),)
        )
    }


def test_unset_readiness_counts_as_ready() -> None:
    """An endpoint that says nothing of itself gets traffic."""
    assert backends(make_endpoint("10.244.1.2", ready=None)) == ["10.244.1.2"]


def test_terminating_endpoints_serve_only_when_none_is_ready() -> None:
    """A pod that is ending gets traffic as long as nobody else can have it."""
    ending = make_endpoint("10.244.1.3", ready=False, serving=True, terminating=True)

    assert backends(make_endpoint("10.244.1.2"), ending) == ["10.244.1.2"]
    assert backends(ending) == ["10.244.1.3"]


def test_terminating_endpoint_that_does_not_serve_gets_nothing() -> None:
    """Without a usable endpoint the frontend is there and refuses."""
    assert backends(make_endpoint("x", ready=False, serving=False, terminating=True)) == []


def test_node_port_is_open_at_every_node() -> None:
    """A node port leads to all endpoints, wherever it is entered."""
    found = frontends(node_port_service(), make_slice(make_endpoint("10.244.1.2")))

    assert found[Frontend(ANY_NODE, "tcp", 30_080)].backends == (
        Backend("10.244.1.2", 8080, "node-1"),
    )


def test_local_external_policy_keeps_traffic_on_its_node() -> None:
    """With externalTrafficPolicy Local a node's address leads to that node's pods only."""
    found = frontends(
        node_port_service(external_traffic_policy="Local"),
        make_slice(make_endpoint("10.244.1.2"), make_endpoint("10.244.1.3")),
    )

    assert len(found[Frontend(NODES["node-1"], "tcp", 30_080)].backends) == 2
    assert found[Frontend(NODES["node-2"], "tcp", 30_080)].backends == ()


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        pytest.param(None, 10_800, id="default"),
        pytest.param({"clientIP": {"timeoutSeconds": 30}}, 30, id="given"),
    ],
)
def test_client_affinity_has_a_time(config: object, seconds: int) -> None:
    """Session affinity lasts three hours unless the service says otherwise."""
    service = make_service(session_affinity="ClientIP", session_affinity_config=config)

    (target,) = frontends(service, make_slice(make_endpoint("10.244.1.2"))).values()

    assert target.affinity_seconds == seconds


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(make_service(cluster_ip="None"), id="headless"),
        pytest.param(make_service(type="ExternalName", cluster_ip=""), id="alias"),
        pytest.param(make_service(cluster_ip=""), id="not allocated"),
    ],
)
def test_service_without_address_has_no_rules(service: Service) -> None:
    """There is nothing to translate for a service without an address of its own."""
    assert build_rules([service], [make_slice(make_endpoint("x"))], NODES).services == {}


def test_slices_of_one_service_are_joined() -> None:
    """Endpoints of several slices are one set, each endpoint once."""
    found = frontends(
        make_service(),
        make_slice(make_endpoint("10.244.1.2"), name="web-2"),
        make_slice(make_endpoint("10.244.1.2"), make_endpoint("10.244.1.3"), name="web-1"),
    )

    assert [backend.ip for backend in found[Frontend(IP, "tcp", 80)].backends] == [
        "10.244.1.2",
        "10.244.1.3",
    ]

"""Load balancers, mirrored Endpoints and pod ranges: addresses that controllers hand out."""

import ipaddress
from typing import Any

import attrs
import pytest

from engine.api.core import EndpointAddress, Endpoints, Service
from engine.api.discovery import EndpointSlice
from engine.api.node import Node
from engine.controllers.endpointslice_mirroring import MIRRORER
from engine.controllers.node_ipam import free_range
from engine.controllers.service_load_balancer import (
    FINALIZER,
    addresses_of,
    choose_address,
    pool_of,
)
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Two nodes."""
    made = Plant()
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _service(plant: Plant, name: str, **spec: Any) -> None:
    spec.setdefault("ports", [{"port": 80}])
    metadata = {"name": name, "namespace": "default"}
    plant.apply(apiVersion="v1", kind="Service", metadata=metadata, spec=spec)
    plant.run(1.0)


def test_the_pool_lies_beside_the_nodes() -> None:
    """So that clusters on one host never share an address."""
    assert str(pool_of(["10.66.0.10"])) == "10.66.255.0/24"
    assert str(pool_of(["fe80::1"])) == "10.64.255.0/24"


@pytest.mark.parametrize(
    ("taken", "wished", "expected"),
    [
        ((), "", "10.64.255.1"),
        (("10.64.255.1",), "", "10.64.255.2"),
        ((), "10.64.255.9", "10.64.255.9"),
        (("10.64.255.9",), "10.64.255.9", None),
        ((), "192.0.2.1", None),
    ],
)
def test_addresses_are_given_once(
    taken: tuple[str, ...], wished: str, expected: str | None
) -> None:
    """The first that is free, or the one that is wished for."""
    pool = ipaddress.IPv4Network("10.64.255.0/24")

    assert choose_address(pool, taken, wished) == expected


def test_a_load_balancer_gets_an_address_and_gives_it_back(plant: Plant) -> None:
    """A finalizer holds the service until then."""
    _service(plant, "lb", type="LoadBalancer")
    found = plant.get(Service, "lb")
    assert addresses_of(found) == ("10.64.255.1",)
    assert FINALIZER in found.metadata.finalizers
    _service(plant, "second", type="LoadBalancer")
    assert addresses_of(plant.get(Service, "second")) == ("10.64.255.2",)

    plant.client.delete(Service, "lb", namespace="default")
    plant.run(1.0)

    assert [service.metadata.name for service in plant.all(Service)] == ["second"]
    reasons = ("EnsuringLoadBalancer", "EnsuredLoadBalancer", "DeletedLoadBalancer")
    assert all(plant.events(reason) for reason in reasons)


def test_a_service_of_another_class_is_left_alone(plant: Plant) -> None:
    """Somebody else implements it."""
    _service(plant, "other", type="LoadBalancer", loadBalancerClass="example.com/other")

    found = plant.get(Service, "other")

    assert addresses_of(found) == ()
    assert found.metadata.finalizers == ()


def _endpoints(plant: Plant, name: str, **metadata: Any) -> None:
    plant.apply(
        apiVersion="v1",
        kind="Endpoints",
        metadata={"name": name, "namespace": "default", **metadata},
        subsets=[
            {
                "addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
                "notReadyAddresses": [{"ip": "192.0.2.2"}],
                "ports": [{"port": 8080, "name": "http"}],
            }
        ],
    )
    plant.run(1.0)


def _mirrored(plant: Plant) -> list[EndpointSlice]:
    label = "endpointslice.kubernetes.io/managed-by"
    return [s for s in plant.all(EndpointSlice) if s.metadata.labels.get(label) == MIRRORER]


def test_endpoints_of_a_service_without_selector_are_mirrored(plant: Plant) -> None:
    """A slice for each family; changes follow, and they go together."""
    _service(plant, "manual")
    _endpoints(plant, "manual")
    by_family = {s.address_type: s for s in _mirrored(plant)}
    four = by_family["IPv4"]
    assert [(e.addresses, e.conditions.ready) for e in four.endpoints] == [
        (("192.0.2.1",), True),
        (("192.0.2.2",), False),
    ]
    assert [(p.name, p.port, p.protocol) for p in four.ports] == [("http", 8080, "TCP")]
    assert four.metadata.owner_references[0].kind == "Endpoints"

    found = plant.get(Endpoints, "manual")
    subset = attrs.evolve(
        found.subsets[0], addresses=(EndpointAddress(ip="192.0.2.9"),), not_ready_addresses=()
    )
    plant.client.update(attrs.evolve(found, subsets=(subset,)))
    plant.run(2.0)
    assert [[e.addresses for e in s.endpoints] for s in _mirrored(plant)] == [[("192.0.2.9",)]]
    plant.client.delete(Endpoints, "manual", namespace="default")
    plant.run(2.0)
    assert _mirrored(plant) == []


@pytest.mark.parametrize(
    ("spec", "metadata"),
    [
        ({"selector": {"app": "x"}}, {}),
        ({}, {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}),
        ({}, {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}),
    ],
    ids=["with a selector", "asked not to", "a leader's record"],
)
def test_others_are_not_mirrored(
    plant: Plant, spec: dict[str, Any], metadata: dict[str, Any]
) -> None:
    """Those that a controller writes, and those that say so."""
    _service(plant, "manual", **spec)
    if "selector" not in spec:
        _endpoints(plant, "manual", **metadata)

    assert _mirrored(plant) == []


def test_nodes_without_a_range_get_one(plant: Plant) -> None:
    """Each its own /24; one that is taken is passed over."""
    assert [node.spec.pod_cidr for node in plant.all(Node)] == ["10.244.0.0/24", "10.244.1.0/24"]
    assert free_range(["10.246.0.0/24", "10.246.2.0/24"]) == "10.246.1.0/24"
    assert free_range([f"10.244.{n}.0/24" for n in range(256)]) is None

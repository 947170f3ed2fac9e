"""Services get slices and Endpoints while they live, on a real API server."""

import pytest

from engine.api.core import Endpoints, Service
from engine.api.discovery import EndpointSlice
from engine.api.node import Node
from engine.api.pod import Pod
from tests.engine.plant import Plant, deployment


@pytest.fixture
def plant() -> Plant:
    """Two nodes, a deployment and its service."""
    made = Plant()
    made.add_node("n0", zone="a")
    made.add_node("n1", zone="b")
    made.apply(**deployment(replicas=2))
    made.apply(
        apiVersion="v1",
        kind="Service",
        metadata={"name": "web", "namespace": "default"},
        spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    )
    made.run(10.0)
    return made


def test_ready_pods_are_endpoints(plant: Plant) -> None:
    """With node, zone and a reference to the pod."""
    (found,) = plant.all(EndpointSlice)

    assert found.metadata.labels["kubernetes.io/service-name"] == "web"
    assert sorted(endpoint.zone or "" for endpoint in found.endpoints) == ["a", "b"]
    assert all(endpoint.conditions.ready for endpoint in found.endpoints)
    assert {e.target_ref.name for e in found.endpoints if e.target_ref} == {
        pod.metadata.name for pod in plant.all(Pod)
    }


def test_a_pod_that_goes_stops_being_ready_at_once(plant: Plant) -> None:
    """Before it is gone it is listed as terminating, and no longer as ready."""
    victim = plant.all(Pod)[0]
    plant.stop_delay = 5.0

    plant.client.delete(Pod, victim.metadata.name, namespace="default")
    plant.run(0.1)

    (found,) = plant.all(EndpointSlice)
    going = [e for e in found.endpoints if e.conditions.terminating]
    assert [(e.addresses[0], e.conditions.ready) for e in going] == [(victim.status.pod_ip, False)]


def test_a_deleted_service_takes_its_endpoints_along(plant: Plant) -> None:
    """Neither slices nor Endpoints stay behind."""
    plant.client.delete(Service, "web", namespace="default")
    plant.run(5.0)

    assert plant.all(EndpointSlice) == ()
    assert plant.all(Endpoints) == ()


def test_endpoints_of_services_without_a_selector_are_left_alone(plant: Plant) -> None:
    """They are somebody else's to write."""
    plant.apply(
        apiVersion="v1",
        kind="Service",
        metadata={"name": "outside", "namespace": "default"},
        spec={"ports": [{"port": 80}]},
    )
    plant.apply(
        apiVersion="v1",
        kind="Endpoints",
        metadata={"name": "outside", "namespace": "default"},
        subsets=[{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}],
    )
    plant.run(5.0)

    assert plant.get(Endpoints, "outside").subsets[0].addresses[0].ip == "192.0.2.1"


def test_hints_follow_the_nodes() -> None:
    """With one zone left there is nothing to choose between."""
    plant = Plant()
    plant.add_node("n0", zone="a")
    plant.add_node("n1", zone="b")
    plant.apply(**deployment(replicas=4))
    plant.apply(
        apiVersion="v1",
        kind="Service",
        metadata={
            "name": "near",
            "namespace": "default",
            "annotations": {"service.kubernetes.io/topology-mode": "Auto"},
        },
        spec={"selector": {"app": "web"}, "ports": [{"port": 80}]},
    )
    plant.run(10.0)
    hinted = [bool(e.extra.get("hints")) for s in plant.all(EndpointSlice) for e in s.endpoints]
    plant.client.delete(Node, "n1")
    plant.run(2.0)
    after = [bool(e.extra.get("hints")) for s in plant.all(EndpointSlice) for e in s.endpoints]

    assert hinted == [True] * 4
    assert not any(after)

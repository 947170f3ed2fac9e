"""The node as the API shows it."""

import attrs

from engine.api.coordination import Lease
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.config import NodeConfig
from engine.cri.status import RuntimeInfo
from engine.kubelet.node_status import LIMITED, compute_node_status
from tests.engine.kubelet.station import NODE, Station


def node(station: Station) -> Node:
    """The node as stored."""
    return station.client.get(Node, NODE.name)


def ready(station: Station) -> str:
    """The node's Ready condition."""
    found = condition_of(node(station).status.conditions, "Ready")
    return found.status if found else ""


def test_node_registers_and_is_ready(station: Station) -> None:
    """A started kubelet makes its node known, with room, address and network."""
    found = node(station)

    assert ready(station) == "True"
    assert found.status.allocatable["cpu"] == "4"
    assert found.status.allocatable["memory"] == "8Gi"
    assert found.spec.pod_cidr == NODE.pod_cidr
    assert found.metadata.labels["kubernetes.io/hostname"] == NODE.name


def test_lease_is_renewed_every_ten_seconds(station: Station) -> None:
    """The heartbeat is the lease; the node object is left alone while nothing changes."""
    before = node(station).revision
    station.run(100.0)

    lease = station.client.get(Lease, NODE.name, namespace="kube-node-lease")
    assert lease.spec.renew_time is not None
    assert station.loop.now - lease.spec.renew_time <= 10.0
    assert lease.spec.lease_duration_seconds == 40
    assert node(station).revision == before


def test_status_is_reported_every_five_minutes(station: Station) -> None:
    """Even an unchanged status is written now and then."""
    before = node(station).revision

    station.run(310.0)

    assert node(station).revision > before


def test_extended_resources_of_others_stay_and_are_allocatable(station: Station) -> None:
    """Who writes one into the capacity, as documented, finds it in what may be given away."""
    found = node(station)
    capacity = found.status.capacity.with_items({"example.com/dongle": "4"})
    status = attrs.evolve(found.status, capacity=capacity)
    station.client.update_status(attrs.evolve(found, status=status))

    station.run(310.0)

    after = node(station).status
    assert after.capacity["example.com/dongle"] == "4"
    assert after.allocatable["example.com/dongle"] == "4"


def test_node_is_not_ready_without_its_runtime(station: Station) -> None:
    """A runtime that does not answer makes the node NotReady, until it answers again."""
    station.runtime.go_down("no answer")
    station.run(1.0)
    assert ready(station) == "False"

    station.runtime.come_up()
    station.run(1.0)

    assert ready(station) == "True"


def test_what_others_said_of_readiness_is_corrected(station: Station) -> None:
    """A kubelet that lives says so, whatever was concluded from its silence."""
    found = node(station)
    unknown = tuple(
        attrs.evolve(item, status="Unknown") if item.type == "Ready" else item
        for item in found.status.conditions
    )
    status = attrs.evolve(found.status, conditions=unknown)
    station.client.update_status(attrs.evolve(found, status=status))

    station.run(11.0)

    assert ready(station) == "True"


def test_deleted_node_registers_again_when_its_kubelet_restarts(station: Station) -> None:
    """A node that someone deleted stays away until its kubelet is started anew."""
    station.client.delete(Node, NODE.name)
    station.run(600.0)
    assert not station.client.list(Node).items

    station.kubelet.stop()
    station.kubelet.start()
    station.run(1.0)

    assert ready(station) == "True"


def test_huge_pages_are_resources_of_the_node() -> None:
    """Of each size that the kernel knows, also where none are set aside."""
    pages = (("1Gi", 0), ("2Mi", 2**23))
    info = RuntimeInfo(
        name="podman", version="5", cpu=1, memory=1, ephemeral_storage=1, huge_pages=pages
    )

    status = compute_node_status(Node(), "n", NodeConfig(name="n"), info, problem="", now=1.0)

    assert status.capacity["hugepages-1Gi"] == "0"
    assert status.allocatable["hugepages-2Mi"] == "8Mi"


def test_limits_that_are_not_enforced_are_a_condition() -> None:
    """There while the runtime says so, gone when it says nothing any more."""
    info = RuntimeInfo(name="podman", version="5", cpu=1, memory=1, ephemeral_storage=1)
    config = NodeConfig(name="n")

    def status_of(node: Node, unlimited: str) -> Node:
        told = attrs.evolve(info, unlimited=unlimited)
        status = compute_node_status(node, "n", config, told, problem="", now=1.0)
        return attrs.evolve(node, status=status)

    limited = status_of(Node(), "cgroups are not delegated")
    free = status_of(limited, "")

    condition = condition_of(limited.status.conditions, LIMITED)
    assert condition is not None
    assert (condition.status, condition.message) == ("False", "cgroups are not delegated")
    assert condition_of(free.status.conditions, LIMITED) is None

"""Pods from a node's own manifests, and what the API shows of them."""

import pytest

from engine.api.container import Container
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec
from engine.cri.commands import PodIdentity
from tests.engine.kubelet.station import DEMO, Station


def manifest(**labels: str) -> Pod:
    """A pod as a file describes it."""
    spec = PodSpec(containers=(Container(name="main", image=DEMO),))
    return Pod(metadata=ObjectMeta(name="web", labels=FrozenDict(labels)), spec=spec)


def running(station: Station) -> list[PodIdentity]:
    """Which pods have a sandbox."""
    return [sandbox.pod for sandbox in station.runtime.list_sandboxes()]


@pytest.fixture
def static(station: Station) -> Station:
    """A node that runs one static pod."""
    station.kubelet.set_manifests((manifest(),))
    station.run(5.0)
    return station


def test_a_static_pod_is_shown_with_its_node_as_owner(static: Station) -> None:
    """Its mirror is named after the node and has the pod's status."""
    mirror = static.get("web-node-1")

    assert static.condition("Ready", "web-node-1") == "True"
    assert mirror.metadata.owner_references[0].kind == "Node"
    annotations = mirror.metadata.annotations
    assert annotations["kubernetes.io/config.mirror"] == running(static)[0].uid


def test_a_deleted_mirror_comes_back_and_nothing_is_restarted(static: Station) -> None:
    """What a node runs by itself cannot be ended through the API."""
    before, old = running(static), static.get("web-node-1").metadata.uid

    static.client.delete(Pod, "web-node-1", namespace="default")
    static.run(5.0)

    assert static.get("web-node-1").metadata.uid != old
    assert running(static) == before
    assert static.condition("Ready", "web-node-1") == "True"


def test_a_static_pod_that_has_ended_gives_its_sandbox_back(station: Station) -> None:
    """Its mirror tells that, and nothing of it is started again."""
    main = Container(name="main", image="busybox:1.36", command=("sh", "-c", "exit 0"))
    spec = PodSpec(containers=(main,), restart_policy="Never")
    station.kubelet.set_manifests((Pod(metadata=ObjectMeta(name="web"), spec=spec),))

    station.run(30.0)

    (sandbox,) = station.runtime.list_sandboxes()
    assert (sandbox.is_stopped, station.get("web-node-1").status.phase) == (True, "Succeeded")


def test_a_changed_manifest_is_a_new_pod(static: Station) -> None:
    """The old pod ends before the new one starts, and the mirror follows."""
    before = running(static)

    static.kubelet.set_manifests((manifest(tier="front"),))
    static.run(15.0)

    assert len(running(static)) == 1
    assert running(static) != before
    assert static.get("web-node-1").metadata.labels == {"tier": "front"}


def test_a_removed_manifest_ends_pod_and_mirror(static: Station) -> None:
    """Nothing is left of either."""
    static.kubelet.set_manifests(())
    static.run(15.0)

    assert running(static) == []
    assert not static.exists("web-node-1")


def test_a_restarted_kubelet_adopts_its_static_pods(static: Station) -> None:
    """The same container goes on, and has a mirror again."""
    before = static.status("web-node-1").container_id
    static.kubelet.stop()
    static.kubelet.start()
    static.run(5.0)

    assert static.status("web-node-1").container_id == before
    assert static.status("web-node-1").restart_count == 0

"""Resize and ephemeral containers, on a whole simulated cluster in virtual time."""

import attrs
import pytest

from engine.api.container import Container, ResourceRequirements
from engine.api.events import Event
from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.apiserver.errors import InvalidError
from engine.apiserver.request import PatchBody, RequestInfo
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_pod

IMAGE = "localhost/kubarium/demo:v1"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def cluster() -> Cluster:
    """One worker with a pod that runs, asks for 100m and may have 200m."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1), seed=1))
    cluster.start()
    resources = ResourceRequirements(
        requests=FrozenDict({"cpu": "100m"}), limits=FrozenDict({"cpu": "200m"})
    )
    pod = make_pod("web")
    containers = (Container(name="main", image=IMAGE, resources=resources),)
    cluster.apply(attrs.evolve(pod, spec=attrs.evolve(pod.spec, containers=containers)))
    cluster.run_for(20.0)
    assert cluster.get(Pod, "web", namespace="default").status.phase == "Running"
    return cluster


def patch(cluster: Cluster, subresource: str, spec: dict[str, object]) -> Pod:
    """Patch the spec of the pod through a subresource."""
    body = PatchBody(type=STRATEGIC, data={"spec": spec}, field_manager="test")
    request = RequestInfo(user="kubernetes-admin", groups=("system:masters",))
    return cluster.server.patch(
        Pod, "web", namespace="default", patch=body, subresource=subresource, request=request
    )


def resize(cluster: Cluster, **resources: dict[str, str]) -> Pod:
    """Give the container other resources and let some seconds pass."""
    patch(cluster, "resize", {"containers": [{"name": "main", "resources": resources}]})
    cluster.run_for(5.0)
    return cluster.get(Pod, "web", namespace="default")


def test_resources_change_without_a_restart(cluster: Cluster) -> None:
    """What was granted and what the runtime gave are in the status; nothing is pending."""
    pod = resize(cluster, requests={"cpu": "150m"}, limits={"cpu": "400m"})

    (status,) = pod.status.container_statuses
    assert status.resources == pod.spec.containers[0].resources
    assert status.allocated_resources == {"cpu": "150m"}
    assert status.restart_count == 0
    assert condition_of(pod.status.conditions, "PodResizePending") is None
    assert condition_of(pod.status.conditions, "PodResizeInProgress") is None


def test_what_the_node_can_never_give_is_infeasible(cluster: Cluster) -> None:
    """The container keeps what it has, until it asks for less."""
    pod = resize(cluster, requests={"cpu": "900"}, limits={"cpu": "901"})
    pending = condition_of(pod.status.conditions, "PodResizePending")
    granted = pod.status.container_statuses[0].allocated_resources
    after = resize(cluster, requests={"cpu": "50m"}, limits={"cpu": "60m"})

    assert pending is not None
    assert pending.reason == "Infeasible"
    assert granted == {"cpu": "100m"}
    assert condition_of(after.status.conditions, "PodResizePending") is None
    assert after.status.container_statuses[0].allocated_resources == {"cpu": "50m"}


def test_a_container_is_restarted_for_what_it_cannot_take_running(cluster: Cluster) -> None:
    """If its resizePolicy says so."""
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    patch(cluster, "resize", {"containers": [{"name": "main", "resizePolicy": policy}]})

    pod = resize(cluster, limits={"cpu": "300m"})
    cluster.run_for(60.0)
    pod = cluster.get(Pod, "web", namespace="default")

    assert pod.spec.containers[0].extra["resizePolicy"] == freeze(policy)
    assert pod.status.container_statuses[0].restart_count == 1
    assert pod.status.container_statuses[0].resources == pod.spec.containers[0].resources
    assert condition_of(pod.status.conditions, "PodResizeInProgress") is None
    events = cluster.list(Event, namespace="default")
    assert [event.message for event in events if event.reason == "ResizeCompleted"] == [
        "Pod resize completed"
    ]


def test_a_resize_does_not_change_the_class_of_service(cluster: Cluster) -> None:
    """It is refused."""
    with pytest.raises(InvalidError, match="Pod QOS Class may not change"):
        resize(
            cluster,
            requests={"cpu": "1", "memory": "1Mi"},
            limits={"cpu": "1", "memory": "1Mi"},
        )


def test_an_ephemeral_container_runs_once(cluster: Cluster) -> None:
    """Beside the others, with a status of its own; its end changes nothing for the pod."""
    debugger = {"name": "dbg", "image": IMAGE, "command": ["sh", "-c", "exit 3"]}
    patch(cluster, "ephemeralcontainers", {"ephemeralContainers": [debugger]})
    cluster.run_for(60.0)
    pod = cluster.get(Pod, "web", namespace="default")

    (status,) = pod.status.ephemeral_container_statuses
    assert status.state.terminated is not None
    assert status.state.terminated.exit_code == 3
    assert status.restart_count == 0
    assert pod.status.phase == "Running"

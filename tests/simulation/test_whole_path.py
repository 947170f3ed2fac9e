"""From an object to a running container and back: every component takes part."""

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Endpoints, Namespace
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.api.meta import is_true
from engine.api.node import Node
from engine.api.pod import Pod
from engine.cluster import Cluster
from engine.scenario.history import undo
from tests.builders import make_deployment, make_pod, make_service

V2 = "localhost/kubarium/demo:v2"


def set_image(cluster: Cluster, name: str, image: str) -> None:
    """Change the image of a deployment's only container."""
    container = {"name": "web", "image": image}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    cluster.admin.patch(Deployment, name, patch, namespace="default", type="strategic")


def test_nodes_register_and_become_ready(cluster: Cluster) -> None:
    """The kubelets' first act."""
    nodes = cluster.list(Node)

    assert len(nodes) == 4
    assert all(is_true(node.status.conditions, "Ready") for node in nodes)


def test_a_deployment_becomes_running_pods_behind_its_service(cluster: Cluster) -> None:
    """Deployment, replica set, pods, bindings, containers, endpoints."""
    cluster.apply(make_deployment("web", replicas=3, is_probed=True), make_service("web"))
    cluster.run_for(30.0)

    deployment = cluster.get(Deployment, "web", namespace="default")
    pods = cluster.list(Pod, namespace="default")
    slices = [
        found
        for found in cluster.list(EndpointSlice, namespace="default")
        if found.metadata.labels.get("kubernetes.io/service-name") == "web"
    ]

    assert deployment.status.available_replicas == 3
    assert {pod.status.phase for pod in pods} == {"Running"}
    assert len({pod.spec.node_name for pod in pods}) == 3
    assert sorted(ip for found in slices for e in found.endpoints for ip in e.addresses) == sorted(
        pod.status.pod_ip for pod in pods
    )
    assert len(cluster.get(Endpoints, "web", namespace="default").subsets[0].addresses) == 3


def test_an_update_replaces_all_pods_and_can_be_undone(cluster: Cluster) -> None:
    """Two replica sets, a history, and the old template again."""
    cluster.apply(make_deployment("web", is_probed=True))
    cluster.run_for(30.0)
    set_image(cluster, "web", V2)
    cluster.run_for(60.0)

    images = {pod.spec.containers[0].image for pod in cluster.list(Pod, namespace="default")}
    assert images == {V2}
    assert len(cluster.list(ReplicaSet, namespace="default")) == 2

    undo(cluster.admin, cluster.get(Deployment, "web", namespace="default"))
    cluster.run_for(60.0)

    images = {pod.spec.containers[0].image for pod in cluster.list(Pod, namespace="default")}
    assert images == {"localhost/kubarium/demo:v1"}
    assert len(cluster.list(ReplicaSet, namespace="default")) == 2


def test_a_deleted_pod_is_replaced(cluster: Cluster) -> None:
    """Self-healing, by the replica set."""
    cluster.apply(make_deployment("web"))
    cluster.run_for(30.0)
    victim = cluster.list(Pod, namespace="default")[0]

    cluster.controls.kill_pod("default", victim.metadata.name)
    cluster.run_for(30.0)

    pods = cluster.list(Pod, namespace="default")
    assert len(pods) == 3
    assert victim.metadata.uid not in {pod.metadata.uid for pod in pods}


def test_pods_of_a_crashed_node_start_elsewhere_and_the_node_comes_back(cluster: Cluster) -> None:
    """Lease, taint, eviction, replacement; and no pod left over after the boot."""
    cluster.apply(make_deployment("web"))
    cluster.run_for(30.0)

    cluster.controls.crash_node("node-1")
    cluster.run_for(90.0)

    node = cluster.get(Node, "node-1")
    assert not is_true(node.status.conditions, "Ready")
    assert any(taint.effect == "NoExecute" for taint in node.spec.taints)
    available = cluster.get(Deployment, "web", namespace="default").status.available_replicas
    assert available == 3

    cluster.controls.restore_node("node-1")
    cluster.run_for(60.0)

    node = cluster.get(Node, "node-1")
    assert is_true(node.status.conditions, "Ready")
    assert node.spec.taints == ()
    pods = cluster.list(Pod, namespace="default")
    assert len(pods) == 3
    assert all(pod.metadata.deletion_timestamp is None for pod in pods)
    reasons = {event.reason for event in cluster.list(Event)}
    assert {"NodeNotReady", "Scheduled", "Started", "Killing"} & reasons >= {"NodeNotReady"}


def test_pods_on_a_cut_off_node_keep_running(cluster: Cluster) -> None:
    """A partition breaks the link, not the containers."""
    cluster.apply(make_pod("alone"))
    cluster.run_for(20.0)
    name = cluster.get(Pod, "alone", namespace="default").spec.node_name
    running = len(cluster.nodes[name].runtime.list_sandboxes())

    cluster.controls.partition_node(name)
    cluster.run_for(30.0)

    assert running == 1
    assert len(cluster.nodes[name].runtime.list_sandboxes()) == 1

    cluster.controls.heal_node(name)
    cluster.run_for(30.0)

    assert cluster.get(Pod, "alone", namespace="default").status.phase == "Running"


def test_a_pod_that_fits_nowhere_waits_until_there_is_room(cluster: Cluster) -> None:
    """The scheduler's queue is revived by the event that may help."""
    cluster.apply(*(make_pod(f"big-{number}", cpu=3000) for number in range(4)))
    cluster.run_for(20.0)
    waiting = [pod for pod in cluster.list(Pod, namespace="default") if pod.spec.node_name == ""]
    assert len(waiting) == 1

    cluster.admin.delete(Pod, "big-0", namespace="default", grace_period_seconds=0)
    cluster.run_for(60.0)

    name = waiting[0].metadata.name
    assert cluster.get(Pod, name, namespace="default").spec.node_name != ""


def test_deleting_a_deployment_takes_everything_it_owns(cluster: Cluster) -> None:
    """The garbage collector follows the owners."""
    cluster.apply(make_deployment("web"))
    cluster.run_for(30.0)

    cluster.admin.delete(Deployment, "web", namespace="default")
    cluster.run_for(60.0)

    assert cluster.list(ReplicaSet, namespace="default") == ()
    assert cluster.list(Pod, namespace="default") == ()
    assert all(not node.runtime.list_sandboxes() for node in cluster.nodes.values())


def test_deleting_a_namespace_takes_everything_in_it(cluster: Cluster) -> None:
    """And then the namespace itself is gone."""
    space = Namespace(metadata=attrs.evolve(make_pod("team").metadata, namespace=""))
    cluster.apply(space, make_pod("web", namespace="team"))
    cluster.run_for(20.0)

    cluster.admin.delete(Namespace, "team")
    cluster.run_for(60.0)

    assert "team" not in {found.metadata.name for found in cluster.list(Namespace)}
    assert cluster.list(Pod, namespace="team") == ()


def test_nothing_is_scheduled_while_the_scheduler_is_stopped(cluster: Cluster) -> None:
    """Each component does its own part and no other's."""
    cluster.scheduler.stop()
    cluster.apply(make_pod("web"))
    cluster.run_for(20.0)
    assert cluster.get(Pod, "web", namespace="default").spec.node_name == ""

    cluster.scheduler.start()
    cluster.run_for(20.0)

    assert cluster.get(Pod, "web", namespace="default").status.phase == "Running"

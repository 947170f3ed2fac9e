"""The control plane as pods: ending one stops that part, and the kubelet brings it back."""

from collections.abc import Iterator

import pytest

from engine.api.coordination import Lease
from engine.api.frozen import FrozenDict
from engine.api.kubarium import Fault, FaultTarget
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import UnavailableError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.faults.controls import make_fault
from tests.builders import make_deployment, make_pod, make_service


@pytest.fixture
def shown() -> Iterator[Cluster]:
    """A cluster whose components are pods."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(2), has_component_pods=True))
    cluster.start()
    cluster.run_for(15.0)
    yield cluster
    cluster.stop()


def kill(cluster: Cluster, component: str, number: int = 0) -> None:
    """Kill a component's container by a fault."""
    name = f"{component}-control-plane"
    target = FaultTarget(namespace="kube-system", pods=(name,))
    cluster.apply(make_fault(f"kill-{component}-{number}", "container.kill", target))


def component_pod(cluster: Cluster, component: str) -> Pod:
    """Its mirror."""
    return cluster.get(Pod, f"{component}-control-plane", namespace="kube-system")


def test_all_components_run_from_the_start(shown: Cluster) -> None:
    """One pod each on the control plane, a proxy on every node; nothing was restarted."""
    pods = shown.list(Pod, namespace="kube-system")

    assert len(pods) == 5 + 3
    assert {pod.status.phase for pod in pods} == {"Running"}
    assert {pod.status.container_statuses[0].restart_count for pod in pods} == {0}


def test_without_a_scheduler_nothing_is_scheduled(shown: Cluster) -> None:
    """Until the kubelet has started it again."""
    kill(shown, "kube-scheduler")
    shown.run_for(0.3)
    shown.apply(make_pod("web"))
    shown.run_for(0.3)
    waiting = shown.get(Pod, "web", namespace="default").spec.node_name
    shown.run_for(10.0)

    assert waiting == ""
    assert shown.get(Pod, "web", namespace="default").spec.node_name
    status = component_pod(shown, "kube-scheduler").status.container_statuses[0]
    assert status.restart_count == 1


def test_without_a_manager_nothing_is_reconciled(shown: Cluster) -> None:
    """A deployment stays a wish."""
    kill(shown, "kube-controller-manager")
    shown.run_for(0.3)
    shown.apply(make_deployment("web", replicas=1))
    shown.run_for(0.3)
    before = len(shown.list(Pod, namespace="default"))
    shown.run_for(20.0)

    assert before == 0
    assert len(shown.list(Pod, namespace="default")) == 1


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_without_a_server_requests_are_refused(shown: Cluster, component: str) -> None:
    """And the kubelet, which needs it not, starts it again."""
    kill(shown, component)
    shown.run_for(0.5)
    with pytest.raises(UnavailableError):
        shown.list(Pod)
    shown.run_for(10.0)

    assert component_pod(shown, component).status.container_statuses[0].restart_count == 1


def test_without_a_proxy_the_rules_of_its_node_are_frozen(shown: Cluster) -> None:
    """What was programmed there stays as it is; the other nodes and DNS go on."""
    before = shown.proxier.rules
    kill(shown, "kube-proxy")
    shown.run_for(0.3)
    shown.apply(make_service("late"))
    shown.run_for(0.5)

    assert not shown.components.is_up("kube-proxy")
    assert shown.proxier.rules_of("control-plane") == before
    assert "default/late" in shown.proxier.rules_of("node-1").services
    shown.run_for(20.0)
    assert shown.components.is_up("kube-proxy")
    assert "default/late" in shown.proxier.rules_of("control-plane").services


def test_a_paused_node_stands_still_with_its_components(shown: Cluster) -> None:
    """None of them is restarted for it: they go on where they were."""
    target = FaultTarget(nodes=("control-plane",))
    shown.apply(make_fault("still", "node.pause", target, duration=10.0))
    shown.run_for(2.0)
    with pytest.raises(UnavailableError):
        shown.list(Pod)
    shown.run_for(30.0)

    assert shown.get(Fault, "still").status.phase == "Recovered"
    assert component_pod(shown, "kube-apiserver").status.container_statuses[0].restart_count == 0
    assert not shown.components.stopped
    assert not shown.proxier.frozen


def test_a_node_that_is_cut_off_keeps_its_rules(shown: Cluster) -> None:
    """Its service proxy hears of nothing either, until it is back."""
    target = FaultTarget(nodes=("node-1",))
    shown.apply(make_fault("apart", "node.partition", target, duration=10.0))
    shown.run_for(1.0)
    shown.apply(make_service("late"))
    shown.run_for(1.0)

    assert "default/late" not in shown.proxier.rules_of("node-1").services
    assert "default/late" in shown.proxier.rules_of("node-2").services
    shown.run_for(15.0)
    assert "default/late" in shown.proxier.rules_of("node-1").services
    assert not shown.proxier.frozen


def test_a_component_killed_again_and_again_waits_longer(shown: Cluster) -> None:
    """It is in CrashLoopBackOff."""
    for number in range(3):
        kill(shown, "kube-scheduler", number)
        shown.run_for(4.0)

    waiting = component_pod(shown, "kube-scheduler").status.container_statuses[0].state.waiting
    assert waiting is not None
    assert waiting.reason == "CrashLoopBackOff"
    assert not shown.components.is_up("kube-scheduler")
    shown.run_for(60.0)
    assert shown.components.is_up("kube-scheduler")


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd", "kube-scheduler", "coredns"])
def test_a_deleted_mirror_comes_back_and_its_component_goes_on(
    shown: Cluster, component: str
) -> None:
    """The API has but the mirror of a static pod: as on a real node, deleting it ends nothing."""
    old = component_pod(shown, component).metadata.uid

    shown.admin.delete(
        Pod, f"{component}-control-plane", namespace="kube-system", grace_period_seconds=0
    )
    shown.run_for(10.0)

    mirror = component_pod(shown, component)
    assert mirror.metadata.uid != old
    assert shown.components.is_up(component)
    assert mirror.status.container_statuses[0].restart_count == 0


def test_a_fault_kills_the_component_behind_a_mirror(shown: Cluster) -> None:
    """What the API cannot do, `pod.kill` does on the node; the kubelet brings it back."""
    target = FaultTarget(namespace="kube-system", pods=("kube-scheduler-control-plane",))
    shown.apply(make_fault("kill", "pod.kill", target))
    shown.run_for(0.5)
    was_up = shown.components.is_up("kube-scheduler")
    shown.run_for(10.0)

    assert not was_up
    assert component_pod(shown, "kube-scheduler").status.container_statuses[0].restart_count == 1


def test_without_node_objects_the_components_run_on(shown: Cluster) -> None:
    """Mirrors go with the nodes and stay away, as do nodes, until kubelets start again."""
    for node in shown.list(Node):
        shown.admin.delete(Node, node.metadata.name)
    shown.run_for(600.0)

    assert not shown.components.stopped
    assert not shown.monitor.violations
    assert shown.list(Node) == ()
    assert shown.list(Pod, namespace="kube-system") == ()
    assert shown.list(Lease, namespace="kube-node-lease") == ()


def test_a_restarted_kubelet_registers_its_node_and_mirrors_again(shown: Cluster) -> None:
    """Its containers have gone on meanwhile, so that none was restarted."""
    shown.admin.delete(Node, "control-plane")
    shown.run_for(120.0)
    kubelet = shown.nodes["control-plane"].kubelet
    kubelet.stop()
    kubelet.start()
    shown.run_for(15.0)

    node = shown.get(Node, "control-plane")
    mirror = component_pod(shown, "kube-apiserver")
    assert mirror.metadata.owner_references[0].uid == node.metadata.uid
    assert mirror.status.phase == "Running"
    assert mirror.status.container_statuses[0].restart_count == 0
    lease = shown.get(Lease, "control-plane", namespace="kube-node-lease")
    assert lease.spec.holder_identity == "control-plane"


def test_a_crashed_control_plane_node_takes_everything_with_it(shown: Cluster) -> None:
    """Until it boots."""
    shown.apply(
        make_fault(
            "crash",
            "node.reboot",
            FaultTarget(nodes=("control-plane",)),
            params=FrozenDict(seconds=10),
        )
    )
    shown.run_for(2.0)
    with pytest.raises(UnavailableError):
        shown.list(Pod)
    shown.run_for(60.0)

    assert component_pod(shown, "kube-apiserver").status.phase == "Running"
    assert not shown.components.stopped

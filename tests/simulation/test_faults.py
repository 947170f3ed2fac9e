"""Faults as objects: injected once, undone once, however they end."""

import re

import attrs
import pytest

from engine.api.frozen import FrozenDict
from engine.api.kubarium import Fault, FaultTarget
from engine.api.pod import Pod
from engine.apiserver.errors import InvalidError, UnavailableError
from engine.cluster import Cluster
from engine.faults.controls import make_fault
from engine.faults.injector import END_ALL
from tests.builders import make_pod


def inject(cluster: Cluster, type_: str, target: FaultTarget, **more: object) -> Fault:
    """Create a fault, let the injector act, and return it."""
    cluster.apply(make_fault("test", type_, target, **more))  # type: ignore[arg-type]  # of make_fault
    cluster.run_for(1.0)
    return cluster.get(Fault, "test")


def test_a_fault_says_that_it_is_active_and_what_it_hit(cluster: Cluster) -> None:
    """As its status."""
    fault = inject(cluster, "node.partition", FaultTarget(nodes=("node-1",)))

    assert fault.status.phase == "Active"
    assert fault.status.touched == ("node-1",)
    assert cluster.nodes["node-1"].link.is_cut


def test_a_fault_is_over_when_its_time_is(cluster: Cluster) -> None:
    """And stays on record."""
    inject(cluster, "node.partition", FaultTarget(nodes=("node-1",)), duration=5.0)
    cluster.run_for(6.0)

    assert cluster.get(Fault, "test").status.phase == "Recovered"
    assert not cluster.nodes["node-1"].link.is_cut


def test_a_fault_ends_when_the_last_of_its_pods_is_gone(cluster: Cluster) -> None:
    """It says so, and another pod of that name is not what was meant."""
    for name in ("one", "two"):
        cluster.apply(make_pod(name))
    cluster.run_for(5.0)
    target = FaultTarget(namespace="default", pods=("one", "two"))
    inject(cluster, "net.delay", target, params=FrozenDict(latency="1s"), duration=600.0)
    cluster.admin.delete(Pod, "one", namespace="default", grace_period_seconds=0)
    cluster.run_for(5.0)
    while_one_is_there = cluster.get(Fault, "test").status.phase

    cluster.admin.delete(Pod, "two", namespace="default", grace_period_seconds=0)
    cluster.apply(make_pod("two"))
    cluster.run_for(5.0)

    status = cluster.get(Fault, "test").status
    assert while_one_is_there == "Active"
    assert (status.phase, status.is_undone) == ("Recovered", True)
    assert status.message == "its target is gone: default/one, default/two"


def test_deleting_a_fault_undoes_it(cluster: Cluster) -> None:
    """No finalizer keeps it."""
    inject(cluster, "link.cut", FaultTarget(component="scheduler"))
    was_cut = cluster.links["scheduler"].is_cut

    cluster.admin.delete(Fault, "test")
    cluster.run_for(1.0)

    assert was_cut
    assert not cluster.links["scheduler"].is_cut
    assert not cluster.list(Fault)


def test_the_panic_key_undoes_everything(cluster: Cluster) -> None:
    """Newest first."""
    inject(cluster, "link.delay", FaultTarget(component="scheduler"), params=FrozenDict(seconds=2))
    cluster.controls.crash_node("node-2")
    cluster.run_for(1.0)

    cluster.injector.recover_all()
    cluster.run_for(1.0)

    assert cluster.links["scheduler"].delay == 0.0
    assert not cluster.nodes["node-2"].link.is_cut
    assert {fault.status.phase for fault in cluster.list(Fault)} == {"Recovered"}


def test_requests_are_refused_while_the_api_server_is_down(cluster: Cluster) -> None:
    """Until the fault's time is over, although nobody can say so meanwhile."""
    cluster.apply(make_fault("test", "apiserver.down", FaultTarget(), duration=5.0))
    cluster.run_for(1.0)
    with pytest.raises(UnavailableError):
        cluster.list(Fault)

    cluster.run_for(10.0)

    assert cluster.get(Fault, "test").status.phase == "Recovered"


def test_killed_containers_are_started_again(cluster: Cluster) -> None:
    """By the kubelet, in the same pod."""
    cluster.apply(make_pod("web"))
    cluster.run_for(20.0)

    cluster.controls.kill_containers("default", "web")
    cluster.run_for(30.0)

    status = cluster.get(Pod, "web", namespace="default").status
    assert status.phase == "Running"
    assert status.container_statuses[0].restart_count == 1


@pytest.mark.parametrize(
    ("type_", "target", "words"),
    [
        ("node.crash", FaultTarget(nodes=("node-9",)), 'there is no node "node-9"'),
        ("pod.kill", FaultTarget(pods=("nobody",)), "no pod in namespace default"),
        ("link.cut", FaultTarget(component="moon"), 'there is no link "moon"'),
        ("component.stop", FaultTarget(component="moon"), 'there is no component "moon"'),
    ],
)
def test_a_fault_that_cannot_be_injected_says_why(
    cluster: Cluster, type_: str, target: FaultTarget, words: str
) -> None:
    """And breaks nothing."""
    fault = inject(cluster, type_, target)

    assert fault.status.phase == "Failed"
    assert words in fault.status.message
    assert cluster.injector.active == ()


@pytest.mark.parametrize(
    ("type_", "target", "params", "words"),
    [
        ("node.explode", FaultTarget(nodes=("node-1",)), {}, "spec.type: Unsupported value"),
        ("", FaultTarget(nodes=("node-1",)), {}, "spec.type: Required value"),
        ("node.crash", FaultTarget(), {}, "node.crash needs spec.target.nodes"),
        ("pod.kill", FaultTarget(), {}, "pod.kill needs pods"),
        ("link.delay", FaultTarget(component="scheduler"), {}, "spec.params.seconds"),
        ("link.cut", FaultTarget(), {}, "spec.target.component: Required value"),
        ("net.loss", FaultTarget(pods=("a",)), {"percent": 120}, "must be 0.1 to 100, not 120"),
        ("net.loss", FaultTarget(pods=("a",)), {"speed": 1}, "net.loss has no parameter 'speed'"),
        ("net.delay", FaultTarget(pods=("a",)), {"latency": "soon"}, "a time as 250ms"),
        ("stress.memory", FaultTarget(pods=("a",)), {"bytes": "lots"}, "a quantity as 64Mi"),
        ("pod.kill", FaultTarget(pods=("a",), mode="some"), {}, "spec.target.mode"),
        ("pod.kill", FaultTarget(pods=("a",), mode="fixed"), {}, "spec.target.value"),
        ("pod.kill", FaultTarget(expression="a in"), {}, "spec.target.expression"),
    ],
)
def test_a_wrong_fault_is_refused(
    cluster: Cluster, type_: str, target: FaultTarget, params: dict[str, object], words: str
) -> None:
    """Before it is stored, with the field and what was expected."""
    with pytest.raises(InvalidError, match=re.escape(words)):
        cluster.apply(make_fault("test", type_, target, params=FrozenDict(params)))

    assert not cluster.list(Fault)


def test_panic_ends_what_is_in_force_and_what_is_to_come(cluster: Cluster) -> None:
    """Also while the API server is down: it says so in the objects when it is back."""
    apart = make_fault("apart", "node.partition", FaultTarget(nodes=("node-1",)))
    later = make_fault("later", "node.crash", FaultTarget(nodes=("node-2",)), duration=5.0)
    spec = attrs.evolve(later.spec, schedule="* * * * *")
    cluster.apply(
        apart, attrs.evolve(later, spec=spec), make_fault("down", "apiserver.down", FaultTarget())
    )
    cluster.run_for(1.0)

    count = cluster.journal.call(END_ALL, "a test")
    cluster.run_for(200.0)

    assert count == 3
    faults = cluster.list(Fault)
    assert {fault.metadata.name: fault.status.phase for fault in faults} == {
        "apart": "Recovered",
        "later": "Recovered",
        "down": "Recovered",
    }
    assert cluster.server.is_up

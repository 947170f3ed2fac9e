"""Every fault of the catalogue: its effect is seen, and so is its end."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from engine.api.container import HTTPGetAction, Probe
from engine.api.fault_catalogue import CATALOGUE
from engine.api.frozen import FrozenDict
from engine.api.kubarium import Fault, FaultTarget
from engine.api.load import Load
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError, UnavailableError
from engine.cluster import Cluster
from engine.faults.controls import make_fault
from engine.faults.registry import FAULTS
from tests.builders import make_deployment, make_pod, make_service

Seen = Callable[[Cluster], bool]
WEB = FaultTarget(pods=("web",))


def test_the_catalogue_describes_exactly_the_faults_there_are() -> None:
    """Nothing can be asked for that does nothing, and nothing is hidden."""
    assert set(CATALOGUE) == set(FAULTS)


def pod_of(cluster: Cluster) -> Pod:
    """The pod that is disturbed."""
    return cluster.get(Pod, "web", namespace="default")


def node_of(cluster: Cluster) -> Node:
    """The first worker."""
    return cluster.get(Node, "node-1")


def restarts(cluster: Cluster) -> int:
    """Of the pod's container."""
    return pod_of(cluster).status.container_statuses[0].restart_count


def runs_on(cluster: Cluster) -> str:
    """The node of the pod."""
    return pod_of(cluster).spec.node_name


def disturbances(cluster: Cluster) -> int:
    """What is in force on all nodes."""
    runtimes: list[Any] = [parts.runtime for parts in cluster.nodes.values()]  # simulated ones
    return sum(len(runtime.disturbances.active) for runtime in runtimes)


def usage(cluster: Cluster) -> tuple[int, int]:
    """CPU and memory of the pod."""
    for parts in cluster.nodes.values():
        for used in parts.runtime.usage():
            if used.pod.name == "web":
                return used.cpu, used.memory
    return 0, 0


def is_ready(cluster: Cluster) -> bool:
    """Whether the pod is."""
    condition = condition_of(pod_of(cluster).status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def node_is(cluster: Cluster, type_: str) -> str:
    """A condition of the first worker."""
    condition = condition_of(node_of(cluster).status.conditions, type_)
    return condition.status if condition is not None else "absent"


def is_refused(cluster: Cluster) -> bool:
    """Whether any of a hundred requests is."""
    for _ in range(100):
        try:
            cluster.get(Node, "node-1")
        except ApiError:
            return True
    return False


def takes_writes(cluster: Cluster) -> bool:
    """Whether an object can be made."""
    try:
        cluster.apply(make_pod(f"probe-{int(cluster.loop.now)}-{cluster.store.revision}"))
    except ApiError:
        return False
    return True


def new_pod_is_bound(cluster: Cluster) -> bool:
    """Whether somebody schedules."""
    name = f"new-{int(cluster.loop.now)}"
    cluster.apply(make_pod(name))
    cluster.run_for(8.0)
    return bool(cluster.get(Pod, name, namespace="default").spec.node_name)


def new_deployment_has_pods(cluster: Cluster) -> bool:
    """Whether somebody reconciles."""
    name = f"made-{int(cluster.loop.now)}"
    cluster.apply(make_deployment(name, replicas=1))
    cluster.run_for(8.0)
    return any(pod.metadata.name.startswith(name) for pod in cluster.list(Pod))


def new_image_arrives(cluster: Cluster) -> bool:
    """Whether a pod whose image is always pulled runs after twenty seconds."""
    name = f"image-{int(cluster.loop.now)}"
    cluster.apply(make_pod(name, image=f"nginx:1.{len(cluster.list(Pod))}"))
    cluster.run_for(20.0)
    return cluster.get(Pod, name, namespace="default").status.phase == "Running"


def not_(seen: Seen) -> Seen:
    """The opposite."""
    return lambda cluster: not seen(cluster)


LASTING: list[tuple[str, FaultTarget, dict[str, object], float, Seen]] = [
    ("container.pause", WEB, {}, 40.0, not_(is_ready)),
    ("pod.failure", WEB, {}, 40.0, not_(is_ready)),
    ("probe.fail", WEB, {"probe": "readiness"}, 40.0, not_(is_ready)),
    (
        "node.crash",
        FaultTarget(nodes=("node-1",)),
        {},
        60.0,
        lambda c: node_is(c, "Ready") != "True",
    ),
    (
        "node.pause",
        FaultTarget(nodes=("node-1",)),
        {},
        60.0,
        lambda c: node_is(c, "Ready") != "True",
    ),
    (
        "node.partition",
        FaultTarget(nodes=("node-1",)),
        {"planes": "both"},
        60.0,
        lambda c: node_is(c, "Ready") != "True" and disturbances(c) == 1,
    ),
    (
        "kubelet.stop",
        FaultTarget(nodes=("node-1",)),
        {},
        60.0,
        lambda c: node_is(c, "Ready") != "True",
    ),
    (
        "node.pressure",
        FaultTarget(node_expression="kubernetes.io/hostname=node-1"),
        {"resource": "memory"},
        5.0,
        lambda c: node_is(c, "MemoryPressure") == "True",
    ),
    (
        "node.drain",
        FaultTarget(nodes=("node-1",)),
        {},
        20.0,
        lambda c: bool(node_of(c).spec.unschedulable),
    ),
    (
        "clock.skew",
        FaultTarget(nodes=("node-1",)),
        {"offset": 3600},
        15.0,
        lambda c: node_of(c).status.conditions[0].last_heartbeat_time > c.loop.now + 3000,  # type: ignore[operator]
    ),
    ("net.partition", WEB, {}, 40.0, not_(is_ready)),
    ("net.loss", WEB, {"percent": 100}, 40.0, not_(is_ready)),
    ("net.delay", WEB, {"latency": "5s"}, 40.0, not_(is_ready)),
    ("net.bandwidth", WEB, {"rate": "1Ki"}, 1.0, lambda c: disturbances(c) == 1),
    ("net.reset", WEB, {}, 40.0, not_(is_ready)),
    ("dns.fail", WEB, {}, 1.0, lambda c: disturbances(c) == 1),
    ("dns.delay", WEB, {}, 1.0, lambda c: disturbances(c) == 1),
    ("stress.cpu", WEB, {"workers": 2}, 1.0, lambda c: usage(c)[0] >= 2000),
    ("stress.memory", WEB, {"bytes": "1Gi"}, 1.0, lambda c: usage(c)[1] > 2**30),
    ("stress.io", WEB, {}, 1.0, lambda c: disturbances(c) == 1),
    ("disk.fill", WEB, {}, 1.0, lambda c: disturbances(c) == 1),
    ("apiserver.down", FaultTarget(), {}, 1.0, is_refused),
    ("apiserver.slow", FaultTarget(), {}, 1.0, lambda c: c.links["scheduler"].delay >= 1.0),
    ("apiserver.error", FaultTarget(), {"percent": 30}, 1.0, is_refused),
    (
        "link.cut",
        FaultTarget(component="scheduler"),
        {},
        1.0,
        lambda c: c.links["scheduler"].is_cut,
    ),
    (
        "link.delay",
        FaultTarget(component="scheduler"),
        {"seconds": 3},
        1.0,
        lambda c: c.links["scheduler"].delay == 3.0,
    ),
    (
        "link.drop",
        FaultTarget(component="scheduler"),
        {"percent": 100},
        1.0,
        not_(new_pod_is_bound),
    ),
    ("scheduler.stop", FaultTarget(), {}, 1.0, not_(new_pod_is_bound)),
    ("controller.stop", FaultTarget(), {}, 1.0, not_(new_deployment_has_pods)),
    (
        "controller.stop",
        FaultTarget(),
        {"name": "deployment-controller"},
        1.0,
        not_(new_deployment_has_pods),
    ),
    ("component.stop", FaultTarget(component="scheduler"), {}, 1.0, not_(new_pod_is_bound)),
    ("leader.loss", FaultTarget(component="kube-scheduler"), {}, 1.0, not_(new_pod_is_bound)),
    ("store.slow", FaultTarget(), {}, 1.0, lambda c: c.store.write_latency == 0.5),
    ("store.readonly", FaultTarget(), {}, 1.0, not_(takes_writes)),
    ("image.pull-fail", FaultTarget(), {}, 1.0, not_(new_image_arrives)),
    ("image.pull-slow", FaultTarget(), {"seconds": 60}, 1.0, not_(new_image_arrives)),
    ("storage.fail", FaultTarget(), {}, 1.0, lambda c: bool(c.storage.outages)),
    ("storage.slow", FaultTarget(), {}, 1.0, lambda c: bool(c.storage.delays)),
]


@pytest.mark.parametrize(
    ("type_", "target", "params", "seconds", "seen"), LASTING, ids=[row[0] for row in LASTING]
)
def test_a_lasting_fault_has_its_effect_until_it_ends(
    cluster: Cluster,
    type_: str,
    target: FaultTarget,
    params: dict[str, object],
    seconds: float,
    seen: Seen,
) -> None:
    """And no longer; afterwards nothing of it is left."""
    probe = Probe(
        http_get=HTTPGetAction(port=8080), period_seconds=2, failure_threshold=2, timeout_seconds=1
    )
    web = make_pod("web")
    container = attrs.evolve(web.spec.containers[0], readiness_probe=probe)
    cluster.apply(attrs.evolve(web, spec=attrs.evolve(web.spec, containers=(container,))))
    cluster.run_for(20.0)
    assert not seen(cluster)

    cluster.apply(
        make_fault("test", type_, target, params=FrozenDict(params), duration=seconds + 30)
    )
    cluster.run_for(seconds)
    was_seen = seen(cluster)
    cluster.run_for(120.0)

    assert was_seen
    assert not seen(cluster)
    fault = cluster.get(Fault, "test")
    assert (fault.status.phase, fault.status.is_undone) == ("Recovered", True)
    assert disturbances(cluster) == 0
    assert cluster.injector.active == ()


def test_load_is_sent_to_a_service(cluster: Cluster) -> None:
    """Until the fault ends."""
    cluster.apply(make_deployment("web", replicas=2), make_service("web"))
    cluster.run_for(20.0)
    params = FrozenDict(service="web", rate=50)
    cluster.apply(make_fault("load", "load.http", FaultTarget(), params=params, duration=20.0))
    cluster.run_for(8.0)
    (load,) = cluster.list(Load)
    cluster.run_for(30.0)

    assert load.status["phase"] == "Running"
    assert cluster.list(Load) == ()
    assert cluster.get(Fault, "load").status.phase == "Recovered"


def test_killed_pods_are_gone(cluster: Cluster) -> None:
    """And a fault on one that does not exist fails in words."""
    cluster.apply(make_pod("web"))
    cluster.run_for(10.0)

    cluster.apply(make_fault("kill", "pod.kill", WEB))
    cluster.run_for(2.0)
    cluster.apply(make_fault("again", "pod.kill", WEB))
    cluster.run_for(2.0)

    assert not [pod for pod in cluster.list(Pod) if pod.metadata.name == "web"]
    again = cluster.get(Fault, "again").status
    assert again.phase == "Failed"
    assert "no pod in namespace default matches" in again.message


def test_a_container_runs_out_of_memory(cluster: Cluster) -> None:
    """It is OOMKilled and started again."""
    cluster.apply(make_pod("web"))
    cluster.run_for(10.0)

    cluster.apply(make_fault("oom", "container.oom", WEB))
    cluster.run_for(40.0)

    last = pod_of(cluster).status.container_statuses[0].last_state.terminated
    assert last is not None
    assert last.reason == "OOMKilled"
    assert cluster.get(Fault, "oom").status.phase == "Recovered"


def test_a_rebooted_node_comes_back_by_itself(cluster: Cluster) -> None:
    """After its boot."""
    cluster.apply(
        make_fault(
            "boot", "node.reboot", FaultTarget(nodes=("node-1",)), params=FrozenDict(seconds="90s")
        )
    )
    cluster.run_for(75.0)
    while_down = node_is(cluster, "Ready")
    cluster.run_for(60.0)

    assert while_down != "True"
    assert node_is(cluster, "Ready") == "True"


def test_dropped_watches_resume(cluster: Cluster) -> None:
    """Nobody misses a change."""
    cluster.apply(make_fault("drop", "watch.drop", FaultTarget()))
    cluster.run_for(1.0)

    assert cluster.get(Fault, "drop").status.phase == "Recovered"
    assert new_deployment_has_pods(cluster)


@pytest.mark.parametrize("name", ["controller-manager", "kube-controller-manager", "nobody"])
def test_watches_are_dropped_by_the_name_of_the_link_or_the_process(
    cluster: Cluster, name: str
) -> None:
    """And who is not there is told from those who are."""
    cluster.apply(make_fault("drop", "watch.drop", FaultTarget(component=name)))
    cluster.run_for(5.0)

    status = cluster.get(Fault, "drop").status
    assert status.phase == ("Failed" if name == "nobody" else "Recovered")
    assert ("there are fault-injector, kube-controller-manager" in status.message) is (
        name == "nobody"
    )
    assert new_deployment_has_pods(cluster)


def test_compaction_forgets_history(cluster: Cluster) -> None:
    """Up to what is to be kept."""
    cluster.apply(make_fault("compact", "store.compact", FaultTarget()))
    cluster.run_for(1.0)

    assert cluster.store.compact_revision > 1


@pytest.mark.parametrize("when", ["before-fsync", "after-fsync"])
def test_a_crashed_store_comes_back(cluster: Cluster, when: str) -> None:
    """Nothing is answered meanwhile; then everything is read anew and all clients go on."""
    params = FrozenDict(seconds=10, when=when)
    cluster.apply(make_fault("crash", "store.crash", FaultTarget(), params=params))
    cluster.run_for(1.0)
    while_down, before = is_refused(cluster), cluster.store.kv.index
    cluster.run_for(60.0)

    assert while_down
    assert cluster.store.kv.index is not before
    assert new_deployment_has_pods(cluster)
    assert not cluster.monitor.violations


@pytest.mark.parametrize("when", ["before-fsync", "after-fsync"])
def test_a_write_that_crashes_the_store_gets_no_answer(cluster: Cluster, when: str) -> None:
    """Whether it was kept is seen when the store is back."""
    params = FrozenDict(seconds=10, when=when)
    cluster.apply(make_fault("crash", "store.crash", FaultTarget(), params=params))
    for _ in range(1000):
        if cluster.store.on_write is not None:
            break
        cluster.run_for(0.0001)

    with pytest.raises(UnavailableError):
        cluster.apply(make_pod("late"))
    cluster.run_for(60.0)

    names = [pod.metadata.name for pod in cluster.list(Pod, namespace="default")]
    assert ("late" in names) is (when == "after-fsync")

"""Nodes that run short: conditions, who goes first, what is said, and who is not taken."""

from typing import Any

import pytest

from engine.api.codec import decode
from engine.api.meta import ObjectMeta, condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.cri.events import NodeMeasured
from engine.errors import ConfigError
from engine.kubelet.configuration import read_configuration
from engine.kubelet.eviction.ranking import PodUse, rank, refusal
from engine.kubelet.eviction.thresholds import make_thresholds, met, observe
from tests.builders import make_pod, make_pod_spec
from tests.engine.kubelet.station import Station

GI = 2**30


def hungry(station: Station, name: str, memory: str, **settings: Any) -> Pod:
    """A pod that uses *memory*."""
    return station.pod(name, annotations={"simulation.kubarium.dev/memory": memory}, **settings)


def asking(name: str, memory: int) -> Pod:
    """A pod that asks for *memory* bytes."""
    return Pod(metadata=ObjectMeta(name=name), spec=make_pod_spec(memory=memory))


def condition(station: Station, kind: str) -> str:
    """A condition of the node."""
    found = condition_of(station.client.get(Node, "node-1").status.conditions, kind)
    return found.status if found else ""


def test_thresholds_are_amounts_or_shares() -> None:
    """A share is one of the capacity."""
    seen = observe(NodeMeasured(memory=8 * GI, memory_available=GI, disk=100, disk_available=11))
    found = make_thresholds({"memory.available": "2Gi", "nodefs.available": "10%"})

    assert [item.signal for item in met(found, seen)] == ["memory.available"]


@pytest.mark.parametrize("hard", [{"cpu.available": "1"}, {"memory.available": "lots"}])
def test_wrong_thresholds_are_told(hard: dict[str, str]) -> None:
    """A signal that is none, and a quantity that is none."""
    with pytest.raises(ValueError, match="available"):
        make_thresholds(hard)


def test_who_uses_more_than_asked_goes_first_then_by_priority_and_use() -> None:
    """The order of the kubelet."""
    uses = [
        PodUse(pod=asking("within", 4 * GI), containers={"web": GI}),
        PodUse(pod=asking("much", GI), containers={"web": 3 * GI}),
        PodUse(pod=asking("some", GI), containers={"web": 2 * GI}),
    ]

    assert [use.pod.metadata.name for use in rank(uses, "memory")] == ["much", "some", "within"]


def test_short_of_memory_a_node_evicts_who_uses_most(station: Station) -> None:
    """The condition is set, the greedy pod fails as Evicted with the figures, the others stay."""
    station.pod("small")
    hungry(station, "greedy", "7Gi")
    hungry(station, "other", "850Mi")
    station.run(8.0)

    assert condition(station, "MemoryPressure") == "True"
    status = station.get("greedy").status
    assert (status.phase, status.reason) == ("Failed", "Evicted")
    assert status.message.startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
    )
    assert (
        "Container main was using 7Gi, request is 0, has larger consumption of memory."
        in status.message
    )
    assert station.condition("DisruptionTarget", "greedy") == "True"
    assert station.told("EvictionThresholdMet") == ["Attempting to reclaim memory"]
    assert station.told("NodeHasInsufficientMemory") == [
        "Node node-1 status is now: NodeHasInsufficientMemory"
    ]
    assert station.get("other").status.phase == "Running"
    assert station.get("small").status.phase == "Running"

    late = station.pod("late")
    station.run(2.0)
    assert station.get("late").status.message == (
        "Pod was rejected: The node had condition: [MemoryPressure]. "
    )
    station.run(301.0)
    assert condition(station, "MemoryPressure") == "False"
    assert late.metadata.name == "late"


def test_forced_pressure_ends_when_it_is_taken_back(station: Station) -> None:
    """Disk pressure keeps every pod out, and evicts one after the other."""
    station.pod("one")
    station.run(3.0)
    station.kubelet.set_pressure("disk", is_short=True)
    station.run(2.0)

    assert condition(station, "DiskPressure") == "True"
    assert station.get("one").status.reason == "Evicted"

    station.kubelet.set_pressure("disk", is_short=False)
    station.run(2.0)
    assert condition(station, "DiskPressure") == "False"


def test_critical_pods_are_taken_and_kept() -> None:
    """Whatever the node is short of."""
    pod = make_pod("plain")

    assert refusal(pod, ["DiskPressure"]) == "The node had condition: [DiskPressure]. "
    assert refusal(pod, []) == ""


def test_a_shut_down_node_ends_its_pods_and_takes_no_more(station: Station) -> None:
    """Pods fail as Terminated; the node is not Ready; who comes late is refused."""
    station.pod("one")
    station.run(3.0)
    ended: list[float] = []

    station.kubelet.shut_down(30.0, lambda: ended.append(station.loop.now))
    station.pod("late")
    station.run(31.0)

    assert ended
    status = station.get("one").status
    assert (status.phase, status.reason) == ("Failed", "Terminated")
    assert status.message == "Pod was terminated in response to imminent node shutdown."
    assert condition(station, "Ready") == "False"
    assert station.get("late").status.reason == "NodeShutdown"


def test_pods_end_by_their_priority_when_a_node_is_shut_down(station: Station) -> None:
    """Each group has its own time, and the next one begins when it is done."""
    head = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
    steps = [
        {"priority": 1000, "shutdownGracePeriodSeconds": 20},
        {"priority": 0, "shutdownGracePeriodSeconds": 10},
    ]
    station.kubelet.settings = read_configuration(
        {**head, "shutdownGracePeriodByPodPriority": steps}, source="x"
    )
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    station.client.create(decode({**kind, "metadata": {"name": "high"}, "value": 1500}))
    station.pod("high", spec={"priorityClassName": "high"})
    station.pod("low")
    station.run(3.0)
    assert station.kubelet.settings.shutdown_grace == 30.0

    station.kubelet.shut_down(30.0, lambda: None)
    states = station.kubelet.workers.states if station.kubelet.workers is not None else {}
    begun = [state.identity.name for state in states.values() if state.failed_reason]
    station.run(31.0)

    assert begun == ["low"]
    assert station.get("high").status.reason == "Terminated"


def test_a_configuration_is_read_and_all_its_faults_are_told() -> None:
    """Durations, percentages and quantities as Kubernetes has them."""
    head = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
    good = read_configuration(
        {
            **head,
            "systemReserved": {"memory": "1Gi", "cpu": "500m"},
            "kubeReserved": {"memory": "1Gi"},
            "evictionSoft": {"memory.available": "1Gi"},
            "evictionSoftGracePeriod": {"memory.available": "1m30s"},
            "serializeImagePulls": False,
            "maxPods": 20,
        },
        source="a.yaml",
    )
    assert good.reserved["memory"] == str(2 * GI)
    assert good.pulls_at_once == 0
    assert good.thresholds[-1].grace == 90.0

    with pytest.raises(ConfigError, match=r"maxPods.*evictionPressure.*low.*imageGC|maxPods"):
        read_configuration(
            {**head, "maxPods": -1, "evictionPressureTransitionPeriod": "soon"}, source="a.yaml"
        )


def test_reserved_resources_are_not_allocatable(station: Station) -> None:
    """Capacity stays, allocatable is less."""
    head = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
    station.kubelet.stop()
    station.kubelet.settings = read_configuration(
        {**head, "systemReserved": {"memory": "1Gi", "cpu": "500m"}, "maxPods": 20}, source="x"
    )
    station.kubelet.start()
    station.run(1.0)

    status = station.client.get(Node, "node-1").status
    assert (status.capacity["cpu"], status.allocatable["cpu"]) == ("4", "3500m")
    # And less what would have pods evicted: 100Mi, unless evictionHard says otherwise.
    assert status.allocatable["memory"] == "7068Mi"
    assert status.allocatable["pods"] == "20"

"""Pods that nobody else removes: of nodes that are gone or off, ended ones, unscheduled ones."""

from random import Random

import attrs
import pytest

from engine.api.meta import Condition, ObjectMeta, condition_of
from engine.api.node import Node, Taint
from engine.api.pod import Pod, PodStatus
from engine.api.wire import Time
from engine.client.informer import InformerFactory
from engine.client.recorder import EventRecorder
from engine.controllers.pod_gc import (
    OUT_OF_SERVICE,
    QUARANTINE,
    PodGarbageCollector,
    going_order,
)
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Two nodes whose kubelets never end a pod."""
    made = Plant(stop_delay=1e6)
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _apply(plant: Plant, name: str, **spec: object) -> None:
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": name, "namespace": "default"},
        spec={"containers": [{"name": "c", "image": "demo"}], **spec},
    )


def _names(plant: Plant) -> list[str]:
    return [pod.metadata.name for pod in plant.all(Pod)]


def _taint(plant: Plant, name: str, *, is_ready: bool) -> None:
    """Say that a node is off; its kubelet is silent unless it *is_ready*."""
    node = plant.get(Node, name, "")
    taints = (Taint(key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoSchedule"),)
    plant.client.update(attrs.evolve(node, spec=attrs.evolve(node.spec, taints=taints)))
    if not is_ready:
        plant.silent[name] = None
        node = plant.get(Node, name, "")
        conditions = (Condition(type="Ready", status="False"),)
        status = attrs.evolve(node.status, conditions=conditions)
        plant.client.update_status(attrs.evolve(node, status=status))


def test_pods_of_a_node_that_is_gone_go_after_a_quarantine(plant: Plant) -> None:
    """Not before the node has been missing for 40 seconds: it may come back."""
    _apply(plant, "there", nodeName="n0")
    _apply(plant, "elsewhere", nodeName="n1")
    plant.run(2.0)
    plant.client.delete(Node, "n0")

    plant.run(QUARANTINE - 2.0)
    before = _names(plant)
    plant.run(10.0)

    assert sorted(before) == ["elsewhere", "there"]
    assert _names(plant) == ["elsewhere"]


def test_a_node_that_comes_back_keeps_its_pods(plant: Plant) -> None:
    """Within the quarantine nothing is lost."""
    _apply(plant, "there", nodeName="n0")
    plant.run(2.0)
    node = plant.get(Node, "n0", "")
    plant.client.delete(Node, "n0")
    plant.run(QUARANTINE / 2)
    metadata = ObjectMeta(name="n0", labels=node.metadata.labels)
    plant.client.create(attrs.evolve(node, metadata=metadata))

    plant.run(2 * QUARANTINE)

    assert _names(plant) == ["there"]


def test_an_orphan_says_what_ended_it(plant: Plant) -> None:
    """Failed, with the condition DisruptionTarget, before it goes: a Job wants to know."""
    meta = {"name": "there", "namespace": "default", "finalizers": ["example.com/hold"]}
    spec = {"nodeName": "n0", "containers": [{"name": "c", "image": "demo"}]}
    plant.apply(apiVersion="v1", kind="Pod", metadata=meta, spec=spec)
    plant.run(2.0)
    plant.client.delete(Node, "n0")
    plant.run(QUARANTINE + 10.0)

    status = plant.get(Pod, "there").status
    why = condition_of(status.conditions, "DisruptionTarget")

    assert status.phase == "Failed"
    assert why is not None
    assert (why.status, why.reason) == ("True", "DeletionByPodGC")
    assert why.message == "PodGC: node no longer exists"


def test_a_pod_without_a_node_goes_at_once_when_deleted(plant: Plant) -> None:
    """No kubelet would end it."""
    _apply(plant, "nowhere", nodeSelector={"disk": "none"})
    plant.run(2.0)
    plant.client.delete(Pod, "nowhere", namespace="default")
    plant.run(1.0)

    assert _names(plant) == []


@pytest.mark.parametrize(
    ("is_ready", "left"),
    [
        pytest.param(False, [], id="the node is off"),
        pytest.param(True, ["there"], id="the node answers: its kubelet ends them"),
    ],
)
def test_pods_that_end_on_a_node_out_of_service_are_let_go(
    plant: Plant, *, is_ready: bool, left: list[str]
) -> None:
    """A human says that the node is off; who waits for its kubelet waits for ever."""
    _apply(plant, "there", nodeName="n0")
    plant.run(2.0)
    plant.client.delete(Pod, "there", namespace="default")
    _taint(plant, "n0", is_ready=is_ready)

    plant.run(30.0)

    assert _names(plant) == left


def test_pods_that_do_not_end_stay_on_a_node_out_of_service(plant: Plant) -> None:
    """It is not for this controller to evict them."""
    _apply(plant, "there", nodeName="n0", tolerations=[{"operator": "Exists"}])
    plant.run(2.0)
    _taint(plant, "n0", is_ready=False)

    plant.run(30.0)

    assert _names(plant) == ["there"]


def test_evicted_pods_go_first_then_the_oldest() -> None:
    """Too many ended pods: those that say least go first."""

    def ended(name: str, born: float, reason: str = "") -> Pod:
        return Pod(
            metadata=ObjectMeta(name=name, namespace="default", creation_timestamp=Time(born)),
            status=PodStatus(phase="Failed", reason=reason),
        )

    pods = [ended("new", 20.0), ended("old", 10.0), ended("evicted", 30.0, "Evicted")]

    assert [pod.metadata.name for pod in sorted(pods, key=going_order)] == [
        "evicted",
        "old",
        "new",
    ]


def test_the_oldest_ended_pods_go_when_there_are_too_many(plant: Plant) -> None:
    """As many stay as the threshold says."""
    for name in ("first", "second", "third"):
        _apply(plant, name, nodeName="n0", restartPolicy="Never")
        plant.run(2.0)
    for name in ("first", "second"):
        plant.end(name)
    informers = InformerFactory(plant.client)
    recorder = EventRecorder(plant.client, "test", Random(1))
    collector = PodGarbageCollector(plant.loop, plant.client, informers, recorder, threshold=1)
    informers.start()
    collector.start()

    plant.run(30.0)

    assert _names(plant) == ["second", "third"]

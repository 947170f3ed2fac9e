"""Pods get nodes, wait with a reason, and are tried again when it helps."""

import pytest

from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """One small node."""
    made = Plant()
    made.add_node("n0", cpu="1")
    made.run(1.0)
    return made


def _apply(plant: Plant, name: str, cpu: str, **spec: object) -> None:
    container = {"name": "c", "image": "demo", "resources": {"requests": {"cpu": cpu}}}
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": name, "namespace": "default"},
        spec={"containers": [container], **spec},
    )


def test_a_pod_is_bound_and_an_event_says_where(plant: Plant) -> None:
    """The decision is kept too."""
    _apply(plant, "web", "500m")
    plant.run(1.0)

    pod = plant.get(Pod, "web")
    decision = plant.scheduler.decisions.get(pod.metadata.uid)
    assert pod.spec.node_name == "n0"
    assert plant.events("Scheduled") == ["Successfully assigned default/web to n0"]
    assert decision is not None
    assert decision.chosen == "n0"


def test_a_pod_that_fits_nowhere_says_why(plant: Plant) -> None:
    """In its condition and as an event, in kube-scheduler's words."""
    _apply(plant, "big", "2")
    plant.run(1.0)

    words = (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    )
    condition = condition_of(plant.get(Pod, "big").status.conditions, "PodScheduled")
    assert condition is not None
    assert (condition.status, condition.reason, condition.message) == (
        "False",
        "Unschedulable",
        words,
    )
    assert plant.events("FailedScheduling") == [words]


def test_a_pod_waits_until_a_node_has_room(plant: Plant) -> None:
    """It is bound as soon as another pod leaves."""
    _apply(plant, "first", "800m")
    plant.run(5.0)
    _apply(plant, "second", "800m")
    plant.run(5.0)
    waiting = plant.get(Pod, "second").spec.node_name

    plant.client.delete(Pod, "first", namespace="default")
    plant.run(5.0)

    assert waiting == ""
    assert plant.get(Pod, "second").spec.node_name == "n0"


def test_a_new_node_helps_a_waiting_pod(plant: Plant) -> None:
    """Without anybody touching the pod."""
    _apply(plant, "big", "2")
    plant.run(5.0)

    plant.add_node("n1", cpu="4")
    plant.run(5.0)

    assert plant.get(Pod, "big").spec.node_name == "n1"


def test_a_cordoned_node_takes_no_pods(plant: Plant) -> None:
    """Until it is uncordoned."""
    plant.client.patch(Node, "n0", {"spec": {"unschedulable": True}})
    plant.run(1.0)
    _apply(plant, "web", "100m")
    plant.run(5.0)
    waiting = plant.get(Pod, "web").spec.node_name

    plant.client.patch(Node, "n0", {"spec": {"unschedulable": False}})
    plant.run(15.0)

    assert waiting == ""
    assert plant.get(Pod, "web").spec.node_name == "n0"


def test_a_slow_cache_does_not_overcommit_a_node() -> None:
    """What was bound counts at once, though the cache shows it two seconds later."""
    plant = Plant()
    plant.add_node("n0", cpu="1")
    plant.run(1.0)
    plant.scheduler.client.link.delay = 2.0
    for index in range(5):
        _apply(plant, f"p{index}", "300m")

    plant.run(30.0)

    bound = [pod for pod in plant.all(Pod) if pod.spec.node_name]
    assert len(bound) == 3


def test_pods_of_other_schedulers_are_left_alone(plant: Plant) -> None:
    """They name whom they wait for."""
    _apply(plant, "theirs", "100m", schedulerName="other")
    plant.run(5.0)

    assert plant.get(Pod, "theirs").spec.node_name == ""


def test_a_stopped_scheduler_binds_nothing_until_it_is_started(plant: Plant) -> None:
    """Waiting pods are not forgotten."""
    plant.scheduler.stop()
    _apply(plant, "web", "100m")
    plant.run(5.0)
    waiting = plant.get(Pod, "web").spec.node_name

    plant.scheduler.start()
    plant.run(5.0)

    assert waiting == ""
    assert plant.get(Pod, "web").spec.node_name == "n0"

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


def test_a_pod_waits_for_the_first_node() -> None:
    """Without nodes that is said, and the first node takes it."""
    plant = Plant()
    _apply(plant, "web", "100m", topologySpreadConstraints=[
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
         "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}])  # fmt: skip
    plant.run(5.0)
    said = plant.events("FailedScheduling")

    plant.add_node("n0")
    plant.run(15.0)

    assert said == ["no nodes available to schedule pods"]
    assert plant.get(Pod, "web").spec.node_name == "n0"


def test_an_unschedulable_pod_is_tried_again_after_five_minutes(plant: Plant) -> None:
    """Whatever happened meanwhile."""
    _apply(plant, "big", "2")
    plant.run(5.0)
    queued = plant.scheduler.queue.get("default/big")
    assert queued is not None
    before = queued.attempts

    plant.run(340.0)

    assert queued.attempts == before + 1


def test_a_pod_that_becomes_possible_by_its_own_change_is_tried_again(plant: Plant) -> None:
    """Its tolerations are its own to change."""
    taint = {"key": "k", "effect": "NoSchedule"}
    plant.client.patch(Node, "n0", {"spec": {"taints": [taint]}})
    plant.run(1.0)
    _apply(plant, "web", "100m")
    plant.run(5.0)
    waiting = plant.get(Pod, "web").spec.node_name

    tolerations = [*({"key": "k", "operator": "Exists"},)]
    given = plant.get(Pod, "web").spec.tolerations
    known = [{"key": t.key, "operator": t.operator, "effect": t.effect,
              "tolerationSeconds": t.toleration_seconds} for t in given]  # fmt: skip
    plant.client.patch(
        Pod, "web", {"spec": {"tolerations": [*known, *tolerations]}}, namespace="default"
    )
    plant.run(15.0)

    assert waiting == ""
    assert plant.get(Pod, "web").spec.node_name == "n0"

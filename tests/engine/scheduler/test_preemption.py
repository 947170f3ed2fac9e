"""More important pods make room for themselves, at the least cost.

Source: Pod Priority and Preemption, kubernetes.io/docs, v1.34; defaultpreemption's own tables.
"""

import pytest

from engine.api.codec import decode_as
from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.scheduler.preemption import Candidate, pick_candidate, split_by_budgets
from tests.engine.plant import Plant
from tests.engine.scheduler.objects import a_pod


@pytest.fixture
def plant() -> Plant:
    """Two nodes of one core."""
    made = Plant()
    made.add_node("n0", cpu="1")
    made.add_node("n1", cpu="1")
    for value in (1, 2, 3, 5, 9, 100):
        _priority_class(made, f"p{value}", value)
    _priority_class(made, "polite", 9, preemptionPolicy="Never")
    made.run(1.0)
    return made


def _priority_class(plant: Plant, name: str, value: int, **more: object) -> None:
    plant.apply(
        apiVersion="scheduling.k8s.io/v1",
        kind="PriorityClass",
        metadata={"name": name},
        value=value,
        **more,
    )


def _apply(plant: Plant, name: str, cpu: str, priority: int, **spec: object) -> None:
    container = {"name": "c", "image": "demo", "resources": {"requests": {"cpu": cpu}}}
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": name, "namespace": "default", "labels": {"app": name}},
        spec={
            "containers": [container],
            "priorityClassName": f"p{priority}" if priority else "",
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    )


def test_a_more_important_pod_takes_the_place_of_the_least_important_one(plant: Plant) -> None:
    """The victim goes, both are told why, and the pod comes to the node it was nominated for."""
    _apply(plant, "low", "900m", 1)
    _apply(plant, "middle", "900m", 5)
    plant.run(5.0)
    node = plant.get(Pod, "low").spec.node_name

    _apply(plant, "high", "900m", 9)
    plant.run(15.0)

    high = plant.get(Pod, "high")
    assert high.spec.node_name == node
    assert {pod.metadata.name for pod in plant.all(Pod)} == {"middle", "high"}
    assert plant.events("Preempted") == [f"Preempted by pod {high.metadata.uid} on node {node}"]
    assert plant.events("FailedScheduling") == ["0/2 nodes are available: 2 Insufficient cpu."]


def test_who_never_preempts_waits(plant: Plant) -> None:
    """PreemptionPolicy Never: the words say so, and nobody goes."""
    _apply(plant, "a", "900m", 1)
    _apply(plant, "b", "900m", 1)
    plant.run(5.0)

    _apply(plant, "polite", "900m", 9, priorityClassName="polite")
    plant.run(5.0)

    assert len(plant.all(Pod)) == 3
    assert plant.events("FailedScheduling")[-1] == (
        "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to "
        "preemptionPolicy=Never."
    )


def test_equal_pods_are_no_victims(plant: Plant) -> None:
    """Only lower priorities go."""
    _apply(plant, "a", "900m", 5)
    _apply(plant, "b", "900m", 5)
    plant.run(5.0)

    _apply(plant, "c", "900m", 5)
    plant.run(5.0)

    assert plant.events("FailedScheduling")[-1] == (
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: "
        "2 No preemption victims found for incoming pod."
    )


def test_no_more_pods_go_than_must(plant: Plant) -> None:
    """Of two pods one is spared if the room is enough: the more important one."""
    for name, priority in (("a", 1), ("b", 2)):
        _apply(plant, name, "400m", priority, nodeName="n0")
    _apply(plant, "other", "900m", 100, nodeName="n1")
    plant.run(5.0)

    _apply(plant, "high", "500m", 9)
    plant.run(15.0)

    assert {pod.metadata.name for pod in plant.all(Pod)} == {"b", "other", "high"}
    assert plant.get(Pod, "high").spec.node_name == "n0"


def test_room_made_for_one_is_not_given_to_another(plant: Plant) -> None:
    """A less important pod that comes meanwhile does not take the nominated node."""
    _apply(plant, "a", "900m", 1, terminationGracePeriodSeconds=5)
    _apply(plant, "b", "900m", 100)
    plant.run(5.0)
    node = plant.get(Pod, "a").spec.node_name
    _apply(plant, "high", "900m", 9)
    plant.run(0.5)
    assert plant.get(Pod, "high").status.nominated_node_name in (node, "")

    _apply(plant, "late", "900m", 3)
    plant.run(30.0)

    assert plant.get(Pod, "high").spec.node_name == node
    assert plant.get(Pod, "late").spec.node_name == ""


def test_a_gated_pod_is_not_tried(plant: Plant) -> None:
    """Its condition says SchedulingGated until the last gate is gone."""
    _apply(plant, "gated", "100m", 0, schedulingGates=[{"name": "example.com/wait"}])
    plant.run(5.0)
    condition = condition_of(plant.get(Pod, "gated").status.conditions, "PodScheduled")
    assert condition is not None
    assert (condition.reason, condition.message) == (
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
    )
    assert plant.scheduler.queue.counts()["gated"] == 1

    plant.client.patch(Pod, "gated", {"spec": {"schedulingGates": None}}, namespace="default")
    plant.run(5.0)

    assert plant.get(Pod, "gated").spec.node_name != ""


def _candidate(row: int, *priorities: int, violations: int = 0, started: int = 1) -> Candidate:
    when = f"2026-01-01T00:00:0{started}Z"
    victims = tuple(
        a_pod(f"{row}-{index}", priority=priority, status={"startTime": when})
        for index, priority in enumerate(priorities)
    )
    return Candidate(row=row, victims=victims, violations=violations)


@pytest.mark.parametrize(
    ("candidates", "picked"),
    [
        pytest.param([_candidate(0, 1, violations=1), _candidate(1, 9)], 1, id="fewest-violations"),
        pytest.param([_candidate(0, 5), _candidate(1, 4, 4, 4)], 1, id="lowest-highest-priority"),
        pytest.param([_candidate(0, 5, 4), _candidate(1, 5, 1)], 1, id="lowest-sum"),
        pytest.param([_candidate(0, 5, -1), _candidate(1, 5)], 1, id="fewest-victims"),
        pytest.param(
            [_candidate(0, 5, started=1), _candidate(1, 5, started=4)], 1, id="latest-start"
        ),
        pytest.param([_candidate(0, 5), _candidate(1, 5)], 0, id="first"),
    ],
)
def test_the_node_with_the_least_harm_is_picked(candidates: list[Candidate], picked: int) -> None:
    """Source: pickOneNodeForPreemption, preemption.go, kubernetes v1.34."""
    assert pick_candidate(candidates).row == picked


def test_budgets_count_down() -> None:
    """Of three pods under a budget that allows one disruption, two violate it."""
    budget = decode_as(
        PodDisruptionBudget,
        {
            "metadata": {"name": "pdb", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "db"}}},
            "status": {"disruptionsAllowed": 1},
        },
    )
    pods = [a_pod(str(i), labels={"app": "db"}) for i in range(3)]
    stranger = a_pod("stranger", labels={"app": "web"})

    violating, others = split_by_budgets([*pods, stranger], [budget])

    assert violating == pods[1:]
    assert others == [pods[0], stranger]

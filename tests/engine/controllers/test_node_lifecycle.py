"""A node falls silent and comes back, on a real API server."""

import pytest

from engine.api.meta import condition_of, is_true
from engine.api.node import Node
from engine.api.pod import Pod
from tests.engine.plant import Plant, deployment

QUICK = [
    {
        "key": f"node.kubernetes.io/{state}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 10,
    }
    for state in ("unreachable", "not-ready")
]


@pytest.fixture
def plant() -> Plant:
    """Three nodes with a pod each; pods tolerate unreachable nodes for 10 seconds."""
    made = Plant()
    for index in range(3):
        made.add_node(f"n{index}")
    wanted = deployment(replicas=3)
    wanted["spec"]["template"]["spec"]["tolerations"] = QUICK  # type: ignore[index]  # wire form
    made.apply(**wanted)
    made.run(10.0)
    return made


def _taints(plant: Plant, name: str) -> list[tuple[str, str]]:
    node = plant.get(Node, name, "")
    return [(taint.key.rpartition("/")[2], taint.effect) for taint in node.spec.taints]


def test_a_silent_node_is_noticed_after_the_grace_period(plant: Plant) -> None:
    """Not before 50 s without a heartbeat, and within one round of looking after that."""
    plant.silent["n0"] = None

    plant.run(39.0)
    early = plant.get(Node, "n0", "")
    plant.run(21.0)
    late = condition_of(plant.get(Node, "n0", "").status.conditions, "Ready")

    assert is_true(early.status.conditions, "Ready")
    assert late is not None
    assert (late.status, late.reason) == ("Unknown", "NodeStatusUnknown")
    assert _taints(plant, "n0") == [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]
    assert plant.events("NodeNotReady")[0] == "Node n0 status is now: NodeNotReady"


def test_pods_of_a_silent_node_are_not_ready(plant: Plant) -> None:
    """Nobody can say that they are."""
    plant.silent["n0"] = None
    plant.run(60.0)

    ready = {p.spec.node_name: is_true(p.status.conditions, "Ready") for p in plant.all(Pod)}

    assert ready == {"n0": False, "n1": True, "n2": True}


def test_pods_are_evicted_when_their_toleration_runs_out(plant: Plant) -> None:
    """A replacement comes up elsewhere; the old pod is going until its node is heard of again."""
    plant.silent["n0"] = None
    plant.run(80.0)

    going = [p for p in plant.all(Pod) if p.metadata.deletion_timestamp is not None]
    ready = [p for p in plant.all(Pod) if is_true(p.status.conditions, "Ready")]

    assert [pod.spec.node_name for pod in going] == ["n0"]
    assert len(ready) == 3
    assert "n0" not in {pod.spec.node_name for pod in ready}
    assert is_true(going[0].status.conditions, "DisruptionTarget")


def test_a_node_that_comes_back_in_time_keeps_its_pods(plant: Plant) -> None:
    """Taints go with the silence, and evictions that were waiting are cancelled."""
    before = sorted(pod.metadata.name for pod in plant.all(Pod))
    plant.silent["n0"] = None
    plant.run(56.0)

    del plant.silent["n0"]
    plant.run(60.0)

    assert _taints(plant, "n0") == []
    assert sorted(pod.metadata.name for pod in plant.all(Pod)) == before
    assert any("Cancelling" in message for message in plant.events("TaintManagerEviction"))


def test_a_cordoned_node_is_tainted(plant: Plant) -> None:
    """Kubectl shows it, and the taint goes with the cordon."""
    plant.client.patch(Node, "n0", {"spec": {"unschedulable": True}})
    plant.run(1.0)
    cordoned = _taints(plant, "n0")
    plant.client.patch(Node, "n0", {"spec": {"unschedulable": False}})
    plant.run(1.0)

    assert cordoned == [("unschedulable", "NoSchedule")]
    assert _taints(plant, "n0") == []


def test_nothing_is_evicted_when_no_node_is_heard_of(plant: Plant) -> None:
    """Then the fault is ours."""
    for index in range(3):
        plant.silent[f"n{index}"] = None
    plant.run(200.0)

    assert all(pod.metadata.deletion_timestamp is None for pod in plant.all(Pod))


def test_pods_of_a_deleted_node_are_removed_after_quarantine(plant: Plant) -> None:
    """They are replaced elsewhere, and nobody else would end them."""
    plant.silent["n0"] = None
    plant.client.delete(Node, "n0")
    plant.run(30.0)
    early = len([pod for pod in plant.all(Pod) if pod.spec.node_name == "n0"])
    plant.run(30.0)

    assert early == 1
    assert "n0" not in {pod.spec.node_name for pod in plant.all(Pod)}
    assert len(plant.all(Pod)) == 3


def test_evictions_are_called_off_when_no_node_works_any_more(plant: Plant) -> None:
    """What was going to go is spared as soon as the last node falls silent."""
    plant.silent["n0"] = None
    plant.run(56.0)
    alone = _taints(plant, "n0")
    plant.silent |= {"n1": None, "n2": None}
    plant.run(70.0)

    assert ("unreachable", "NoExecute") in alone
    for name in ("n0", "n1", "n2"):
        assert _taints(plant, name) == [("unreachable", "NoSchedule")]


def test_nodes_are_told_of_when_they_come_and_go(plant: Plant) -> None:
    """As `kubectl describe node` and `kubectl events` show it."""
    plant.client.delete(Node, "n2")
    plant.run(1.0)

    assert "Node n0 event: Registered Node n0 in Controller" in plant.events("RegisteredNode")
    assert plant.events("RemovingNode") == ["Node n2 event: Removing Node n2 from Controller"]

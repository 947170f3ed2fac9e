"""Questions about other nodes are answered as the scheduler would decide, and change nothing."""

import pytest

from engine.api.kubarium import Decision, WhatIf
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError, MethodNotAllowedError, NotFoundError
from engine.errors import ConfigError
from engine.scheduler.answers import DecisionAnswers, WhatIfAnswers
from tests.engine.plant import Plant
from tui.what_if import parse_change, what_if


@pytest.fixture
def plant() -> Plant:
    """Two small nodes, one of them tainted, and a pod that fits on neither."""
    made = Plant()
    made.server.computed[Decision] = DecisionAnswers(made.scheduler)
    made.server.computed[WhatIf] = WhatIfAnswers(made.scheduler)
    made.add_node("n0", cpu="1")
    made.add_node("n1", cpu="4")
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    made.client.patch(Node, "n1", {"spec": {"taints": [taint]}})
    made.run(1.0)
    container = {"name": "c", "image": "demo", "resources": {"requests": {"cpu": "2"}}}
    made.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": "big", "namespace": "default"},
        spec={"containers": [container]},
    )
    made.run(2.0)
    return made


@pytest.mark.parametrize(
    ("questions", "node"),
    [
        pytest.param(["n0 cpu=+1"], "n0", id="more-cpu"),
        pytest.param(["n0 cpu=+500m"], "", id="too-little-more"),
        pytest.param(["n1 taint=dedicated-"], "n1", id="without-a-taint"),
        pytest.param(["+node like n1"], "", id="one-more-tainted-node"),
        pytest.param(["+node"], "", id="one-more-small-node"),
        pytest.param(["n0 cpu=4", "n0 cordon"], "", id="two-changes"),
        pytest.param(["n1 remove"], "", id="one-less"),
    ],
)
def test_a_question_is_answered_without_a_trace(
    plant: Plant, questions: list[str], node: str
) -> None:
    """The pod stays where it is, and so do the table and what was decided before."""
    before = plant.scheduler.table.allocatable("cpu").tolist()
    revision = plant.server.store.revision

    answer = plant.client.create(what_if("default", "big", questions))

    assert answer.status["after"]["nodeName"] == node
    assert answer.status["before"]["result"] == "Unschedulable"
    table = plant.scheduler.table
    assert table.allocatable("cpu").tolist()[:2] == before
    assert table.exists.tolist()[:2] == [True, True]
    assert not table.exists[2:].any()
    assert plant.server.store.revision == revision
    assert plant.get(Pod, "big").spec.node_name == ""


def test_a_decision_tells_of_every_node_and_plugin(plant: Plant) -> None:
    """Read by name it has the whole matrix; in a list it has not."""
    full = plant.client.get(Decision, "big", namespace="default").status
    (short,) = plant.client.list(Decision).items

    by_name = {node["name"]: node for node in full["nodes"]}
    assert by_name["n0"]["refusedBy"] == "NodeResourcesFit"
    assert by_name["n0"]["filters"]["TaintToleration"] == ()
    assert by_name["n1"]["reasons"] == ("node(s) had untolerated taint {dedicated: db}",)
    assert full["queue"] == "unschedulable"
    assert full["message"].startswith("0/2 nodes are available: 1 Insufficient cpu, 1 node(s)")
    assert "nodes" not in short.status


def test_a_placed_pod_has_scores_that_add_up(plant: Plant) -> None:
    """Weighted scores make the total."""
    plant.client.patch(Node, "n1", {"spec": {"taints": None}})
    plant.add_node("n2", cpu="8")
    plant.run(20.0)

    status = plant.client.get(Decision, "big", namespace="default").status

    assert status["result"] == "Scheduled"
    weights = {item["name"]: item["weight"] for item in status["scores"]}
    for node in status["nodes"]:
        for name, score in node.get("scores", {}).items():
            assert score["weighted"] == weights[name] * score["normalized"]
        if "total" in node:
            assert node["total"] == sum(item["weighted"] for item in node["scores"].values())


def test_every_attempt_is_kept(plant: Plant) -> None:
    """Told in short beside the last one, and in full by its number."""
    plant.client.patch(Node, "n0", {"metadata": {"labels": {"a": "b"}}})
    plant.client.patch(Node, "n1", {"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}})
    plant.client.patch(Pod, "big", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
    plant.run(5.0)

    last = plant.client.get(Decision, "big", namespace="default").status
    first = plant.client.get(Decision, "big.1", namespace="default").status

    assert (last["attempt"], first["attempt"]) == (2, 1)
    assert [item["attempt"] for item in last["earlier"]] == [1]
    assert "{x: }" in last["message"]
    assert "{dedicated: db}" in first["message"]
    assert len(first["nodes"]) == 2


def test_decisions_cannot_be_written(plant: Plant) -> None:
    """They say what happened."""
    with pytest.raises(MethodNotAllowedError):
        plant.client.create(plant.client.get(Decision, "big", namespace="default"))


def test_questions_that_make_no_sense_say_why(plant: Plant) -> None:
    """The path and what there is."""
    with pytest.raises(NotFoundError):
        plant.client.create(what_if("default", "nobody", ["+node"]))
    with pytest.raises(BadRequestError, match='there is no node "n9"'):
        plant.client.create(what_if("default", "big", ["n9 cpu=+1"]))
    with pytest.raises(BadRequestError, match='has no taint "x"; there is dedicated'):
        plant.client.create(what_if("default", "big", ["n1 taint=x-"]))
    with pytest.raises(BadRequestError, match='"lots" is not an amount'):
        plant.client.create(what_if("default", "big", ["n1 cpu=lots"]))
    with pytest.raises(ConfigError, match="not understood"):
        what_if("default", "big", ["more power"])


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("n0 cpu=+1 memory=2Gi", {"node": "n0", "resources": {"cpu": "+1", "memory": "2Gi"}}),
        ("node/n0 cpu+1", {"node": "n0", "resources": {"cpu": "+1"}}),
        ("n0:cpu=+1", {"node": "n0", "resources": {"cpu": "+1"}}),
        ("n0 taint=a-", {"node": "n0", "withoutTaints": ["a"]}),
        ("n0 taint=a=b:NoExecute",
         {"node": "n0", "withTaints": [{"key": "a", "value": "b", "effect": "NoExecute"}]}),
        ("n0 label=zone=a label=old-", {"node": "n0", "labels": {"zone": "a", "old": None}}),
        ("n0 uncordon", {"node": "n0", "unschedulable": False}),
        ("+node", {"addNode": {}}),
        ("+3 nodes", {"addNode": {}, "count": 3}),
        ("+node like n0", {"addNode": {"like": "n0"}}),
    ],
)  # fmt: skip
def test_words_become_changes(text: str, change: dict[str, object]) -> None:
    """As one would say them."""
    assert parse_change(text) == change

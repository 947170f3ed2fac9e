"""A decision in words, as `kubarium explain` prints it and the Scheduling screen shows it."""

import attrs

from engine.api.frozen import freeze
from engine.api.kubarium import Decision
from engine.api.node import Node
from engine.api.pod import Pod
from tests.tui.fixtures import NOW, decisions, demo_cluster
from tui.render.decision_text import explain, explain_what_if
from tui.render.scheduling import decision_lines, matrix, queue_counts, queue_state, why
from tui.render.text import plain
from tui.what_if import what_if


def _decisions() -> list[Decision]:
    objects = demo_cluster()
    nodes = [obj for obj in objects if isinstance(obj, Node)]
    return decisions(nodes, [obj for obj in objects if isinstance(obj, Pod)])


def test_a_pod_that_fits_nowhere_is_explained_node_by_node() -> None:
    """The message first, then which filter refused each node and why."""
    refused, _ = _decisions()
    refused = attrs.evolve(
        refused, status=freeze({**refused.status, "message": "0/4 nodes are available: …"})
    )

    lines = explain(refused, now=NOW).splitlines()

    assert lines[0] == "pod/batch-report in default fits on no node"
    assert lines[1] == (
        "  scheduler default-scheduler, attempt 1, 8s ago, now in the unschedulable queue"
    )
    assert lines[2] == "  0/4 nodes are available: …"
    assert lines[-1].split() == ["node-3", "NodeResourcesFit:", "Insufficient", "cpu"]


def test_a_placed_pod_is_explained_by_its_scores() -> None:
    """Raw and normalized per plugin, the total, and who was chosen."""
    _, placed = _decisions()

    text = explain(placed, now=NOW)

    assert "scheduled to node-" in text
    assert "TaintToleration x3" in text
    assert text.count("passed, chosen") == 1


def test_long_tables_are_cut() -> None:
    """And say how to see the rest."""
    refused, _ = _decisions()

    assert explain(refused, now=NOW, limit=1).splitlines()[-1] == (
        "… and 3 more nodes; --all shows them"
    )


def test_an_answer_is_said_once() -> None:
    """In words, then the table."""
    _, placed = _decisions()
    question = what_if("default", "web", ["+node"])
    status = {"answer": "it would go to what-if-1", "after": placed.status}

    lines = explain_what_if(attrs.evolve(question, status=freeze(status)), ["+node"]).splitlines()

    assert lines[:2] == ["What if +node?", "  it would go to what-if-1"]


def test_the_screen_tells_queue_and_reasons() -> None:
    """As words beside their symbols."""
    refused, placed = _decisions()

    assert [queue_state(item).word for item in (refused, placed)] == ["unschedulable", "placed"]
    assert queue_counts({"a": refused, "b": placed}) == (
        "0 active · 0 backoff · 1 unschedulable · 0 gated"
    )
    assert why(placed).startswith("best of 3")


def test_the_matrix_has_a_column_per_plugin_where_there_is_room() -> None:
    """And the refusal alone where there is not."""
    _, placed = _decisions()

    wide = [plain(line) for line in matrix(placed.status, 150)]
    narrow = [plain(line) for line in matrix(placed.status, 76)]

    assert wide[0].split()[:4] == ["NODE", "Cordon", "Taint", "Fit"]
    assert sum("★" in line for line in wide) == 1
    assert all(len(line) <= 150 for line in wide)
    assert "Taint: node(s) had untolerated" in narrow[-1]
    assert any("scheduled to" in plain(line) for line in decision_lines(placed, NOW, 150))

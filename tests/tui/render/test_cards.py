"""Node cards keep their shape whatever is on the node."""

import pytest

from tests.tui.fixtures import make_node, make_pod
from tui.render import cards
from tui.render.text import plain, width


@pytest.mark.parametrize("cells", [34, 50, 80, 160], ids=str)
@pytest.mark.parametrize("count", [0, 1, 5, 40, 300], ids=str)
def test_every_line_of_a_card_has_its_width(cells: int, count: int) -> None:
    """A long name or many pods never push the frame."""
    pods = [make_pod(f"a-rather-long-name-for-a-pod-{n}", node="node-1") for n in range(count)]
    shape = cards.choose_shape([count, 3, 0], cells=cells, lines=40)

    lines = cards.card_lines(
        make_node("node-1"), pods, shape, ghosts=["gone"], marks=["crash", "partition"]
    )

    assert len(lines) == shape.card_height
    assert {width(line) for line in lines} == {shape.card_width - 1}


def test_more_pods_mean_smaller_chips() -> None:
    """What does not fit by name is shown by suffix, then by state alone."""
    few = cards.choose_shape([5, 5, 5], cells=160, lines=40)
    many = cards.choose_shape([100, 100, 100], cells=160, lines=40)

    assert (few.mode, many.mode) == (cards.ROWS, cards.SHORT)
    assert cards.choose_shape([800] * 3, cells=160, lines=40).mode == cards.DOTS


def test_newcomers_stand_last_in_their_workload() -> None:
    """Chips do not jump when a pod joins."""
    old, new = make_pod("web-b", since=100), make_pod("web-a", since=1)

    assert cards.order({new.key: new, old.key: old}) == [old, new]


def test_faults_are_written_on_the_card() -> None:
    """A crashed node says so in words."""
    shape = cards.choose_shape([0], cells=60, lines=20)

    top = cards.card_lines(make_node("node-1", ready="Unknown"), [], shape, marks=["crash"])[0]

    assert "✖ node-1 Unknown" in plain(top)
    assert "crash" in plain(top)

"""What a fault's target comes to."""

import random

import pytest

from engine.api.kubarium import FaultTarget
from engine.faults.fault import FaultError
from engine.faults.target import choose

ITEMS = tuple("abcdefghij")


@pytest.mark.parametrize(
    ("mode", "value", "count"),
    [
        ("", 0, 10),
        ("all", 0, 10),
        ("one", 0, 1),
        ("fixed", 3, 3),
        ("fixed", 30, 10),
        ("fixed-percent", 25, 3),
        ("fixed-percent", 0, 0),
    ],
)
def test_the_mode_says_how_many_are_hit(mode: str, value: int, count: int) -> None:
    """Percentages are rounded up."""
    target = FaultTarget(mode=mode, value=value)

    assert len(choose(ITEMS, target, random.Random(1))) == count


def test_a_random_share_is_never_more_than_its_maximum() -> None:
    """Drawn anew for each fault."""
    target = FaultTarget(mode="random-max-percent", value=40)

    counts = {len(choose(ITEMS, target, random.Random(seed))) for seed in range(50)}

    assert max(counts) <= 4
    assert len(counts) > 1


def test_one_stream_makes_one_choice() -> None:
    """A fault of one seed hits the same targets."""
    target = FaultTarget(mode="fixed", value=2)

    first = choose(ITEMS, target, random.Random(5))

    assert first == choose(ITEMS, target, random.Random(5))
    assert list(first) == sorted(first)


def test_an_unknown_mode_is_refused_with_those_there_are() -> None:
    """In words."""
    with pytest.raises(FaultError, match="fixed-percent"):
        choose(ITEMS, FaultTarget(mode="some"), random.Random(1))

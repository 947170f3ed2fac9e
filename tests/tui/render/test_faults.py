"""Faults and invariants in words."""

import pytest

from engine.api.frozen import FrozenDict, freeze
from engine.api.kubarium import Fault, FaultSpec, FaultStatus, FaultTarget, Invariant
from engine.api.meta import ObjectMeta
from engine.api.wire import Time
from tui.render.faults import detail_lines, fault_state, invariant_lines, time_left, touched_words
from tui.render.text import plain


def make(phase: str, **status: object) -> Fault:
    """A fault that far."""
    return Fault(
        metadata=ObjectMeta(name="slow"),
        spec=FaultSpec(
            type="net.delay", target=FaultTarget(pods=("a",)), params=FrozenDict(latency="1s")
        ),
        status=FaultStatus(phase=phase, **status),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (make("Active", ends_at=Time(142.0)), "42s"),
        (make("Active", ends_at=Time(90.0)), "0s"),
        (make("Active"), "open"),
        (make("Recovered"), "-"),
    ],
)
def test_a_countdown_runs(fault: Fault, words: str) -> None:
    """To nothing and no further; without an end it says so."""
    assert time_left(fault, 100.0) == words


def test_a_fault_says_what_it_does_and_to_whom() -> None:
    """With its settings and all it touches."""
    fault = make("Active", touched=("default/a", "default/b"), ends_at=Time(110.0))

    text = "\n".join(plain(line) for line in detail_lines(fault, 100.0, 60))

    assert fault_state(fault).word == "active"
    assert touched_words(fault) == "default/a +1"
    for words in ("Let packets wait.", "ends in  10s", "latency 1s", "default/b"):
        assert words in text


def test_broken_invariants_come_first_with_their_place() -> None:
    """The revision, the objects, who did it and what led to it."""
    good = Invariant(
        metadata=ObjectMeta(name="good"),
        spec=freeze({"promise": "all is well"}),
        status=freeze({"holds": True}),
    )
    bad = Invariant(
        metadata=ObjectMeta(name="bad"),
        status=freeze(
            {
                "holds": False,
                "violations": 2,
                "message": "it moved",
                "revision": 41,
                "actor": "scheduler",
                "cause": 40,
                "objects": ["default/a"],
            }
        ),
    )

    lines = [plain(line) for line in invariant_lines([good, bad], 40)]

    assert lines[0].startswith("✖ bad")
    assert "it moved" in lines[1]
    assert "revision 41 by scheduler, after 40" in lines[2]
    assert "default/a" in lines[3]
    assert lines[-1] == "✓ all is well"

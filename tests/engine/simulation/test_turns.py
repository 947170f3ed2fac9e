"""The timers of a simulated node."""

import random

from engine.kernel.loop import Loop
from engine.simulation.turns import Turns


def make_turns() -> tuple[Loop, Turns]:
    """A loop, and a node's timers on it."""
    loop = Loop(0.0)
    return loop, Turns(loop, random.Random(1))


def test_what_is_asked_for_one_pod_is_done_in_the_order_it_was_asked() -> None:
    """A short step never overtakes a long one of the same pod; other pods do not wait for it."""
    loop, turns = make_turns()
    done: list[str] = []

    turns.in_turn("web", 10.0, done.append, "long")
    turns.in_turn("web", 0.1, done.append, "short")
    turns.in_turn("db", 0.1, done.append, "other")
    loop.run_for(30)

    assert done == ["other", "long", "short"]


def test_nothing_asked_before_a_power_cut_happens_after_it() -> None:
    """The node comes back empty, and its pods' first steps wait for nobody."""
    loop, turns = make_turns()
    done: list[str] = []
    turns.in_turn("web", 10.0, done.append, "lost")

    turns.restart()
    turns.in_turn("web", 0.1, done.append, "new")
    loop.run_for(1)
    in_the_first_second = list(done)
    loop.run_for(30)

    assert in_the_first_second == done == ["new"]

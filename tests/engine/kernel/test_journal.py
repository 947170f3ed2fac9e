"""The one door for outside inputs."""

import pytest

from engine.kernel.journal import InputContext, Journal
from engine.kernel.loop import Loop


def test_a_post_becomes_the_next_step_and_is_recorded() -> None:
    """With the step and time it entered at."""
    loop = Loop(now=5.0)
    journal, seen = Journal(loop), list[object]()
    journal.register("key", lambda payload: seen.append((payload, loop.context)))

    journal.post("key", "q")
    loop.run_for(0.0)

    assert seen == [("q", InputContext(1, "key"))]
    assert [(entry.channel, entry.time, entry.payload) for entry in journal.entries] == [
        ("key", 5.0, "q")
    ]


def test_a_call_answers_at_once() -> None:
    """Requests do not wait for the loop's driver."""
    journal = Journal(Loop())
    journal.register("double", lambda number: number * 2)

    assert journal.call("double", 21) == 42


def test_an_unknown_channel_is_refused_and_not_recorded() -> None:
    """Nothing enters that nobody handles."""
    journal = Journal(Loop())

    with pytest.raises(KeyError):
        journal.post("nobody", 1)

    assert not journal.entries


def test_the_driver_catches_up_before_and_is_woken_after_each_input() -> None:
    """So that inputs find the loop at the present time."""
    journal, seen = Journal(Loop()), list[str]()
    journal.register("key", lambda _payload: seen.append("handled"))
    journal.driven_by(catch_up=lambda: seen.append("caught up"), wake=lambda: seen.append("woken"))

    journal.call("key", None)

    assert seen == ["caught up", "handled", "woken"]

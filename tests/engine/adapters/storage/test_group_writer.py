"""The thread between a store and a slow place."""

import queue
from collections.abc import Callable
from typing import Any

from engine.adapters.storage.group_writer import Grant, GroupWriter, Note
from engine.store.kv import Change


class Place:
    """Keeps the groups it is given; callbacks of the thread, and what waits for the turn's end."""

    def __init__(self, *, by_turns: bool) -> None:
        self.groups: list[list[Note]] = []
        self.posted: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self.later: list[Callable[[], object]] = []
        self.writer: GroupWriter[bytes] = GroupWriter(
            self.posted.put, self.write, soon=self.later.append if by_turns else None
        )
        self.writer.start(int, bool)

    def write(self, changes: list[Change[Any]], notes: list[Note]) -> None:
        """One group."""
        assert not changes
        self.groups.append(notes)


def test_one_turn_of_the_loop_is_one_group() -> None:
    """What is put during a turn is handed over when it ends, in order, as one group."""
    place = Place(by_turns=True)

    for lease in (1, 2, 3):
        place.writer.put(Grant(lease, 60.0))
    (hand_over,) = place.later
    hand_over()
    place.writer.close()

    assert place.groups == [[Grant(1, 60.0), Grant(2, 60.0), Grant(3, 60.0)]]


def test_the_next_turn_is_handed_over_too() -> None:
    """A turn that comes after one that was handed over asks for its own end."""
    place = Place(by_turns=True)
    place.writer.put(Grant(1, 60.0))
    place.later.pop()()

    place.writer.put(Grant(2, 60.0))
    place.later.pop()()
    place.writer.close()

    assert [note for group in place.groups for note in group] == [Grant(1, 60.0), Grant(2, 60.0)]


def test_closing_in_the_middle_of_a_turn_loses_nothing() -> None:
    """What was put before `close` is written, though the turn never ended."""
    place = Place(by_turns=True)
    place.writer.put(Grant(1, 60.0))

    place.writer.close()

    assert place.groups == [[Grant(1, 60.0)]]


def test_without_turns_a_job_is_handed_over_at_once() -> None:
    """A writer that knows no loop leaves nothing lying."""
    place = Place(by_turns=False)
    place.writer.put(Grant(1, 60.0))

    place.writer.close()

    assert place.groups == [[Grant(1, 60.0)]]

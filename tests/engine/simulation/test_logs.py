"""Logs of simulated containers."""

from engine.cri.runtime import LogOptions
from engine.simulation.logs import LogLine, select

LINES = [LogLine(1.0, "one"), LogLine(2.5, "two"), LogLine(3.0, "three")]


def test_tail_gives_the_last_lines() -> None:
    """With a tail only so many lines come, and none for 0."""
    assert list(select(LINES, LogOptions(tail=2))) == [b"two\n", b"three\n"]
    assert list(select(LINES, LogOptions(tail=0))) == []


def test_since_leaves_out_what_is_older() -> None:
    """Lines before the time are left out."""
    assert list(select(LINES, LogOptions(since=2.5))) == [b"two\n", b"three\n"]


def test_limit_cuts_in_the_middle_of_a_line() -> None:
    """Not one byte more than asked for."""
    assert b"".join(select(LINES, LogOptions(limit_bytes=6))) == b"one\ntw"


def test_timestamps_have_nanoseconds() -> None:
    """As in a container's log file."""
    (piece,) = select(LINES[1:2], LogOptions(timestamps=True))

    assert piece == b"1970-01-01T00:00:02.500000000Z two\n"

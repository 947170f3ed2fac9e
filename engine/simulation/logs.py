"""Lines a simulated container has written, and the part of them that a reader asks for."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import attrs

from engine.cri.runtime import LogOptions


@attrs.frozen
class LogLine:
    """One line and when it was written, in epoch seconds; *end* is empty while it goes on."""

    time: float
    text: str
    end: str = "\n"


def written_by(lines: Iterable[LogLine], now: float) -> list[LogLine]:
    """The lines that are written by *now*; the rest of a container's course is still to come."""
    return [line for line in lines if line.time <= now]


def select(lines: Sequence[LogLine], options: LogOptions) -> Iterator[bytes]:
    """The lines that *options* ask for, one piece each, with their line ends."""
    chosen = [line for line in lines if options.since is None or line.time >= options.since]
    if options.tail is not None:
        chosen = chosen[-options.tail :] if options.tail else []
    left = options.limit_bytes
    for line in chosen:
        piece = render(line, timestamps=options.timestamps)
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        if piece:
            yield piece
        if left == 0:
            return


def render(line: LogLine, *, timestamps: bool) -> bytes:
    """One line as the reader gets it."""
    if not timestamps:
        return f"{line.text}{line.end}".encode()
    stamp = datetime.fromtimestamp(line.time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{stamp}000Z {line.text}{line.end}".encode()

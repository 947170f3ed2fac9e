"""Streams into containers: what flows between a client and a process, and how it ends.

The bytes bypass the journal; a runtime that lets them change the cluster's state enters by it.
"""

from typing import Protocol

import attrs

from engine.errors import EngineError

STDOUT = 1
STDERR = 2
NOT_FOUND_CODE = 127
NOT_EXECUTABLE_CODE = 126


class StreamFailure(EngineError):  # noqa: N818 - the pair of RuntimeFailure
    """The stream cannot be had or broke off; the message is what the client is told."""


@attrs.frozen(kw_only=True)
class TerminalSize:
    """Columns and rows of a terminal."""

    width: int
    height: int


@attrs.frozen(kw_only=True)
class StreamOptions:
    """Which streams of a process are wanted.

    Attributes:
        command: what to run; empty to attach to what runs already.
        tty: stdin is a terminal, and stderr comes with stdout.
    """

    command: tuple[str, ...] = ()
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class StreamIO(Protocol):
    """The client's end of a stream. Only adapters make one.

    Promises:
        * `read` answers with a piece, at least a byte long, or empty once the client sends no more;
        * `write` returns when there is room for more, so a slow client slows the process down;
        * whoever carries the stream is cancelled when the client is gone.
    """

    async def read(self) -> bytes:
        """The next piece the client sends; empty at its end, and ever after."""
        ...

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        """Send *data* to the client, as output or as errors."""
        ...

    async def resized(self) -> TerminalSize | None:
        """The client's next terminal size; None when there will be no other."""
        ...

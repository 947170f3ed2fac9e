"""Readers that keep up are written to at once, in order, and nothing before it is durable."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs

from engine.adapters.http.outbox import Outbox


class Connection(asyncio.WriteTransport):
    """Remembers what is written."""

    def __init__(self, waiting: int = 0) -> None:
        super().__init__()
        self.waiting = waiting
        self.written = b""

    def get_write_buffer_size(self) -> int:
        """What the reader has not taken."""
        return self.waiting

    def is_closing(self) -> bool:
        """Never."""
        return False

    def write(self, data: Any) -> None:
        """Remember *data*."""
        self.written += bytes(data)


@attrs.define(eq=False)
class OneReader:
    """A watcher's side."""

    connection: Connection | None
    revision: int = 0
    lines: list[bytes] = attrs.field(factory=list)
    tasks: int = 0

    def take(self) -> list[bytes]:
        """The lines."""
        lines, self.lines = self.lines, []
        return lines

    def give_to_task(self) -> None:
        """Count it."""
        self.tasks += 1


class SlowStore:
    """A store whose disk is slow."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, Callable[[], object]]] = []

    def on_durable(self, revision: int, callback: Callable[[], object]) -> None:
        """Remember who waits."""
        self.waiting.append((revision, callback))


async def test_nothing_is_written_before_it_is_durable() -> None:
    """All readers get the same chunk, once the newest revision is on disk."""
    store = SlowStore()
    outbox = Outbox(store)  # type: ignore[arg-type]  # the one method that is asked for
    line = b'{"type":"ADDED"}\n'
    readers = [OneReader(Connection(), 4, [line]), OneReader(Connection(), 7, [line])]
    for reader in readers:
        outbox.add(reader)
    await asyncio.sleep(0)
    ((revision, tell),) = store.waiting
    before = [reader.connection.written for reader in readers if reader.connection]

    tell()

    assert (revision, before) == (7, [b"", b""])
    assert [reader.revision for reader in readers] == [7, 7]
    written = [reader.connection.written for reader in readers if reader.connection]
    assert written == [b"11\r\n" + line + b"\r\n"] * 2


async def test_who_does_not_keep_up_is_left_to_a_task() -> None:
    """A full connection is not written to, and the others are served."""
    store = SlowStore()
    outbox = Outbox(store)  # type: ignore[arg-type]  # the one method that is asked for
    slow, gone = OneReader(Connection(10**6), 3, [b"a\n"]), OneReader(None, 3, [b"a\n"])
    outbox.add(slow)
    outbox.add(gone)
    await asyncio.sleep(0)

    assert (slow.tasks, gone.tasks, store.waiting) == (1, 1, [])
    assert slow.lines == [b"a\n"]

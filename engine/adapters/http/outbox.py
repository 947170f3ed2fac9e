"""Watch events to many connections at once: no task is woken for a reader that keeps up."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import attrs

from engine.store.watchable_store import Store

# Bytes that may wait in a connection before its own task takes over and waits for the reader.
_KEEPS_UP = 64 * 1024


class Reader(Protocol):
    """A watcher's side, as the outbox needs it."""

    revision: int

    def take(self) -> list[bytes]:
        """The lines that wait."""
        ...

    def give_to_task(self) -> None:
        """Have the reader's own task write what waits."""
        ...

    @property
    def connection(self) -> asyncio.WriteTransport | None:
        """Where to write to; None if the reader's task has to."""
        ...


@attrs.define(eq=False)
class Outbox:
    """Collects who has something to read, and writes to all of them once it is durable.

    What is written is one chunk of a chunked answer. Whoever does not keep up is left to a task of
    its own, which waits for the connection; so nobody holds anybody back.
    """

    store: Store[Any]
    _ready: dict[int, Reader] = attrs.field(factory=dict, init=False)

    def add(self, reader: Reader) -> None:
        """*reader* has lines."""
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._run)
        self._ready[id(reader)] = reader

    def _run(self) -> None:
        ready, self._ready = self._ready, {}
        taken: list[tuple[asyncio.WriteTransport, list[bytes]]] = []
        readers: list[Reader] = []
        revision = 0
        for reader in ready.values():
            connection = reader.connection
            if connection is not None and connection.is_closing():
                continue
            if connection is None or connection.get_write_buffer_size() > _KEEPS_UP:
                reader.give_to_task()
            elif lines := reader.take():
                taken.append((connection, lines))
                readers.append(reader)
                revision = max(revision, reader.revision)
        for reader in readers:
            # What its task writes from now on waits for these lines.
            reader.revision = revision
        if taken:
            self.store.on_durable(revision, partial(_write, taken))


def _write(taken: Sequence[tuple[asyncio.WriteTransport, list[bytes]]]) -> None:
    chunks: dict[int, bytes] = {}
    for connection, lines in taken:
        if connection.is_closing():
            continue
        if len(lines) > 1:
            connection.write(_chunk(b"".join(lines)))
            continue
        line = lines[0]
        chunk = chunks.get(id(line))
        if chunk is None:
            chunk = chunks[id(line)] = _chunk(line)
        connection.write(chunk)


def _chunk(data: bytes) -> bytes:
    """*data* as HTTP/1.1 frames it in an answer of unknown length."""
    return b"%x\r\n%b\r\n" % (len(data), data)

"""A queue of bytes between what receives them and what reads them, with a mark for too many."""

import asyncio
from collections import deque
from collections.abc import Callable

import attrs

HIGH_MARK = 1 << 20


@attrs.define(eq=False)
class Pipe:
    """Bytes in order. *on_drained* is called when what had piled up is read."""

    on_drained: Callable[[], object] = lambda: None
    _pieces: deque[bytes] = attrs.field(factory=deque, init=False)
    _size: int = attrs.field(default=0, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _changed: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be read that the sender should be held back."""
        return self._size > HIGH_MARK

    def put(self, data: bytes) -> None:
        """Append *data*; after `close` it is dropped."""
        if data and not self._is_closed:
            self._pieces.append(data)
            self._size += len(data)
            self._changed.set()

    def close(self) -> None:
        """Nothing more comes; what is there can still be read."""
        self._is_closed = True
        self._changed.set()

    async def read(self) -> bytes:
        """The next piece; empty at the end, and ever after."""
        while not self._pieces:
            if self._is_closed:
                return b""
            self._changed.clear()
            await self._changed.wait()
        piece = self._pieces.popleft()
        was_full = self.is_full
        self._size -= len(piece)
        if was_full and not self.is_full:
            self.on_drained()
        return piece

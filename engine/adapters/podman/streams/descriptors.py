"""File descriptors of pipes and terminals as coroutines, without threads."""

import asyncio
import contextlib
import os

import attrs

_BLOCK = 1 << 16


@attrs.define(eq=False)
class Descriptor:
    """A non-blocking file descriptor that is ours to close."""

    number: int

    def __attrs_post_init__(self) -> None:
        os.set_blocking(self.number, False)

    async def read(self) -> bytes:
        """What is there to be read, at least a byte; empty at the end."""
        while self.number >= 0:
            try:
                return os.read(self.number, _BLOCK)
            except BlockingIOError:
                await self._ready(is_reading=True)
            except OSError:  # a terminal whose other end is closed
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Write all of *data*.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """
        view = memoryview(data)
        while view:
            if self.number < 0:
                raise BrokenPipeError
            try:
                view = view[os.write(self.number, view) :]
            except BlockingIOError:
                await self._ready(is_reading=False)
            except OSError as error:
                raise BrokenPipeError from error

    def close(self) -> None:
        """Close it. Closing twice is once."""
        if self.number >= 0:
            number, self.number = self.number, -1
            os.close(number)

    async def _ready(self, *, is_reading: bool) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        number = self.number

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        add, remove = (
            (loop.add_reader, loop.remove_reader)
            if is_reading
            else (loop.add_writer, loop.remove_writer)
        )
        add(number, wake)
        try:
            await ready
        finally:
            with contextlib.suppress(ValueError, OSError):
                remove(number)


def make_pipe() -> tuple[int, int]:
    """A pipe: its reading and its writing end, neither inherited."""
    return os.pipe2(os.O_CLOEXEC)

"""attach: a client joined to a container's own process, which may have ended before it listened."""

import asyncio

import attrs

from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.logs import read_log
from engine.adapters.podman.records import Container
from engine.adapters.podman.streams.hijacking import carry, hijack
from engine.cri.runtime import LogOptions
from engine.cri.streams import (
    STDOUT,
    StreamFailure,
    StreamIO,
    StreamOptions,
    TerminalSize,
)
from engine.errors import AdapterError

_END_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_COMPLAINT = b"Error: read unix"
"""How Podman tells that the process ended while it was being joined."""


@attrs.define(eq=False)
class _Listener:
    """Passes everything on, and knows whether the process has said anything."""

    io: StreamIO
    has_heard: bool = attrs.field(default=False, init=False)

    async def read(self) -> bytes:
        """What the client types."""
        return await self.io.read()

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        """What the process says."""
        if not self.has_heard and data.startswith(_COMPLAINT):
            return
        self.has_heard = True
        await self.io.write(data, stream)

    async def resized(self) -> TerminalSize | None:
        """The size of the client's terminal."""
        return await self.io.resized()


async def attach_to(
    client: PodmanClient, container: Container, options: StreamOptions, io: StreamIO
) -> None:
    """Join *io* to the container's own process until that ends.

    Who comes too late to hear a word of a process that has ended gets its log.

    Raises:
        StreamFailure: Podman refuses.
    """
    wanted = {"stdin": options.stdin, "stdout": options.stdout, "stderr": options.stderr}
    params = {name: "true" if is_wanted else "false" for name, is_wanted in wanted.items()}
    # No key may end the session: an exec of kubectl has none.
    path = f"/containers/{container.id}/attach"
    params |= {"stream": "true", "logs": "false", "detachKeys": ""}
    try:
        connection = await hijack(client, path, params=params)
    except (AdapterError, OSError, TimeoutError) as error:
        raise StreamFailure(f"error attaching to container: {error}") from error
    listener = _Listener(io)
    await carry(client, connection, options, listener, f"/containers/{container.id}/resize")
    if not listener.has_heard and options.stdout and await _has_ended(container):
        await _repeat(container, io)


async def _has_ended(container: Container) -> bool:
    """Whether the process has ended, which is known a moment after its streams have."""
    left = _END_SECONDS
    while container.is_running and left > 0:
        await asyncio.sleep(_LOOK_SECONDS)
        left -= _LOOK_SECONDS
    return not container.is_running


async def _repeat(container: Container, io: StreamIO) -> None:
    """Say what the process said before anybody listened."""
    if container.log is None:
        return
    async for piece in read_log(container.log, LogOptions(), has_ended=lambda: True):
        await io.write(piece)

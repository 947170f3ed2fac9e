"""An HTTP client whose connections lead into pods, through the runtime of their node."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import attrs

from engine.cri.streams import STDOUT, StreamFailure, StreamIO, TerminalSize

Dial = Callable[[StreamIO], Awaitable[None]]
"""Joins a stream to whatever is at the other end."""

_BLOCK = 1 << 16


@attrs.define(eq=False)
class _SocketIO:
    """`StreamIO` over one end of a pair of sockets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> bytes:
        return await self.reader.read(_BLOCK)

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        del stream
        self.writer.write(data)
        await self.writer.drain()

    async def resized(self) -> TerminalSize | None:
        return None


class TunnelConnector(aiohttp.BaseConnector):
    """Connects by *dial*, whatever the URL says. With *is_tls* it speaks TLS, to anybody.

    *failure* is why the other end could not be reached, once that is known.
    """

    def __init__(self, dial: Dial, *, is_tls: bool) -> None:
        super().__init__(force_close=True)
        self.failure = ""
        self._dial = dial
        self._is_tls = is_tls
        self._carriers: list[asyncio.Task[None]] = []

    async def stop(self) -> None:
        """Close every connection, and wait until they are closed."""
        await self.close()
        for task in self._carriers:
            task.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's
        del req, traces, timeout
        ours, theirs = socket.socketpair()
        self._carriers.append(asyncio.create_task(self._carry(theirs)))
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {}
        if self._is_tls:
            tls = {"ssl": unverified(), "server_hostname": ""}
        try:
            _, protocol = await loop.create_connection(self._factory, sock=ours, **tls)
        except OSError as error:
            ours.close()
            raise aiohttp.ClientConnectionError(str(error)) from error
        return protocol

    async def _carry(self, end: socket.socket) -> None:
        try:
            await carry(end, self._dial)
        except StreamFailure as error:
            self.failure = str(error)
        except OSError:
            pass


async def carry(end: socket.socket, dial: Dial) -> None:
    """Join *end* of a pair of sockets to whatever *dial* leads to, until either is done.

    Raises:
        StreamFailure: it leads nowhere.
        OSError: the connection broke.
    """
    reader, writer = await asyncio.open_connection(sock=end)
    try:
        await dial(_SocketIO(reader, writer))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def dial_address(host: str, port: int, io: StreamIO) -> None:
    """Join *io* to an address that this machine reaches by itself.

    Raises:
        StreamFailure: nobody listens there.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise StreamFailure(f"dial tcp {host}:{port}: connect: {why}") from error

    async def feed() -> None:
        with contextlib.suppress(OSError):
            while data := await io.read():
                writer.write(data)
                await writer.drain()

    feeding = asyncio.create_task(feed())
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(_BLOCK):
                await io.write(data)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def unverified() -> ssl.SSLContext:
    """TLS as the API server's proxy speaks it to pods: any certificate will do."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

"""Upgrades that the API server passes on: WebSockets and SPDY to pods, services and nodes.

What is said after the handshake is nobody's business here: bytes go both ways until one side ends.

Source: k8s.io/apimachinery proxy (UpgradeAwareHandler.tryUpgrade), kubernetes v1.34.
"""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from engine.adapters.http.streams.tunnel import Dial, carry, unverified
from engine.adapters.http.streams.upgrade import Hijacked
from engine.apiserver.errors import ApiError, UnavailableError
from engine.cri.streams import StreamFailure

_BLOCK = 1 << 16
_LONGEST_HEAD = 1 << 16
_PATIENCE = 30.0


async def tunnel(
    http: web.BaseRequest, target: str, headers: Mapping[str, str], *, is_tls: bool, dial: Dial
) -> web.StreamResponse:
    """Ask the other end of *dial* for the upgrade to *target*, and join it to the client.

    Raises:
        UnavailableError: the other end cannot be reached, or says nothing that is HTTP.
    """
    ours, theirs = socket.socketpair()
    failures: list[str] = []
    carrying = asyncio.create_task(_carry(theirs, dial, failures))
    writer = None
    try:
        tls: dict[str, Any] = {"ssl": unverified(), "server_hostname": ""} if is_tls else {}
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(
                    sock=ours, limit=_LONGEST_HEAD, **tls
                )
                writer.write(_head(http, target, headers))
                answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            await asyncio.wait({carrying}, timeout=1.0)
            raise _unreachable(failures, error) from error
        hijacked = Hijacked.over(http, answer)
        await _join(hijacked, reader, writer)
    finally:
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        if writer is None:
            ours.close()
        else:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return web.Response()


async def _carry(end: socket.socket, dial: Dial, failures: list[str]) -> None:
    try:
        await carry(end, dial)
    except (StreamFailure, OSError) as error:
        failures.append(str(error))


def _unreachable(failures: list[str], error: Exception) -> ApiError:
    why = failures[0] if failures else str(error) or type(error).__name__
    return UnavailableError(f"error trying to reach service: {why}")


def _head(http: web.BaseRequest, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{http.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Connection: Upgrade", f"Upgrade: {http.headers['Upgrade']}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


async def _join(
    hijacked: Hijacked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Copy both ways until either side ends."""

    async def up() -> None:
        while data := await hijacked.incoming.read():
            writer.write(data)
            await writer.drain()

    async def down() -> None:
        while data := await reader.read(_BLOCK):
            await hijacked.write(data)

    tasks = {asyncio.create_task(up()), asyncio.create_task(down())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        hijacked.close()

"""A container's log over a WebSocket: what browsers and the conformance tests read it by."""

import asyncio
import base64
from collections.abc import AsyncIterator

from aiohttp import web

from engine.adapters.http.streams.upgrade import messages, negotiate, open_socket
from engine.cri.runtime import RuntimeFailure

PROTOCOLS = ("binary.k8s.io", "base64.binary.k8s.io", "")


async def send_log(http: web.BaseRequest, pieces: AsyncIterator[bytes]) -> web.WebSocketResponse:
    """Send the log, piece by piece, one message each, until it ends or the client goes.

    Raises:
        BadRequestError: it is no proper handshake.
        ForbiddenError: the client speaks none of the protocols.

    Source: wsstream.Reader, k8s.io/apimachinery, kubernetes v1.34.
    """
    protocol = negotiate(http, "Sec-WebSocket-Protocol", PROTOCOLS)
    socket = await open_socket(http, protocol)
    is_base64 = protocol.startswith("base64")
    sending = asyncio.ensure_future(_send(socket, pieces, is_base64=is_base64))
    listening = asyncio.ensure_future(messages(socket, _ignore))
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        listening.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
        await socket.close()
    return socket


async def _send(
    socket: web.WebSocketResponse, pieces: AsyncIterator[bytes], *, is_base64: bool
) -> None:
    try:
        async for piece in pieces:
            await _send_piece(socket, piece, is_base64=is_base64)
    except RuntimeFailure as error:
        await _send_piece(socket, f"{error}\n".encode(), is_base64=is_base64)


async def _send_piece(socket: web.WebSocketResponse, piece: bytes, *, is_base64: bool) -> None:
    if is_base64:
        await socket.send_str(base64.b64encode(piece).decode())
    else:
        await socket.send_bytes(piece)


async def _ignore(_message: bytes) -> None:
    """A client has nothing to say here."""

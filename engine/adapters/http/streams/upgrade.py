"""Connections taken over from the HTTP server: a hijacked one for SPDY, a WebSocket as channels.

Both end with the client; nothing here knows what is said over them.
"""

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
from aiohttp import WSMsgType, web

from engine.adapters.http.streams.pipes import Pipe
from engine.apiserver.errors import BadRequestError, ForbiddenError

_PATIENCE = 1.0
CLOSE_CHANNEL = 255


def wants(http: web.BaseRequest) -> str:
    """What the client asks to switch to, in small letters; empty for an ordinary request."""
    if "upgrade" not in http.headers.get("Connection", "").lower():
        return ""
    return http.headers.get("Upgrade", "").lower()


def offered(http: web.BaseRequest, header: str) -> tuple[str, ...]:
    """The protocols that the client can speak, the one it likes best first."""
    values = ",".join(http.headers.getall(header, ()))
    return tuple(name.strip() for name in values.split(",") if name.strip())


def negotiate(http: web.BaseRequest, header: str, served: Sequence[str]) -> str:
    """The protocol to speak; empty if the client names none.

    Raises:
        ForbiddenError: there is none in common.
    """
    found = offered(http, header)
    for name in found:
        if name in served:
            return name
    if found:
        raise ForbiddenError(
            f"unable to upgrade: unable to negotiate protocol: client supports [{' '.join(found)}],"
            f" server accepts [{' '.join(name for name in served if name)}]"
        )
    return ""


@attrs.define(eq=False)
class Hijacked(asyncio.Protocol):
    """A connection that the HTTP server has handed over, as plain bytes."""

    transport: asyncio.Transport
    original: asyncio.BaseProtocol
    incoming: Pipe = attrs.field(init=False)
    _room: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.incoming = Pipe(lambda: self.hold(False))  # noqa: FBT003 - a callback
        self._room.set()

    @classmethod
    def take(cls, http: web.BaseRequest, headers: Mapping[str, str]) -> "Hijacked":
        """Answer 101 with *headers* and take the connection over.

        Raises:
            BadRequestError: the client is gone, or has sent more than its request.
        """
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""])
        return cls.over(http, head.encode())

    @classmethod
    def over(cls, http: web.BaseRequest, head: bytes) -> "Hijacked":
        """Answer *head* as it is and take the connection over.

        Raises:
            BadRequestError: the client is gone.
        """
        transport = http.transport
        if transport is None:
            raise BadRequestError("the connection cannot be upgraded")
        # No isinstance: other event loops' transports are no subclass of asyncio's.
        taken = cls(transport, http.protocol)
        transport.set_protocol(taken)
        transport.write(head)
        with contextlib.suppress(RuntimeError):
            transport.resume_reading()  # the HTTP server may have paused it
        return taken

    def data_received(self, data: bytes) -> None:
        """Keep *data* for the reader."""
        self.incoming.put(data)
        if self.incoming.is_full:
            self.hold(True)  # noqa: FBT003 - a callback

    def eof_received(self) -> bool:
        """The client says no more; without TLS answers may still go out."""
        self.incoming.close()
        return self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.incoming.close()
        self._room.set()
        self.original.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def hold(self, is_held: bool) -> None:  # noqa: FBT001 - a callback
        """Stop receiving, or go on."""
        if self.transport.is_closing():
            return
        with contextlib.suppress(RuntimeError):
            if is_held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    async def write(self, data: bytes) -> None:
        """Send *data* and wait for room.

        Raises:
            ConnectionResetError: the client is gone.
        """
        if self.transport.is_closing():
            raise ConnectionResetError("the client went away")
        self.transport.write(data)
        await self._room.wait()

    def close(self) -> None:
        """Send what is still to be sent, then hang up."""
        self.transport.close()


async def open_socket(http: web.BaseRequest, protocol: str) -> web.WebSocketResponse:
    """Answer a WebSocket handshake.

    Raises:
        BadRequestError: it is no proper handshake.
    """
    protocols = (protocol,) if protocol else ()
    socket = web.WebSocketResponse(protocols=protocols, max_msg_size=1 << 25, compress=False)
    try:
        await socket.prepare(http)
    except web.HTTPException as error:
        raise BadRequestError(f"unable to upgrade: {error.text or error.reason}") from error
    return socket


async def messages(socket: web.WebSocketResponse, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Hand every message to *take* until the client closes or is gone."""
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await take(message.data)
        elif message.type is WSMsgType.TEXT:
            await take(message.data.encode())
        else:
            return


@attrs.define(eq=False)
class Channels:
    """Numbered channels in one WebSocket: the first byte (or, in base64, character) is the number.

    Source: k8s.io/apimachinery httpstream/wsstream, kubernetes v1.34.
    """

    socket: web.WebSocketResponse
    is_base64: bool = False
    incoming: dict[int, Pipe] = attrs.field(factory=dict, init=False)
    _room: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def channel(self, number: int) -> Pipe:
        """What comes on a channel; it is empty unless asked for before `run`."""
        return self.incoming.setdefault(number, Pipe(self._room.set))

    async def run(self) -> None:
        """Receive until the client closes or is gone; every channel is at its end then."""
        try:
            await messages(self.socket, self._take)
        finally:
            for pipe in self.incoming.values():
                pipe.close()

    async def send(self, number: int, data: bytes) -> None:
        """Send *data* on a channel; what is sent after the end goes nowhere."""
        if self.socket.closed:
            return
        if self.is_base64:
            await self.socket.send_str(f"{number:x}" + base64.b64encode(data).decode())
        else:
            await self.socket.send_bytes(bytes((number,)) + data)

    async def _take(self, message: bytes) -> None:
        number, data = self._parse(message)
        if number == CLOSE_CHANNEL:
            ended = self.incoming.get(data[0]) if data else None
            if ended is not None:
                ended.close()
            return
        pipe = self.incoming.get(number)
        if pipe is None:
            return
        pipe.put(data)
        while pipe.is_full and not self.socket.closed:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._room.wait()

    def _parse(self, message: bytes) -> tuple[int, bytes]:
        if not message:
            return -1, b""
        if not self.is_base64:
            return message[0], message[1:]
        try:
            return int(message[:1], 16), base64.b64decode(message[1:])
        except (ValueError, binascii.Error):
            return -1, b""

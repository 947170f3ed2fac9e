"""portforward: connections to ports of a pod; over SPDY, SPDY in a WebSocket, or channels.

Source: kubelet cri/streaming/portforward and client-go portforward (tunnel), kubernetes v1.34.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

import attrs
from aiohttp import web

from engine.adapters.http.streams.remote_command import receive
from engine.adapters.http.streams.spdy import SpdyConnection, SpdyStream
from engine.adapters.http.streams.spdy_frames import SpdyError
from engine.adapters.http.streams.upgrade import (
    Channels,
    Hijacked,
    messages,
    negotiate,
    open_socket,
    wants,
)
from engine.apiserver.errors import BadRequestError
from engine.cri.streams import STDOUT, StreamFailure, StreamIO, TerminalSize

Forward = Callable[[int, StreamIO], Awaitable[None]]
"""Joins a stream to a port of the pod."""

_SPDY_PROTOCOLS = ("portforward.k8s.io",)
_TUNNELS = ("SPDY/3.1+portforward.k8s.io", "v2.portforward.k8s.io")
_CHANNELS = (
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "portforward.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
)


async def serve(
    http: web.BaseRequest, *, pod: str, uid: str, forward: Forward
) -> web.StreamResponse:
    """Carry the connections of one client until it is gone.

    Raises:
        BadRequestError: the client does not ask for an upgrade, or a port makes no sense.
        ForbiddenError: it speaks no protocol that we do.
    """
    kind = wants(http)
    if kind == "websocket":
        protocol = negotiate(http, "Sec-WebSocket-Protocol", (*_TUNNELS, *_CHANNELS))
        if protocol in _TUNNELS:
            return await _tunnelled(http, protocol, _Forwarder(pod, uid, forward))
        return await _channels(http, protocol, _Forwarder(pod, uid, forward))
    if kind.startswith("spdy/"):
        protocol = negotiate(http, "X-Stream-Protocol-Version", _SPDY_PROTOCOLS)
        headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
        if protocol:
            headers["X-Stream-Protocol-Version"] = protocol
        hijacked = Hijacked.take(http, headers)
        forwarder = _Forwarder(pod, uid, forward)
        connection = SpdyConnection(
            write=hijacked.write, on_stream=forwarder.on_stream, hold=hijacked.hold
        )
        try:
            await receive(hijacked, connection)
        except (ConnectionError, SpdyError):
            pass
        finally:
            connection.lost()
            await forwarder.stop()
            hijacked.close()
        return web.Response()
    raise BadRequestError("Upgrade request required")


def ports_of(values: Iterable[str]) -> tuple[int, ...]:
    """The ports of a request, each given alone or several with commas.

    Raises:
        BadRequestError: one is no port.
    """
    found = []
    for text in ",".join(values).split(","):
        if not text:
            continue
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 16:
            raise BadRequestError(f'invalid port "{text}": must be between 1 and 65535, inclusive')
        found.append(int(text))
    return tuple(found)


@attrs.define(eq=False)
class _StreamIO:
    """`StreamIO` over one SPDY stream."""

    stream: SpdyStream

    async def read(self) -> bytes:
        return await self.stream.read()

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        del stream
        await self.stream.write(data)

    async def resized(self) -> TerminalSize | None:
        return None


@attrs.define(eq=False)
class _ChannelIO:
    """`StreamIO` over one WebSocket channel."""

    channels: Channels
    number: int

    async def read(self) -> bytes:
        return await self.channels.channel(self.number).read()

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        del stream
        await self.channels.send(self.number, data)

    async def resized(self) -> TerminalSize | None:
        return None


@attrs.define(eq=False)
class _Forwarder:
    """Pairs the streams of a connection to a port, and carries each pair in a task of its own."""

    pod: str
    uid: str
    forward: Forward
    _waiting: dict[str, dict[str, SpdyStream]] = attrs.field(factory=dict, init=False)
    _tasks: dict[int, "asyncio.Task[None]"] = attrs.field(factory=dict, init=False)

    def on_stream(self, stream: SpdyStream) -> None:
        """A data or an error stream; with the other one of its request it makes a connection."""
        request = stream.headers.get("requestid", "") or str((stream.number - 1) // 4)
        pair = self._waiting.setdefault(request, {})
        pair[stream.headers.get("streamtype", "")] = stream
        if "data" in pair and "error" in pair:
            del self._waiting[request]
            self.spawn(self._carry(pair["data"], pair["error"]))

    def spawn(self, work: Awaitable[None]) -> None:
        """Carry one connection."""
        task = asyncio.ensure_future(work)
        self._tasks[id(task)] = task
        task.add_done_callback(lambda done: self._tasks.pop(id(done), None))

    async def stop(self) -> None:
        """End every connection."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def join(self, port: int, io: StreamIO) -> str:
        """Carry one connection; why it failed, or nothing."""
        try:
            await self.forward(port, io)
        except StreamFailure as error:
            return f"error forwarding port {port} to pod {self.pod}, uid {self.uid}: {error}"
        return ""

    async def _carry(self, data: SpdyStream, error: SpdyStream) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                port = ports_of([data.headers.get("port", "")])
                failed = await self.join(port[0], _StreamIO(data)) if port else "no port is given"
            except BadRequestError as refused:
                failed = str(refused)
            if failed:
                await error.write(failed.encode())
            await error.close()
            await data.close()
        for stream in (data, error):
            stream.connection.forget(stream)


async def _tunnelled(
    http: web.BaseRequest, protocol: str, forwarder: _Forwarder
) -> web.StreamResponse:
    """SPDY frames in the binary messages of a WebSocket, as kubectl sends them from 1.31 on."""
    socket = await open_socket(http, protocol)
    room = asyncio.Event()
    room.set()

    def hold(is_held: bool) -> None:  # noqa: FBT001 - a callback
        (room.clear if is_held else room.set)()

    async def take(data: bytes) -> None:
        await connection.feed(data)
        await room.wait()

    async def write(data: bytes) -> None:
        if socket.closed:
            raise ConnectionResetError("the client went away")
        await socket.send_bytes(data)

    connection = SpdyConnection(write=write, on_stream=forwarder.on_stream, hold=hold)
    try:
        await messages(socket, take)
    except (ConnectionError, SpdyError):
        pass
    finally:
        connection.lost()
        await forwarder.stop()
        await socket.close()
    return socket


async def _channels(
    http: web.BaseRequest, protocol: str, forwarder: _Forwarder
) -> web.StreamResponse:
    """Two channels for each port: its bytes, and what goes wrong. Both begin with the port."""
    ports = ports_of(http.query.getall("ports", ()))
    if not ports:
        raise BadRequestError('query parameter "ports" is required')
    socket = await open_socket(http, protocol)
    channels = Channels(socket, is_base64="base64" in protocol)

    async def carry(number: int, port: int) -> None:
        with contextlib.suppress(ConnectionError):
            failed = await forwarder.join(port, _ChannelIO(channels, number))
            if failed:
                await channels.send(number + 1, failed.encode())
            left.pop(number, None)
            if not left:
                await socket.close()

    left = {2 * index: port for index, port in enumerate(ports)}
    try:
        for number, port in left.items():
            channels.channel(number)
            for each in (number, number + 1):
                await channels.send(each, port.to_bytes(2, "little"))
        for number, port in tuple(left.items()):
            forwarder.spawn(carry(number, port))
        await channels.run()
    except ConnectionError:
        pass
    finally:
        await forwarder.stop()
        await socket.close()
    return socket

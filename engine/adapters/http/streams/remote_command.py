"""exec and attach: one process, its streams, and how it ended; over WebSocket or SPDY.

It knows the protocols; which container, and how to reach into it, others know.

Source: k8s.io/apimachinery remotecommand and k8s.io/kubelet cri/streaming, kubernetes v1.34.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import attrs
import orjson
from aiohttp import web

from engine.adapters.http.streams.pipes import Pipe
from engine.adapters.http.streams.spdy import SpdyConnection, SpdyStream
from engine.adapters.http.streams.spdy_frames import SpdyError
from engine.adapters.http.streams.upgrade import (
    Channels,
    Hijacked,
    negotiate,
    open_socket,
    wants,
)
from engine.apiserver.errors import BadRequestError
from engine.cri.streams import STDERR, STDOUT, StreamFailure, StreamIO, StreamOptions, TerminalSize

Run = Callable[[StreamIO], Awaitable[int | None]]
"""What is joined to the streams; its exit code, None if it has none."""

_STDIN, _ERROR, _RESIZE = 0, 3, 4
_SOCKET_PROTOCOLS = (
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
)
_SPDY_PROTOCOLS = (
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
)
_OPENING_SECONDS = 30.0
_CLOSING_SECONDS = 5.0
_MOST_SIZES = 4096


async def serve(http: web.BaseRequest, options: StreamOptions, run: Run) -> web.StreamResponse:
    """Carry one exec or attach to its end.

    Raises:
        BadRequestError: the client does not ask for an upgrade.
        ForbiddenError: it speaks no protocol that we do.
    """
    kind = wants(http)
    if kind == "websocket":
        return await _over_websocket(http, options, run)
    if kind.startswith("spdy/"):
        return await _over_spdy(http, options, run)
    raise BadRequestError("Upgrade request required")


def outcome(code: int | None, failure: StreamFailure | None, command: Sequence[str]) -> Any:
    """How it ended, as a metav1.Status in wire form."""
    if failure is not None:
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"Internal error occurred: {failure}",
            "reason": "InternalError",
            "details": {"causes": [{"message": str(failure)}]},
            "code": 500,
        }
    if not code:
        return {"metadata": {}, "status": "Success"}
    words = " ".join(command)
    return {
        "metadata": {},
        "status": "Failure",
        "message": "command terminated with non-zero exit code: error executing command "
        f"[{words}], exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


@attrs.define(eq=False)
class _Sizes:
    """Terminal sizes out of a stream of JSON documents, which pieces may cut anywhere."""

    incoming: Pipe | SpdyStream | None
    _text: str = attrs.field(default="", init=False)
    _found: Iterator[TerminalSize] = attrs.field(factory=lambda: iter(()), init=False)

    async def next(self) -> TerminalSize | None:
        """The next size; None at the end."""
        while True:
            size = next(self._found, None)
            if size is not None:
                return size
            piece = await self.incoming.read() if self.incoming is not None else b""
            if not piece:
                return None
            self._text = (self._text + piece.decode(errors="replace"))[-_MOST_SIZES:]
            self._found = iter(self._parse())

    def _parse(self) -> list[TerminalSize]:
        found: list[TerminalSize] = []
        decoder = json.JSONDecoder()
        while self._text.strip():
            try:
                value, end = decoder.raw_decode(self._text.lstrip())
            except ValueError:
                break
            self._text = self._text.lstrip()[end:]
            if isinstance(value, dict):
                width: Any = value.get("Width")
                height: Any = value.get("Height")
                if _is_size(width) and _is_size(height):
                    found.append(TerminalSize(width=width, height=height))
        return found


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 16


async def _until_gone(run: Awaitable[int | None], gone: Awaitable[object]) -> int | None:
    """The result of *run*; cancelled as soon as *gone* is over, which means that the client is."""
    running = asyncio.ensure_future(run)
    watching = asyncio.ensure_future(gone)
    try:
        await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise ConnectionResetError("the client went away")
        return running.result()
    finally:
        for task in (running, watching):
            task.cancel()
        await asyncio.gather(running, watching, return_exceptions=True)


# --- WebSocket ---


@attrs.define(eq=False)
class _ChannelIO:
    """`StreamIO` over WebSocket channels."""

    channels: Channels
    sizes: _Sizes

    async def read(self) -> bytes:
        return await self.channels.channel(_STDIN).read()

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        await self.channels.send(stream, data)

    async def resized(self) -> TerminalSize | None:
        return await self.sizes.next()


async def _over_websocket(
    http: web.BaseRequest, options: StreamOptions, run: Run
) -> web.StreamResponse:
    protocol = negotiate(http, "Sec-WebSocket-Protocol", _SOCKET_PROTOCOLS)
    socket = await open_socket(http, protocol)
    channels = Channels(socket, is_base64="base64" in protocol)
    stdin = channels.channel(_STDIN)
    if not options.stdin:
        stdin.close()
    io = _ChannelIO(channels, _Sizes(channels.channel(_RESIZE)))
    first = STDOUT if options.stdout else STDERR if options.stderr else _ERROR
    await channels.send(first, b"")  # the client knows now that it is connected
    code, failure = None, None
    try:
        code = await _until_gone(run(io), channels.run())
    except StreamFailure as error:
        failure = error
    except ConnectionError:
        return socket
    status = outcome(code, failure, options.command)
    if protocol.startswith(("v4.", "v5.")):
        await channels.send(_ERROR, orjson.dumps(status))
    elif status["status"] != "Success":
        await channels.send(_ERROR, str(status["message"]).encode())
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await socket.close()
    return socket


# --- SPDY ---


@attrs.define(eq=False)
class _SpdyIO:
    """`StreamIO` over the streams of a SPDY connection."""

    streams: dict[str, SpdyStream]
    sizes: _Sizes

    async def read(self) -> bytes:
        stdin = self.streams.get("stdin")
        return await stdin.read() if stdin is not None else b""

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        target = self.streams.get("stdout" if stream == STDOUT else "stderr")
        if target is not None:
            await target.write(data)

    async def resized(self) -> TerminalSize | None:
        return await self.sizes.next()


def _expected(options: StreamOptions, protocol: str) -> set[str]:
    """The streams that the client is going to open."""
    wanted = {"error": True, "stdin": options.stdin, "stdout": options.stdout}
    wanted["stderr"] = options.stderr and not options.tty
    wanted["resize"] = options.tty and protocol.startswith(("v3.", "v4."))
    return {name for name, is_wanted in wanted.items() if is_wanted}


async def _over_spdy(http: web.BaseRequest, options: StreamOptions, run: Run) -> web.StreamResponse:
    protocol = negotiate(http, "X-Stream-Protocol-Version", _SPDY_PROTOCOLS)
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    if protocol:
        headers["X-Stream-Protocol-Version"] = protocol
    hijacked = Hijacked.take(http, headers)
    streams: dict[str, SpdyStream] = {}
    expected, complete = _expected(options, protocol), asyncio.Event()

    def on_stream(stream: SpdyStream) -> None:
        streams.setdefault(stream.headers.get("streamtype", ""), stream)
        if expected <= streams.keys():
            complete.set()

    connection = SpdyConnection(write=hijacked.write, on_stream=on_stream, hold=hijacked.hold)

    async def talk() -> int | None:
        async with asyncio.timeout(_OPENING_SECONDS):
            await complete.wait()
        return await run(_SpdyIO(streams, _Sizes(streams.get("resize"))))

    try:
        failure, code = None, None
        try:
            code = await _until_gone(talk(), receive(hijacked, connection))
        except StreamFailure as error:
            failure = error
        status = outcome(code, failure, options.command)
        if protocol.startswith("v4."):
            await streams["error"].write(orjson.dumps(status))
        elif status["status"] != "Success":
            await streams["error"].write(str(status["message"]).encode())
        for stream in streams.values():
            await stream.close()
        # The client hangs up once it has read everything; until then its pings are answered.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await receive(hijacked, connection)
    except (ConnectionError, SpdyError, TimeoutError):
        pass  # the client is gone, does not speak SPDY, or never opened its streams
    finally:
        connection.lost()
        hijacked.close()
    return web.Response()


async def receive(hijacked: Hijacked, connection: SpdyConnection) -> None:
    """Feed what comes into *connection* until the client is gone.

    Raises:
        SpdyError: it does not speak SPDY.
    """
    try:
        while data := await hijacked.incoming.read():
            await connection.feed(data)
    finally:
        connection.relieved()

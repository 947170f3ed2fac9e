"""A SPDY/3.1 connection from the server's side: streams that the client opens, read and written.

It knows nothing of what carries it: a hijacked HTTP connection, or a WebSocket as a tunnel.
"""

from collections.abc import Awaitable, Callable, Mapping

import attrs

from engine.adapters.http.streams.pipes import Pipe
from engine.adapters.http.streams.spdy_frames import (
    Data,
    FrameReader,
    FrameWriter,
    GoAway,
    Ping,
    Reset,
    SpdyError,
    SynReply,
    SynStream,
)

_MOST_STREAMS = 4096
_PIECE = 1 << 16


@attrs.define(eq=False)
class SpdyStream:
    """One stream. Reading ends when the client has closed its half."""

    connection: "SpdyConnection"
    number: int
    headers: Mapping[str, str]
    incoming: Pipe = attrs.field(init=False)
    is_closed: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.incoming = Pipe(self.connection.relieved)

    async def read(self) -> bytes:
        """The next piece; empty at the end."""
        return await self.incoming.read()

    async def write(self, data: bytes) -> None:
        """Send *data*; what is written after the end goes nowhere."""
        for at in range(0, len(data), _PIECE):
            if self.is_closed:
                return
            piece = data[at : at + _PIECE]
            await self.connection.send(Data(stream=self.number, data=piece))

    async def close(self) -> None:
        """Say no more on it. Closing twice is once."""
        if not self.is_closed:
            self.is_closed = True
            await self.connection.send(Data(stream=self.number, data=b"", is_last=True))

    async def reset(self) -> None:
        """End it in both directions."""
        self.incoming.close()
        if not self.is_closed:
            self.is_closed = True
            await self.connection.send(Reset(stream=self.number))


@attrs.define(eq=False, kw_only=True)
class SpdyConnection:
    """All streams of one connection.

    *write* sends bytes and waits for room; *on_stream* hears of a new stream; *hold* is told to
    stop and to go on receiving, as the connection has no flow control of its own.

    Promises:
        * frames of one stream are sent in the order they were written;
        * what cannot be read ends the connection with `SpdyError` and closes every stream.
    """

    write: Callable[[bytes], Awaitable[None]]
    on_stream: Callable[[SpdyStream], None]
    hold: Callable[[bool], object] = lambda _: None
    streams: dict[int, SpdyStream] = attrs.field(factory=dict, init=False)
    _reader: FrameReader = attrs.field(factory=FrameReader, init=False)
    _writer: FrameWriter = attrs.field(factory=FrameWriter, init=False)
    _is_held: bool = attrs.field(default=False, init=False)

    async def send(self, frame: Data | SynReply | Reset | Ping | GoAway) -> None:
        """Send one frame."""
        await self.write(self._writer.encode(frame))

    async def feed(self, data: bytes) -> None:
        """Take what has come.

        Raises:
            SpdyError: that is no SPDY; every stream is closed.
        """
        try:
            for frame in self._reader.feed(data):
                await self._take(frame)
        except SpdyError:
            self.lost()
            raise

    def lost(self) -> None:
        """The connection is gone: every stream is at its end."""
        for stream in self.streams.values():
            stream.is_closed = True
            stream.incoming.close()

    def forget(self, stream: SpdyStream) -> None:
        """Nobody reads *stream* any more."""
        stream.incoming.close()
        self.streams.pop(stream.number, None)
        self.relieved()

    def relieved(self) -> None:
        """Something that had piled up was read: go on receiving if nothing else has."""
        if self._is_held and not any(stream.incoming.is_full for stream in self.streams.values()):
            self._is_held = False
            self.hold(False)  # noqa: FBT003 - a callback

    async def _take(self, frame: object) -> None:
        match frame:
            case SynStream():
                await self._open(frame)
            case Data():
                self._received(frame)
            case Reset():
                stream = self.streams.pop(frame.stream, None)
                if stream is not None:
                    stream.is_closed = True
                    stream.incoming.close()
            case Ping():
                if frame.number % 2:  # the client's own; an even one would answer one of ours
                    await self.send(frame)

    async def _open(self, frame: SynStream) -> None:
        if frame.stream in self.streams or not frame.stream % 2:
            raise SpdyError(f"SPDY stream {frame.stream} cannot be opened")
        if len(self.streams) >= _MOST_STREAMS:
            await self.send(Reset(stream=frame.stream, status=3))
            return
        stream = SpdyStream(self, frame.stream, frame.headers)
        self.streams[frame.stream] = stream
        if frame.is_last:
            stream.incoming.close()
        await self.send(SynReply(stream=frame.stream))
        self.on_stream(stream)

    def _received(self, frame: Data) -> None:
        stream = self.streams.get(frame.stream)
        if stream is None:
            return  # it has just been closed here
        stream.incoming.put(frame.data)
        if frame.is_last:
            stream.incoming.close()
        if stream.incoming.is_full and not self._is_held:
            self._is_held = True
            self.hold(True)  # noqa: FBT003 - a callback

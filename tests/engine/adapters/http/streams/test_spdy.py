"""A SPDY connection: streams that open, flow and close in each direction."""

import pytest

from engine.adapters.http.streams.spdy import SpdyConnection, SpdyStream
from engine.adapters.http.streams.spdy_frames import (
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    Ping,
    Reset,
    SpdyError,
    SynReply,
    SynStream,
)


class Client:
    """The other side: what it sends, and what it has received."""

    def __init__(self) -> None:
        self.opened: list[SpdyStream] = []
        self.held: list[bool] = []
        self._sent, self._received, self._raw = FrameWriter(), FrameReader(), b""
        self.server = SpdyConnection(
            write=self._write, on_stream=self.opened.append, hold=self.held.append
        )

    async def send(self, *frames: Frame) -> None:
        """Send frames."""
        for frame in frames:
            await self.server.feed(self._sent.encode(frame))

    def received(self) -> list[Frame]:
        """What has come since the last look."""
        raw, self._raw = self._raw, b""
        return list(self._received.feed(raw))

    async def _write(self, data: bytes) -> None:
        self._raw += data


async def test_a_stream_is_accepted_read_and_answered() -> None:
    """Bytes go both ways, and each half closes by itself."""
    client = Client()

    await client.send(
        SynStream(stream=1, headers={"streamType": "stdin"}),
        Data(stream=1, data=b"hello", is_last=True),
    )
    (stream,) = client.opened
    read = [await stream.read(), await stream.read()]
    await stream.write(b"world")
    await stream.close()

    assert stream.headers == {"streamtype": "stdin"}
    assert read == [b"hello", b""]
    assert client.received() == [
        SynReply(stream=1),
        Data(stream=1, data=b"world"),
        Data(stream=1, data=b"", is_last=True),
    ]


async def test_a_ping_comes_back() -> None:
    """Clients end connections whose pings are not answered."""
    client = Client()

    await client.send(Ping(number=7))

    assert client.received() == [Ping(number=7)]


async def test_a_reset_ends_reading_and_writing() -> None:
    """What is written afterwards goes nowhere."""
    client = Client()

    await client.send(SynStream(stream=1, headers={}), Reset(stream=1))
    (stream,) = client.opened
    await stream.write(b"late")

    assert await stream.read() == b""
    assert client.received() == [SynReply(stream=1)]


async def test_a_sender_that_is_not_read_is_held_back() -> None:
    """Until what has piled up is read."""
    client = Client()

    await client.send(SynStream(stream=1, headers={}))
    await client.send(*(Data(stream=1, data=b"x" * 2**19) for _ in range(3)))
    held = list(client.held)
    for _ in range(3):
        await client.opened[0].read()

    assert held == [True]
    assert client.held == [True, False]


@pytest.mark.parametrize("number", [2, 1], ids=["the server's own number", "twice"])
async def test_a_stream_that_must_not_be_ends_the_connection(number: int) -> None:
    """And with it every stream."""
    client = Client()
    await client.send(SynStream(stream=1, headers={}))

    with pytest.raises(SpdyError):
        await client.send(SynStream(stream=number, headers={}))

    assert await client.opened[0].read() == b""

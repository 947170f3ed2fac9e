"""Whole answers over kept connections: framing, what breaks, what is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.adapters.podman.http import Answer, Connections, HttpBroken, Reader

FRAMED = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello",
}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(folder: Path, serve: Serve):  # type: ignore[no-untyped-def]  # a fixture's shape
    """Connections to a server that handles each of them with *serve*."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(handle, str(folder / "s"))
    connections = Connections(f"unix://{folder}/s")
    async with server:
        yield connections
        connections.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize("stream", FRAMED.values(), ids=FRAMED)
def test_an_answer_may_be_cut_anywhere(stream: bytes) -> None:
    """Byte by byte or at once: the answer is whole with its last byte, and not before."""
    reader = Reader()
    early = [reader.feed(stream[at : at + 1]) for at in range(len(stream) - 1)]

    assert set(early) == {None}
    assert reader.feed(stream[-1:]) == Answer(status=200, body=b"hello")
    assert Reader().feed(stream) == Answer(status=200, body=b"hello")


def test_an_answer_without_a_body_is_whole_with_its_head() -> None:
    """204 and 304 have no body, whatever is said of one."""
    assert Reader().feed(b"HTTP/1.1 304 Not Modified\r\n\r\n") == Answer(status=304, body=b"")


def test_what_is_no_http_is_refused() -> None:
    """Somebody else listens there."""
    with pytest.raises(HttpBroken, match="not an answer"):
        Reader().feed(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def test_a_connection_is_used_again(tmp_path: Path) -> None:
    """Two requests, one after the other, take one connection."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(b"connected")
        for _ in range(2):
            seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
            writer.write(FRAMED["length"])

    async with served(tmp_path, serve) as connections:
        await connections.ask("GET", "/one", None, seconds=30.0)
        await connections.ask("GET", "/two", None, seconds=30.0)

    assert seen == [b"connected", b"GET /one HTTP/1.1", b"GET /two HTTP/1.1"]


async def test_a_server_that_goes_away_is_an_error(tmp_path: Path) -> None:
    """Who waits for an answer is told that there will be none."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")

    async with served(tmp_path, serve) as connections:
        with pytest.raises(HttpBroken):
            await connections.ask("GET", "/", None, seconds=30.0)


async def test_closing_tells_who_waits(tmp_path: Path) -> None:
    """A server that never answers holds nobody up once the connections are closed."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with served(tmp_path, serve) as connections:
        waiting = asyncio.create_task(connections.ask("GET", "/", None, seconds=600.0))
        await asked.wait()
        connections.close()
        with pytest.raises(HttpBroken):
            await waiting


def test_the_beginning_of_a_long_answer_may_be_enough() -> None:
    """A body without end is not waited for."""
    reader = Reader(enough=4)
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\n") is None

    assert reader.feed(b"forever and ever") == Answer(status=200, body=b"fore")
    assert not reader.keeps

"""The load generator against small servers on this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.adapters.load_generator import Address, LoadGenerator
from engine.load.profile import Profile

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[Address]:
    """A server that gives *answer* to each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                if b"close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Address(name="here", host="127.0.0.1", port=listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        await listening.wait_closed()


async def _run(*addresses: Address, rate: float = 200.0, seconds: float = 0.5) -> LoadGenerator:
    generator = LoadGenerator(
        profile=Profile(rate=rate, duration=seconds), addresses=addresses, timeout=1.0
    )
    await generator.run()
    return generator


async def test_as_many_requests_are_sent_as_are_due() -> None:
    """Each is answered and counted once."""
    async with server(OK) as address:
        generator = await _run(address)

    assert generator.stats.all.histogram.total == 100
    assert generator.stats.all.failed == 0


async def test_an_error_status_is_an_error() -> None:
    """Answers of 400 and more are counted by status, their latency too."""
    async with server(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as address:
        generator = await _run(address)

    assert generator.stats.all.errors == {"HTTP 503": 100}


async def test_who_refuses_is_told_apart_from_who_answers() -> None:
    """Two addresses, one of them dead: its requests fail by name, the other's do not."""
    async with server(OK) as address:
        dead = Address(name="dead", host="127.0.0.1", port=1)
        generator = await _run(address, dead)

    assert generator.stats.endpoints["here"].failed == 0
    assert set(generator.stats.endpoints["dead"].errors) == {"connection refused"}


async def test_servers_that_close_and_bodies_in_chunks_are_understood() -> None:
    """A connection that is closed after each answer, and a body without a length."""
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    for answer in (closing, chunked):
        async with server(answer) as address:
            generator = await _run(address, rate=100.0)

        assert generator.stats.all.histogram.total == 50
        assert generator.stats.all.failed == 0


async def test_without_a_rate_connections_ask_again_at_once() -> None:
    """As many requests as go."""
    async with server(OK) as address:
        generator = LoadGenerator(profile=Profile(rate=0.0, duration=600.0), addresses=(address,))
        running = asyncio.create_task(generator.run())
        while generator.stats.all.histogram.total < 160:  # noqa: ASYNC110 - five rounds of all
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

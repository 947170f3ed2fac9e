"""How long requests and silent connections may last."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.http.app import HttpServer
from engine.adapters.http.deadlines import request_seconds
from engine.adapters.http.limits import Limits
from engine.adapters.pki import load_identity, server_context
from engine.apiserver.errors import BadRequestError
from engine.apiserver.server import ApiServer
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("", 60.0), ("10s", 10.0), ("1m30s", 60.0), ("500ms", 0.5), ("0", 60.0), ("1.5s", 1.5)],
)
def test_a_request_may_ask_for_less_time(given: str, seconds: float) -> None:
    """What it asks for counts up to what the server allows."""
    assert request_seconds({"timeout": given} if given else {}, Limits()) == seconds


@pytest.mark.parametrize("given", ["10", "x", "-1s", "1s2", "9" * 400 + "s"])
def test_a_timeout_that_is_no_duration_is_refused(given: str) -> None:
    """The words are those of kube-apiserver."""
    with pytest.raises(BadRequestError, match="invalid timeout specified in the request URL"):
        request_seconds({"timeout": given}, Limits())


async def test_a_connection_that_says_half_a_request_is_closed() -> None:
    """Nobody keeps a connection who never asks."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop)
    server = ApiServer(loop, store, RandomStreams(3))
    limits = Limits(head_time=0.04)
    http = HttpServer(cluster=server, journal=Journal(loop), store=store, limits=limits)
    await http.start("127.0.0.1", 0)

    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        writer.write(b"GET /api HTTP/1.1\r\nHo")
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    await http.stop()

    assert rest == b""


async def test_a_connection_that_never_finishes_its_handshake_is_closed(tmp_path: Path) -> None:
    """Whoever begins TLS and goes no further keeps no connection either."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop)
    now = time.time()
    http = HttpServer(
        cluster=ApiServer(loop, store, RandomStreams(3)),
        journal=Journal(loop),
        store=store,
        ssl_context=server_context(load_identity(tmp_path, now=now), ("127.0.0.1",), now=now),
        limits=Limits(handshake_time=0.05),
    )
    await http.start("127.0.0.1", 0)

    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
    await http.stop()

    assert reader.at_eof() or reader.exception() is not None

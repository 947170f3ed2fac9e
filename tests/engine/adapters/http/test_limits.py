"""A client that asks too much, too slowly or too largely harms nobody else."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from engine.adapters.http.app import HttpServer
from engine.adapters.http.compression import accepts_gzip
from engine.adapters.http.limits import InFlight, Limits
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.errors import TooManyRequestsError
from engine.apiserver.keys import index_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
ALICE = UserInfo(name="alice", groups=("system:authenticated",))
ADMIN = UserInfo(name="admin", groups=("system:masters", "system:authenticated"))

Serve = Callable[[Limits], Awaitable[HttpServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers with limits of the test's choice; their clients are administrators."""
    started: list[HttpServer] = []

    async def start(limits: Limits) -> HttpServer:
        loop = Loop(now=1_700_000_000.0)
        store: Store[Any] = Store(loop, index_of=index_of)
        server = ApiServer(loop, store, RandomStreams(3))
        namespace = Namespace(metadata=ObjectMeta(name="default"))
        server.create(namespace, request=RequestInfo(user="tests"))
        http = HttpServer(cluster=server, journal=Journal(loop), store=store, limits=limits)
        await http.start("127.0.0.1", 0)
        started.append(http)
        return http

    yield start
    for http in started:
        await http.stop()


def test_a_full_server_refuses_all_but_superusers() -> None:
    """The place beyond the last is refused with a time to try again; administrators get in."""
    places = InFlight(Limits(reading=1, mutating=1))

    with places.request("GET", ALICE):
        with pytest.raises(TooManyRequestsError) as refused, places.request("GET", ALICE):
            pass
        with places.request("POST", ALICE), places.request("GET", ADMIN):
            assert (places.reading, places.mutating) == (2, 1)

    assert refused.value.details == {"retryAfterSeconds": 1}
    assert (places.reading, places.mutating, places.refused) == (0, 0, 1)


def test_watches_have_a_bound_of_their_own() -> None:
    """Too many watches are refused without taking the places of requests."""
    places = InFlight(Limits(watches=1))

    with places.watch(ALICE), pytest.raises(TooManyRequestsError), places.watch(ALICE):
        pass

    assert places.watching == 0


async def test_half_a_body_is_given_up(serve: Serve) -> None:
    """A body that does not come in time is answered with a timeout, and its place is free."""
    http = await serve(Limits(request_time=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    head = f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{"
    writer.write(head.encode())

    line = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert b"504" in line


async def test_a_huge_body_is_refused_unread(serve: Serve) -> None:
    """A body larger than allowed is refused by its announced length."""
    http = await serve(Limits())
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    head = f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    writer.write(head.encode())

    line = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert b"413" in line


async def test_half_a_request_is_hung_up_on(serve: Serve) -> None:
    """A connection whose request does not go on is closed."""
    http = await serve(Limits(idle_time=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    writer.write(b"GET /version HT")

    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer == b""


async def test_long_answers_are_compressed_for_who_takes_it(serve: Serve) -> None:
    """A long list comes gzipped if the client says so, and is the same list."""
    http = await serve(Limits())
    base = f"http://127.0.0.1:{http.port}{CONFIG_MAPS}"
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "long"},
        "data": {"text": "kubarium " * 30_000},
    }
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        async with client.post(base, json=body) as created:
            assert created.status == 201
        async with client.get(base, headers={"Accept-Encoding": "gzip"}) as packed:
            encoding, small = packed.headers.get("Content-Encoding"), await packed.read()
        async with client.get(base, headers={"Accept-Encoding": "identity"}) as plain:
            large = await plain.read()

    assert encoding == "gzip"
    assert len(small) < len(large) / 10
    assert json.loads(gzip.decompress(small)) == json.loads(large)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_sent_to_who_takes_it(header: str, wanted: bool) -> None:
    """Accept-Encoding is read as HTTP defines it."""
    assert accepts_gzip(header) is wanted


async def test_metrics_count_requests_and_objects(serve: Serve) -> None:
    """A scrape shows what was asked, with which answer, and what is stored."""
    http = await serve(Limits())
    base = f"http://127.0.0.1:{http.port}"
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{base}{CONFIG_MAPS}/none") as missing:
            assert missing.status == 404
        async with client.get(f"{base}/metrics") as scraped:
            text, kind = await scraped.text(), scraped.content_type

    labels = 'version="v1"'
    lines = [line for line in text.splitlines() if line.startswith("apiserver_request_total{")]
    assert kind == "text/plain"
    assert any('code="404"' in line and labels in line for line in lines)
    assert 'apiserver_storage_objects{resource="namespaces"} 1.0' in text
    assert "process_cpu_seconds_total" in text

"""Clients that send nonsense, too much, too slowly or never read: another client's work goes on."""

import asyncio
import contextlib
import io
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest

from tests.e2e.served import Served
from tui.kubeconfig import ServerAccess, read_kubeconfig

pytestmark = pytest.mark.kubectl

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PATIENCE = 5.0
"""Seconds in which a well-behaved client is answered, whatever the others do."""


@attrs.frozen
class Cluster:
    """A served cluster and its address."""

    access: ServerAccess
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        where = urlsplit(self.access.server)
        return str(where.hostname), int(where.port or 443)

    @property
    def tls(self) -> ssl.SSLContext:
        """The administrator's TLS."""
        context = self.access.tls()
        assert isinstance(context, ssl.SSLContext)
        return context

    def megabytes(self) -> float:
        """What of the server is in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection on which anything may be sent."""
        return await asyncio.open_connection(*self.address, ssl=self.tls)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster that all of them annoy."""
    served = Served.start(tmp_path_factory.mktemp("hostile"), "--nodes", "1", runtime="simulated")
    yield Cluster(read_kubeconfig(served.folder / "kubeconfig"), served.process.pid)
    errors = served.stop()
    traces = errors.count("Traceback")
    assert traces == 0, errors[:5000]


@pytest.fixture
async def session(cluster: Cluster) -> AsyncIterator[aiohttp.ClientSession]:
    """The well-behaved client."""
    connector = aiohttp.TCPConnector(ssl=cluster.tls)
    async with aiohttp.ClientSession(cluster.access.server, connector=connector) as session:
        yield session


async def create(session: aiohttp.ClientSession, name: str, **data: str) -> int:
    """Create a ConfigMap; the status."""
    body = {"metadata": {"name": name}, "data": data}
    async with session.post(CONFIG_MAPS, json=body) as answer:
        await answer.read()
        return answer.status


async def assert_works(session: aiohttp.ClientSession, name: str) -> None:
    """An object can be made, seen and deleted in bounded time."""
    async with asyncio.timeout(PATIENCE):
        assert await create(session, name) == 201
        async with session.get(f"{CONFIG_MAPS}/{name}") as answer:
            assert (await answer.json())["metadata"]["name"] == name
        async with session.delete(f"{CONFIG_MAPS}/{name}") as answer:
            assert answer.status == 200


async def close(writers: list[asyncio.StreamWriter]) -> None:
    """Close connections without a word."""
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def test_a_watch_that_is_never_read(cluster: Cluster, session: aiohttp.ClientSession) -> None:
    """Forty megabytes of events wait in nobody's memory; others are told at once."""
    _, lazy = await cluster.connect()
    lazy.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport reads
    lazy.write(f"GET {CONFIG_MAPS}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await create(session, "busy")
    numbers = iter(range(10_000))

    async def write() -> None:
        for number in numbers:
            patch = {"data": {"n": str(number), "filling": "x" * 4000}}
            form = {"Content-Type": "application/merge-patch+json"}
            path = f"{CONFIG_MAPS}/busy"
            async with session.patch(path, data=json.dumps(patch), headers=form) as answer:
                assert answer.status == 200
                await answer.read()

    before = cluster.megabytes()
    await asyncio.gather(*(write() for _ in range(32)))
    after = cluster.megabytes()
    await assert_works(session, "beside-a-lazy-watch")
    await close([lazy])

    # The history of ten thousand revisions is kept; a copy for a reader of each line is not.
    assert after - before < 10_000 * 4_500 / 2**20 * 2 + 60


GARBAGE = (
    b"\x00\xff" * 500,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"",
)


async def test_garbage_where_tls_is_expected(
    cluster: Cluster, session: aiohttp.ClientSession
) -> None:
    """Plain HTTP, noise, half a handshake and silence: connections that cost nobody anything."""
    writers = []
    for _ in range(50):
        for noise in GARBAGE:
            _, writer = await asyncio.open_connection(*cluster.address)
            writer.write(noise)
            writers.append(writer)

    await assert_works(session, "beside-garbage")
    await close(writers)


async def test_half_requests_and_slow_bodies(
    cluster: Cluster, session: aiohttp.ClientSession
) -> None:
    """Three hundred clients that say half of what they want take no place from others."""
    writers = []
    for number in range(300):
        _, writer = await cluster.connect()
        if number % 2:
            writer.write(f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Le".encode())
        else:
            head = f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{"
            writer.write(head.encode())
        writers.append(writer)

    await assert_works(session, "beside-slow-bodies")
    await close(writers)


async def test_a_body_of_a_hundred_megabytes(
    cluster: Cluster, session: aiohttp.ClientSession
) -> None:
    """It is refused before it is read, with or without a length."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 2**20

    before = cluster.megabytes()
    codes = []
    for body in (io.BytesIO(b"x" * (100 * 2**20)), endless()):
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with session.post(CONFIG_MAPS, data=body) as answer:
                codes.append(answer.status)

    await assert_works(session, "beside-a-large-body")
    assert all(code == 413 for code in codes), codes
    assert cluster.megabytes() - before < 50


DEEP = 100_000
BOMB = "a: &a [x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
)
NASTY: dict[str, tuple[str, bytes]] = {
    "deep JSON": ("application/json", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep lists": ("application/json", b"[" * DEEP + b"]" * DEEP),
    "deep YAML": ("application/yaml", b"[" * DEEP + b"]" * DEEP),
    "a YAML bomb": ("application/yaml", BOMB.encode()),
    "no protobuf": ("application/vnd.kubernetes.protobuf", b"k8s\x00" + b"\xff" * 10_000),
}


@pytest.mark.parametrize("case", NASTY)
async def test_documents_that_explode(session: aiohttp.ClientSession, case: str) -> None:
    """They are refused soon, in words, and whoever asks meanwhile is answered."""
    form, body = NASTY[case]
    headers = {"Content-Type": form}
    began = time.monotonic()
    asking = asyncio.gather(*(session.post(CONFIG_MAPS, data=body, headers=headers) for _ in "ab"))
    await assert_works(session, "beside-a-bomb")
    answers: list[Any] = await asking
    codes = [answer.status for answer in answers]
    for answer in answers:
        answer.release()

    assert codes == [400, 400]
    assert time.monotonic() - began < 2 * PATIENCE


async def test_five_thousand_connections(cluster: Cluster, session: aiohttp.ClientSession) -> None:
    """Open connections that ask nothing keep nobody out."""
    writers = []
    with contextlib.suppress(OSError):
        for _ in range(5_000):
            _, writer = await asyncio.open_connection(*cluster.address)
            writers.append(writer)

    await assert_works(session, "beside-five-thousand")
    count = len(writers)
    await close(writers)

    assert count > 500

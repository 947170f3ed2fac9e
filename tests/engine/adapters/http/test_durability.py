"""Nothing leaves over HTTP before it is on disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import attrs
import orjson

from engine.adapters.http.app import HttpServer
from engine.adapters.http.encoding import Encoder
from engine.adapters.http.request import ApiRequest
from engine.adapters.http.routes import parse_target
from engine.adapters.http.watching import WatchStream
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.kv import Change
from engine.store.log import Recovered
from engine.store.watchable_store import Store


@attrs.define(eq=False)
class SlowLog:
    """A change log whose disk answers when the test says so."""

    tell: Callable[[int], object] = print
    appended: int = 1
    place: str = "a slow disk"
    has_commit: asyncio.Event = attrs.field(factory=asyncio.Event)

    def load(self) -> Recovered[Any]:
        """Nothing was kept."""
        return Recovered(revision=1, compact_revision=0, changes=(), leases={})

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Remember whom to tell."""
        self.tell = on_durable

    def append(self, changes: Sequence[Change[Any]]) -> None:
        """Take a commit; it is not on disk yet."""
        self.appended = changes[-1].revision
        self.has_commit.set()

    def catch_up(self) -> None:
        """The disk has it all."""
        self.has_commit.clear()
        self.tell(self.appended)

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Not used here."""

    def grant(self, lease_id: int, ttl: float) -> None:
        """Not used here."""

    def revoke(self, lease_id: int) -> None:
        """Not used here."""

    def after(self, callback: Callable[[], object]) -> None:
        """Not used here."""

    def suspend(self) -> None:
        """Nothing is open."""

    def resume(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


@attrs.define(eq=False)
class Written:
    """An answer that remembers which objects were sent."""

    names: list[str] = attrs.field(factory=list)
    has_all: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def write(self, data: bytes) -> None:
        """Take some lines."""
        self.names += [orjson.loads(line)["object"]["metadata"]["name"] for line in data.split()]
        if len(self.names) >= 6:
            self.has_all.set()


async def test_an_answer_waits_for_the_disk() -> None:
    """A client that has its answer can count on it, whatever happens to us."""
    loop, log = Loop(now=1_700_000_000.0), SlowLog()
    store: Store[Any] = Store(loop, log)
    server = ApiServer(loop, store, RandomStreams(1))
    server.create(Namespace(metadata=ObjectMeta(name="a")), request=RequestInfo(user="t"))
    log.catch_up()
    http = HttpServer(cluster=server, journal=Journal(loop), store=store)
    await http.start("127.0.0.1", 0)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}

    async with aiohttp.ClientSession() as client:
        url = f"http://127.0.0.1:{http.port}/api/v1/namespaces"
        asking = asyncio.ensure_future(client.post(url, json=body))
        await log.has_commit.wait()
        await asyncio.sleep(0)
        was_early = asking.done()
        log.catch_up()
        answer = await asking
        answer.release()
    await http.stop()

    assert not was_early
    assert answer.status == 201


async def test_a_full_disk_stops_writes_and_not_reads() -> None:
    """What is on disk is shown, what waits for it is not, and a write hears why at once."""
    loop, log = Loop(now=1_700_000_000.0), SlowLog()
    store: Store[Any] = Store(loop, log)
    server = ApiServer(loop, store, RandomStreams(1))
    server.create(Namespace(metadata=ObjectMeta(name="kept")), request=RequestInfo(user="t"))
    log.catch_up()
    server.create(Namespace(metadata=ObjectMeta(name="waiting")), request=RequestInfo(user="t"))
    store.set_alarm("no space left")
    http = HttpServer(cluster=server, journal=Journal(loop), store=store)
    await http.start("127.0.0.1", 0)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}

    async with asyncio.timeout(20), aiohttp.ClientSession() as client:
        url = f"http://127.0.0.1:{http.port}/api/v1/namespaces"
        async with client.get(url) as answer:
            found = [item["metadata"]["name"] for item in (await answer.json())["items"]]
        async with client.get(f"{url}/waiting") as answer:
            waiting = answer.status
        async with client.post(url, json=body) as answer:
            refused = (answer.status, (await answer.json())["message"])
    await http.stop()

    assert (found, waiting) == (["kept"], 404)
    assert refused == (503, "the store is read-only: no space left")


async def test_a_slow_reader_is_held_back_and_catches_up() -> None:
    """The store keeps what it has not read; nothing is lost and nobody else waits."""
    loop, resumed = Loop(now=1_700_000_000.0), []
    server = ApiServer(loop, Store(loop), RandomStreams(1))
    who = RequestInfo(user="t")
    target = parse_target("/api/v1/configmaps", server.scheme)
    assert target is not None
    request = ApiRequest(method="GET", target=target, query={"watch": "1"})
    stream = WatchStream(request, server, Encoder())
    stream.open()
    server.create(Namespace(metadata=ObjectMeta(name="default")), request=who)
    big = FrozenDict({"blob": "x" * 400_000})
    for number in range(6):
        meta = ObjectMeta(name=f"big-{number}", namespace="default")
        server.create(ConfigMap(metadata=meta, data=big), request=who)
    assert stream.handle is not None
    assert stream.handle.watcher is not None
    lag = server.store.hub.lag(stream.handle.watcher)
    waiting = stream.handle.watcher.backlog()
    written = Written()

    def resume(one: WatchStream) -> None:
        resumed.append(one)
        one.resume()
        loop.run_for(0.0)

    sending = asyncio.create_task(stream.send(written, resume, bool))  # type: ignore[arg-type]  # it writes
    async with asyncio.timeout(20):
        await written.has_all.wait()
    sending.cancel()
    stream.close()

    assert (waiting, lag) == (3, 3)
    assert resumed
    assert written.names == [f"big-{number}" for number in range(6)]

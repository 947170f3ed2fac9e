"""Nothing leaves over HTTP before it is on disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import attrs

from engine.adapters.http.app import HttpServer
from engine.api.core import Namespace
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

    def close(self) -> None:
        """Nothing is open."""


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

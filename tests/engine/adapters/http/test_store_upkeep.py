"""Compaction and defragmentation of a store that is served."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.adapters.http.app import HttpServer
from engine.adapters.storage.sqlite import SqliteLog
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.log import Codec
from engine.store.watchable_store import Store

ADMIN = UserInfo(name="admin", groups=("system:masters",))


async def ask(
    path: str, *, user: UserInfo = ADMIN, log: Any = None
) -> tuple[int, dict[str, Any], Store[Any]]:
    """The answer of a server with one namespace to a POST."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop, log)
    server = ApiServer(loop, store, RandomStreams(3))
    info = RequestInfo(user="test")
    server.create(Namespace(metadata=ObjectMeta(name="a")), request=info)
    server.delete(Namespace, "a", request=info)
    http = HttpServer(cluster=server, journal=Journal(loop), store=store, nobody=user)
    await http.start("127.0.0.1", 0)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{http.port}{path}") as answer,
    ):
        found = await answer.json()
    await http.stop()
    store.close()
    return answer.status, found, store


async def test_the_newest_revision_is_compacted_unless_one_is_named() -> None:
    """The answer says which."""
    status, found, store = await ask("/debug/store/compact")

    assert (status, found["revision"]) == (200, store.compact_revision)
    assert store.compact_revision == store.revision


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/debug/store/compact?revision=99999", "is in the future"),
        ("/debug/store/compact?revision=x", "a number was expected"),
        ("/debug/store/defrag", "keeps nothing on disk"),
    ],
)
async def test_what_cannot_be_done_is_said(path: str, said: str) -> None:
    """In one sentence."""
    status, found, _ = await ask(path)

    assert status == 400
    assert said in found["message"]


async def test_only_administrators_may() -> None:
    """It takes history from everybody."""
    status, _, store = await ask("/debug/store/compact", user=UserInfo(name="jane"))

    assert status == 403
    assert store.compact_revision == 0


async def test_the_file_of_a_running_cluster_is_written_anew(tmp_path: Path) -> None:
    """While it is served."""
    codec: Codec[Any] = Codec(encode=lambda value: repr(value).encode(), decode=bytes)
    log = SqliteLog(tmp_path / "store.db", codec, asyncio.get_running_loop().call_soon_threadsafe)

    status, found, _ = await ask("/debug/store/defrag", log=log)

    assert status == 200
    assert found["before"] > 0
    assert found["after"] > 0

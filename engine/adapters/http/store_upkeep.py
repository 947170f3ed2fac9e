"""``POST /debug/store/compact`` and ``/debug/store/defrag``: upkeep of the store, by hand."""

import asyncio
from typing import Any

import attrs
import orjson
from aiohttp import web

from engine.adapters.http.request import ApiResponse
from engine.adapters.http.store_status import STORE_PATH, check_may_look
from engine.adapters.storage.sqlite import SqliteLog
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.errors import BadRequestError
from engine.kernel.journal import Journal
from engine.store.errors import CompactedError, FutureRevisionError
from engine.store.watchable_store import Store

CHANNEL = "store/compact"
COMPACT = f"{STORE_PATH}/compact"
DEFRAGMENT = f"{STORE_PATH}/defrag"


@attrs.define(eq=False)
class StoreUpkeep:
    """Answers both. What is compacted is an input of the journal; the disk is nobody's history."""

    store: Store[Any]
    journal: Journal

    def __attrs_post_init__(self) -> None:
        self.journal.register(CHANNEL, self.store.compact)

    async def answer(self, http: web.BaseRequest, user: UserInfo) -> ApiResponse | None:
        """The answer to a POST; None if *http* asks for something else.

        Raises:
            ForbiddenError: *user* is no administrator.
            BadRequestError: it cannot be done; the message says why.
        """
        if http.method != "POST" or http.path not in (COMPACT, DEFRAGMENT):
            return None
        check_may_look(user)
        if http.path == COMPACT:
            found = self._compact(http.query.get("revision", ""))
        else:
            found = await self._defragment()
        return ApiResponse(status=200, body=orjson.dumps(found), revision=0)

    def _compact(self, text: str) -> dict[str, int]:
        if text and not text.isdecimal():
            raise BadRequestError(f"revision: a number was expected, not {text!r}")
        revision = int(text) if text else self.store.revision
        try:
            self.journal.call(CHANNEL, revision)
        except (CompactedError, FutureRevisionError) as error:
            raise BadRequestError(str(error)) from error
        return {"revision": revision}

    async def _defragment(self) -> dict[str, int]:
        log = self.store.log
        if log is None:
            raise BadRequestError("this cluster keeps nothing on disk: there is nothing to tidy")
        if not isinstance(log, SqliteLog):
            raise BadRequestError(
                f"this cluster is kept in an etcd ({log.place}): use etcdctl defrag there"
            )
        before = log.size()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        log.defragment(finish)
        await done
        return {"before": before, "after": log.size()}

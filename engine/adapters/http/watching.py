"""A watch over HTTP: events of the loop as lines of a chunked answer, once they are durable."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
from aiohttp import web

from engine.adapters.http.encoding import Encoder
from engine.adapters.http.negotiation import Form
from engine.adapters.http.outbox import Outbox
from engine.adapters.http.request import ApiRequest
from engine.apiserver.errors import GoneError
from engine.apiserver.request import WatchEvent
from engine.apiserver.server import ApiServer
from engine.apiserver.watch import WatchHandle
from engine.store.watchable_store import Store
from engine.store.watcher import Watcher

# What may wait for one reader before the store holds the rest back, and before it is cut off: the
# first events of a large collection come all at once.
_ENOUGH_WAITING = 2**20
_MOST_WAITING = 64 * 2**20
_LONGEST = 3600.0
_BOOKMARK_EVERY = 60.0


@attrs.define(eq=False)
class Delivered:
    """How many events watches have been given."""

    events: int = 0


@attrs.define(eq=False)
class WatchStream:
    """One watcher's side: takes events from the loop, hands bytes to the connection."""

    request: ApiRequest
    server: ApiServer
    encoder: Encoder
    outbox: Outbox | None = None
    delivered: Delivered = attrs.field(factory=Delivered)
    revision: int = attrs.field(default=0, init=False)
    _lines: list[bytes] = attrs.field(factory=list, init=False)
    _waiting: int = attrs.field(default=0, init=False)
    _wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _is_ended: bool = attrs.field(default=False, init=False)
    handle: WatchHandle | None = attrs.field(default=None, init=False)
    _response: web.StreamResponse | None = attrs.field(default=None, init=False)
    _transport: asyncio.WriteTransport | None = attrs.field(default=None, init=False)
    _is_writing: bool = attrs.field(default=False, init=False)
    _form: Form = attrs.field(init=False)
    _include: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._form = self.request.form
        self._include = self.request.query.get("includeObject", "") or "Metadata"

    def open(self) -> None:
        """Begin to watch; runs as a step of the loop.

        Raises:
            ApiError: the request makes no sense.
        """
        query, target = self.request.query, self.request.target
        fields = query.get("fieldSelector", "")
        if target.name:
            fields = (
                f"{fields},metadata.name={target.name}"
                if fields
                else (f"metadata.name={target.name}")
            )
        initial = None
        if "sendInitialEvents" in query:
            initial = self.request.flag("sendInitialEvents")
        try:
            self.handle = self.server.watch(
                target.resource.cls,
                namespace=target.namespace or None,
                label_selector=query.get("labelSelector", ""),
                field_selector=fields,
                resource_version=query.get("resourceVersion", ""),
                bookmarks=self.request.flag("allowWatchBookmarks"),
                send_initial_events=initial,
                resource_version_match=query.get("resourceVersionMatch", ""),
                deliver=self._take,
                request=self.request.info(self.server.loop.context),
            )
        except GoneError as error:
            # A watch that begins too early is answered inside the stream.
            self._take(WatchEvent("ERROR", error, 0))
        if self.handle is not None:
            self.handle.on_close = self._end
        if self._watcher is not None:
            self._watcher.backlog = lambda: len(self._lines)

    def resume(self) -> None:
        """Go on after a slow reader has caught up; runs as a step of the loop."""
        if self._watcher is not None:
            self._watcher.resume()

    def mark(self) -> None:
        """Say how far the watch has come; runs as a step of the loop."""
        if self._watcher is not None and self._watcher.is_served:
            self._watcher.request_progress()

    def close(self) -> None:
        """Stop watching; runs as a step of the loop."""
        if self.handle is not None:
            self.handle.cancel()

    @property
    def _is_held_back(self) -> bool:
        watcher = self._watcher
        return watcher is not None and watcher.is_paused and not self._lines

    @property
    def _watcher(self) -> Watcher[Any] | None:
        return None if self.handle is None else self.handle.watcher

    def _take(self, event: WatchEvent) -> None:
        if self._is_ended:
            return
        line = self.encoder.event(
            event, self.request.target.resource, self._form, self.server.now, self._include
        )
        self._lines.append(line)
        self.delivered.events += 1
        self._waiting += len(line)
        self.revision = max(self.revision, event.revision)
        if event.type == "ERROR" or self._waiting > _MOST_WAITING:
            self._is_ended = True
        elif self._waiting > _ENOUGH_WAITING and self._watcher is not None:
            # The store keeps what follows, so a slow reader costs no memory; compaction ends it.
            self._watcher.pause()
        if self.outbox is None or self._is_ended:
            self._wakeup.set()
        else:
            self.outbox.add(self)

    def _end(self) -> None:
        self._is_ended = True
        self._wakeup.set()

    # --- what the outbox asks ---

    def connect(self, response: web.StreamResponse, http: web.BaseRequest) -> None:
        """Say where the outbox may write to, once *response* is prepared."""
        self._response, self._transport = response, http.transport

    @property
    def connection(self) -> asyncio.WriteTransport | None:
        """The connection, if nothing hinders to write to it at once."""
        response, watcher = self._response, self._watcher
        if self._is_writing or response is None or not response.prepared or not response.chunked:
            return None
        if watcher is None or watcher.is_paused or self._is_ended:
            return None
        return self._transport

    def take(self) -> list[bytes]:
        """The lines that wait; they are the caller's to write."""
        lines, self._lines, self._waiting = self._lines, [], 0
        return lines

    def give_to_task(self) -> None:
        """Have `send` write what waits."""
        self._wakeup.set()

    async def send(
        self,
        response: web.StreamResponse,
        resume: Callable[["WatchStream"], object],
        mark: Callable[["WatchStream"], object],
    ) -> None:
        """Write events as they come, until the watch ends, its time is over, or nobody reads.

        Who asked for bookmarks gets one every minute, and one before the time is over.

        *resume* and *mark* have the methods of these names called as steps of the loop.
        """
        clock = asyncio.get_running_loop().time
        ends = clock() + (self.request.number("timeoutSeconds") or _LONGEST)
        has_bookmarks = self.request.flag("allowWatchBookmarks")
        while clock() < ends:
            wait = min(ends - clock(), _BOOKMARK_EVERY) if has_bookmarks else ends - clock()
            try:
                async with asyncio.timeout(wait):
                    await self._wakeup.wait()
            except TimeoutError:
                if has_bookmarks:
                    mark(self)
            self._wakeup.clear()
            await self._flush(response)
            if self._is_held_back:
                resume(self)
            if self._is_ended and not self._lines:
                return
            if self._lines:
                self._wakeup.set()

    async def _flush(self, response: web.StreamResponse) -> None:
        self._is_writing = True
        try:
            lines = self.take()
            await durable(self.server.store, self.revision)
            if lines:
                await response.write(b"".join(lines))
        finally:
            self._is_writing = False


def as_readable(request: ApiRequest, store: Store[Any]) -> ApiRequest:
    """A read that can be answered now, though the disk may be full.

    While the store takes no writes, its newest revisions may wait for the disk for a long time; a
    read that names none gets the newest durable one instead.
    """
    query = request.query
    names_one = query.get("resourceVersion", "0") not in ("", "0") or "continue" in query
    if store.alarm is None or store.durable_revision >= store.revision or names_one:
        return request
    exact = {"resourceVersion": str(store.durable_revision), "resourceVersionMatch": "Exact"}
    return attrs.evolve(request, query={**query, **exact})


async def durable(store: Store[object], revision: int) -> None:
    """Return once *revision* survives a crash."""
    if revision <= store.durable_revision:
        return
    is_durable = asyncio.get_running_loop().create_future()

    def resolve() -> None:
        if not is_durable.done():
            is_durable.set_result(None)

    store.on_durable(revision, resolve)
    await is_durable

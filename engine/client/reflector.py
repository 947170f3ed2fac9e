"""Keeps a cache equal to what the server has: list once, then watch; list again when it must."""

from collections.abc import Callable
from typing import Generic, TypeVar, cast

import attrs

from engine.api.meta import ApiObject
from engine.apiserver.errors import ApiError, GoneError
from engine.apiserver.request import WatchEvent
from engine.client.client import Client
from engine.client.server import WatchHandle
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Timer
from engine.telemetry.trace import context_after

T = TypeVar("T", bound=ApiObject)


@attrs.define(eq=False, repr=False)
class Reflector(Generic[T]):
    """Lists and watches one kind, and tells a sink.

    Promises:
        * `replace` is called with the complete state, then `apply` with each change after it;
        * revisions never go back;
        * after a cut, an outage or a compaction it goes on where it was, or lists anew.
    """

    client: Client
    cls: type[T]
    replace: Callable[[tuple[T, ...], int], None]
    apply: Callable[[str, T, int], None]
    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""
    backoff: Backoff[str] = attrs.field(factory=lambda: Backoff(base=0.8, cap=30.0))
    revision: int = attrs.field(default=0, init=False)
    has_listed: bool = attrs.field(default=False, init=False)
    _handle: WatchHandle | None = attrs.field(default=None, init=False)
    _retry: Timer | None = attrs.field(default=None, init=False)
    _is_running: bool = attrs.field(default=False, init=False)
    _epoch: int = attrs.field(default=0, init=False)

    def start(self) -> None:
        """List and watch from now on."""
        if self._is_running:
            return
        self._is_running = True
        self.client.link.on_change(cut=self._lose_watch, heal=self._reconnect)
        self._connect()

    def stop(self) -> None:
        """Neither list nor watch any more; nothing holds what was heard any longer."""
        if not self._is_running:
            return
        self._is_running = False
        self.client.link.forget(cut=self._lose_watch, heal=self._reconnect)
        self._lose_watch()

    def _connect(self) -> None:
        if not self._is_running or self._handle is not None:
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        try:
            if not self.has_listed:
                self._list()
            self._watch()
        except GoneError:
            self.has_listed = False
            self._retry_later()
        except ApiError:
            self._retry_later()
        else:
            self.backoff.forget("")

    def _list(self) -> None:
        found = self.client.list(
            self.cls,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
        )
        self.revision = found.revision
        self.has_listed = True
        self.replace(found.items, found.revision)

    def _watch(self) -> None:
        self._epoch += 1
        epoch = self._epoch
        self._handle = self.client.watch(
            self.cls,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            resource_version=str(self.revision),
            bookmarks=True,
            deliver=lambda event: self._receive(epoch, event),
        )

    def _receive(self, epoch: int, event: WatchEvent) -> None:
        if epoch != self._epoch or self._handle is None:
            return
        if event.type == "ERROR":
            self._lose_watch()
            if isinstance(event.obj, GoneError):
                self.has_listed = False
            self._retry_later()
            return
        self.revision = max(self.revision, event.revision)
        if event.type == "BOOKMARK" or event.obj is None:
            return
        loop = self.client.link.loop
        loop.context = context_after(event.revision, event.origin)
        self.apply(event.type, cast("T", event.obj), event.revision)

    def _lose_watch(self) -> None:
        self._epoch += 1
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _reconnect(self) -> None:
        self._connect()

    def _retry_later(self) -> None:
        if self._is_running and self._retry is None and not self.client.link.is_cut:
            loop = self.client.link.loop
            self._retry = loop.call_later(self.backoff.next_delay(""), self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        self._connect()

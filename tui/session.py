"""Session: the app's caches of the cluster, and one Delta per turn to those who show them.

The only module of the app that screens ask about the cluster.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

import attrs
from textual.app import App
from textual.signal import Signal

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Namespace, Service
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.store.status import StoreStatus
from tui.past import Caches, Changes, Moment, changes_between, info_then, moment_of, read_past
from tui.render import pulse as pulse_
from tui.render.events import last_seen
from tui.render.text import Line
from tui.source import ClusterInfo, Controls, Source

T = TypeVar("T", bound=ApiObject)

ALWAYS: tuple[type[ApiObject], ...] = (
    Node, Pod, Deployment, ReplicaSet, Service, EndpointSlice, Namespace, Event, Fault,
)  # fmt: skip
"""The kinds that the app keeps from the start; others follow when a screen asks."""

TURN = 0.025
"""Seconds in which changes gather before they are shown."""

RATE_WINDOW = 10.0
"""Seconds of the cluster's time over which events are averaged."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class Delta:
    """What one turn changed: per kind and key, the object before and after."""

    changes: Mapping[type[ApiObject], Mapping[str, tuple[ApiObject | None, ApiObject | None]]]

    def touches(self, *kinds: type[ApiObject]) -> bool:
        """Whether any of *kinds* changed."""
        return any(kind in self.changes for kind in kinds)

    def of(self, cls: type[T]) -> Mapping[str, tuple[T | None, T | None]]:
        """The changes of one kind."""
        return cast("Mapping[str, tuple[T | None, T | None]]", self.changes.get(cls, _NOTHING))


@attrs.define(eq=False, repr=False)
class Session:
    """A source's objects by kind and key, current to the last turn.

    Promises: a Delta holds, per object, the state last published and the newest one; caches are
    changed before the Delta is published; nothing is published while nothing changes.
    """

    source: Source
    namespace: str = ""
    is_readonly: bool = False
    story: Line = attrs.field(factory=list, init=False)
    deltas: Signal[Delta] = attrs.field(init=False)
    ticks: Signal[float] = attrs.field(init=False)
    _caches: dict[type[ApiObject], dict[str, ApiObject]] = attrs.field(factory=dict, init=False)
    _pending: dict[type[ApiObject], dict[str, tuple[ApiObject | None, ApiObject | None]]] = (
        attrs.field(factory=dict, init=False)
    )
    past: Moment | None = attrs.field(default=None, init=False)
    _present: Caches = attrs.field(factory=dict, init=False)
    _was_readonly: bool = attrs.field(default=False, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _events: deque[float] = attrs.field(factory=deque, init=False)
    _pulse: tuple[str, pulse_.Pulse] | None = attrs.field(default=None, init=False)

    def bind(self, app: App[Any]) -> None:
        """Publish on behalf of *app* from now on."""
        self.deltas = Signal(app, "deltas")
        self.ticks = Signal(app, "ticks")

    async def start(self) -> None:
        """Begin to follow the cluster."""
        await self.source.start(self._on_change)
        for cls in ALWAYS:
            await self.watch(cls)
        # What was there from the start is no change: screens begin with the caches.
        self._count_events(self._pending)
        self._pending = {}

    async def stop(self) -> None:
        """Follow no longer."""
        await self.source.stop()

    async def watch(self, cls: type[ApiObject]) -> None:
        """Keep a kind too. Twice is once."""
        if cls not in self._caches:
            self._caches[cls] = {}
            await self.source.watch(cls)

    def tick(self) -> None:
        """Tell the screens that a second has passed, so that ages move on."""
        self.ticks.publish(self.now)

    async def travel(self, revision: int | None) -> None:
        """Show everything as it was at *revision*, or (None) as it is. The past is read-only.

        Raises:
            EngineError: the history does not reach there; what was shown stays.
        """
        if revision is None:
            if self.past is not None:
                self.past, self.is_readonly = None, self._was_readonly
                self._replace(self._present)
                self._present = {}
            return
        caches = await read_past(self.source, list(self._caches), revision)
        moment = await moment_of(self.source, revision, self.source.info.now)
        if self.past is None:
            self._present, self._was_readonly = self._caches, self.is_readonly
        self.past, self.is_readonly = moment, True
        self._replace(caches)

    async def difference(self, old: int, new: int) -> Changes:
        """What differs between two revisions, of the kinds that are kept here.

        Raises:
            EngineError: the history does not reach there.
        """
        kinds = list(self._caches)
        before = await read_past(self.source, kinds, old)
        return changes_between(before, await read_past(self.source, kinds, new))

    def _replace(self, caches: Caches) -> None:
        changes = changes_between(self._caches, caches)
        self._caches = {cls: caches.get(cls, {}) for cls in dict.fromkeys((*self._caches, *caches))}
        self._pending, self._pulse = {}, None
        self.deltas.publish(Delta(changes))
        self.tick()

    @property
    def newest(self) -> int:
        """The newest revision, whichever is shown."""
        return self.source.info.revision

    @property
    def info(self) -> ClusterInfo:
        """What the source says of itself at the moment that is shown."""
        info = self.source.info
        return info if self.past is None else info_then(info, self.past)

    @property
    def controls(self) -> Controls | None:
        """The levers below the API, if there are any."""
        return self.source.controls

    @property
    def now(self) -> float:
        """The cluster's own time."""
        return self.info.now

    async def fetch_all(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind that is worked out on request and cannot be watched.

        Raises:
            EngineError: the source cannot tell.
        """
        return await self.source.list(cls)

    async def store(self, since: int) -> StoreStatus:
        """What the store looks like, with its changes after the revision *since*.

        Raises:
            EngineError: the source cannot tell.
        """
        return await self.source.store(since)

    def objects(self, cls: type[T]) -> Mapping[str, T]:
        """All cached objects of a kind by key; empty if the kind is not watched."""
        return cast("Mapping[str, T]", self._caches.get(cls, _NOTHING))

    def get(self, cls: type[T], key: str) -> T | None:
        """One cached object."""
        return self.objects(cls).get(key)

    def selected(self, cls: type[T]) -> list[T]:
        """The objects of a kind in the namespace that is shown, or all."""
        objects = self.objects(cls).values()
        if not self.namespace:
            return list(objects)
        return [obj for obj in objects if obj.metadata.namespace in ("", self.namespace)]

    def pulse(self) -> pulse_.Pulse:
        """Whether the cluster is well; counted once for all screens until something changes."""
        if self._pulse is None or self._pulse[0] != self.namespace:
            taken = pulse_.take(
                self.objects(Node).values(), self.selected(Pod), self.selected(Deployment)
            )
            self._pulse = (self.namespace, taken)
        return attrs.evolve(self._pulse[1], events_per_second=self.events_per_second())

    def events_per_second(self) -> float:
        """Cluster events of late, per second of the cluster's time."""
        horizon = self.now - RATE_WINDOW
        while self._events and self._events[0] < horizon:
            self._events.popleft()
        return len(self._events) / RATE_WINDOW

    def _on_change(
        self, cls: type[ApiObject], key: str, old: ApiObject | None, new: ApiObject | None
    ) -> None:
        if self.past is not None:
            present = self._present.setdefault(cls, {})
            if new is None:
                present.pop(key, None)
            else:
                present[key] = new
            return
        cache = self._caches.setdefault(cls, {})
        known = cache.get(key)
        if new is None:
            cache.pop(key, None)
        else:
            cache[key] = new
        changes = self._pending.setdefault(cls, {})
        before = changes[key][0] if key in changes else (known or old)
        changes[key] = (before, new)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_later(TURN, self._publish)

    def _publish(self) -> None:
        self._is_scheduled = False
        changes, self._pending = self._pending, {}
        if changes:
            if not changes.keys().isdisjoint((Node, Pod, Deployment)):
                self._pulse = None
            self._count_events(changes)
            self.deltas.publish(Delta(changes))

    def _count_events(self, changes: Mapping[type[ApiObject], Mapping[str, Any]]) -> None:
        seen = [
            last_seen(new)
            for _, new in changes.get(Event, _NOTHING).values()
            if isinstance(new, Event)
        ]
        self._events.extend(sorted(seen))

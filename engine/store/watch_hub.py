"""Tells watchers of commits, in commit order, and lets late ones catch up from history."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import attrs

from engine.kernel.loop import Loop
from engine.store.kv import Change, ChangeType, in_range
from engine.store.kvstore import KVStore
from engine.store.watcher import WatchBatch, Watcher, WatcherGroup, WatcherIndex, WatcherOwner

V = TypeVar("V")

IndexOf = Callable[[bytes, V], str | None]

# How many changes of history one step of the loop looks at for one watcher.
_SLICE = 1000


@attrs.define(eq=False)
class WatchHub(WatcherOwner[V]):
    """Serves all watchers of a store.

    A watcher is synced (it gets each commit when it happens) or behind (it is served slices of
    history, each in a step of its own, until it is synced). Whoever is behind holds nobody back.
    """

    loop: Loop
    kv: KVStore[V]
    index_of: IndexOf[V] | None = None
    progress_interval: float = 600.0
    watchers: dict[int, Watcher[V]] = attrs.field(factory=dict, init=False)
    _synced: WatcherIndex[V] = attrs.field(factory=WatcherIndex, init=False)
    _commits: deque[Sequence[Change[V]]] = attrs.field(factory=deque, init=False)
    _is_notifying: bool = attrs.field(default=False, init=False)
    _notified: int = attrs.field(default=0, init=False)
    _next_id: int = attrs.field(default=1, init=False)
    _wants_progress: dict[int, None] = attrs.field(factory=dict, init=False)

    def watch(
        self,
        start: bytes,
        end: bytes | None,
        *,
        start_revision: int,
        deliver: Callable[[WatchBatch[V]], object],
        prev_kv: bool,
        ignored: ChangeType | None,
        progress: bool,
        index: str | None,
        name: str = "",
    ) -> Watcher[V]:
        """A new watcher, already served; see `Store.watch`."""
        watcher = Watcher(
            watcher_id=self._next_id,
            start=start,
            end=end,
            next_revision=start_revision or self.kv.revision + 1,
            deliver=deliver,
            prev_kv=prev_kv,
            ignored=ignored,
            progress=progress,
            index=index,
            name=name,
        )
        self._next_id += 1
        watcher.own(self)
        self.watchers[watcher.watcher_id] = watcher
        self._place(watcher)
        if progress:
            watcher.tick = self.loop.call_later(self.progress_interval, self._tick, watcher)
        return watcher

    def notify(self, changes: Sequence[Change[V]]) -> None:
        """Deliver one commit to who watches it.

        A delivery that itself commits does not overtake: its commit is delivered afterwards.
        """
        self._commits.append(changes)
        if self._is_notifying:
            return
        self._is_notifying = True
        try:
            while self._commits:
                self._dispatch(self._commits.popleft())
        finally:
            self._is_notifying = False

    def lag(self, watcher: Watcher[V]) -> int:
        """How many revisions *watcher* is behind the store."""
        if watcher.is_synced:
            return 0
        return max(0, self.kv.revision + 1 - watcher.next_revision)

    def cancel(self, watcher: Watcher[V]) -> None:
        """Stop serving *watcher*."""
        if watcher.is_cancelled:
            return
        watcher.is_cancelled = True
        if watcher.tick is not None:
            watcher.tick.cancel()
        del self.watchers[watcher.watcher_id]
        self._wants_progress.pop(watcher.watcher_id, None)
        if watcher.is_synced:
            watcher.is_synced = False
            self._synced.remove(watcher)

    def pause(self, watcher: Watcher[V]) -> None:
        """Hold deliveries to *watcher* back."""
        if watcher.is_cancelled or watcher.is_paused:
            return
        watcher.is_paused = True
        if watcher.is_synced:
            watcher.is_synced = False
            watcher.next_revision = max(watcher.next_revision, self._notified + 1)
            self._synced.remove(watcher)

    def resume(self, watcher: Watcher[V]) -> None:
        """Serve *watcher* again from where it stands."""
        if watcher.is_cancelled or not watcher.is_paused:
            return
        watcher.is_paused = False
        self._place(watcher)

    def request_progress(self, watcher: Watcher[V]) -> None:
        """Send *watcher* a progress mark as soon as it is synced."""
        if watcher.is_cancelled:
            return
        if watcher.is_synced and not self._is_notifying:
            watcher.deliver(WatchBatch((), self.kv.revision))
        else:
            self._wants_progress[watcher.watcher_id] = None
            self.loop.call_soon(self._late_progress, watcher)

    def _place(self, watcher: Watcher[V]) -> None:
        """Put *watcher* among the synced if it misses nothing, else begin to serve it history."""
        # While commits wait to be delivered, a watcher from the newest revision on is synced too:
        # it skips the waiting ones by its next revision.
        if watcher.next_revision > self.kv.revision:
            watcher.is_synced = True
            self._synced.add(watcher)
        else:
            self.loop.call_soon(self._catch_up, watcher)

    def _dispatch(self, changes: Sequence[Change[V]]) -> None:
        self._notified = revision = changes[0].revision
        if len(changes) == 1:
            change = changes[0]
            batch = WatchBatch((change,), revision)
            bare: WatchBatch[V] | None = None
            for watcher in self._watchers_of(change):
                if watcher.prev_kv or change.prev_kv is None:
                    self._deliver(watcher, batch)
                else:
                    if bare is None:
                        bare = WatchBatch((_bare(change),), revision)
                    self._deliver(watcher, bare)
            return
        wanted: dict[int, list[Change[V]]] = {}
        receivers: dict[int, Watcher[V]] = {}
        for change in changes:
            for watcher in self._watchers_of(change):
                receivers[watcher.watcher_id] = watcher
                shown = change if watcher.prev_kv else _bare(change)
                wanted.setdefault(watcher.watcher_id, []).append(shown)
        for watcher_id, watcher in receivers.items():
            self._deliver(watcher, WatchBatch(tuple(wanted[watcher_id]), revision))

    def _deliver(self, watcher: Watcher[V], batch: WatchBatch[V]) -> None:
        if watcher.is_served:
            watcher.delivered += 1
            watcher.was_active = True
            watcher.deliver(batch)

    def _watchers_of(self, change: Change[V]) -> Iterable[Watcher[V]]:
        for group in self._synced.matching(change.kv.key):
            for watcher in _members(group, self._index_values(change) if group.by_index else ()):
                if watcher.next_revision <= change.revision and watcher.ignored != change.type:
                    yield watcher

    def _index_values(self, change: Change[V]) -> tuple[str, ...]:
        """The index values of *change*: the new one, and the old one that it may have left."""
        if self.index_of is None:
            return ()
        kv, prev = change.kv, change.prev_kv
        new = self.index_of(kv.key, kv.value) if kv.version else None
        old = self.index_of(kv.key, prev.value) if prev is not None else None
        values = () if new is None else (new,)
        return values if old is None or old == new else (*values, old)

    def _catch_up(self, watcher: Watcher[V]) -> None:
        """Serve *watcher* one slice of history; then the next one, or let it join the synced."""
        if watcher.is_synced or not watcher.is_served:
            return
        kv = self.kv
        if watcher.next_revision < kv.compact_revision:
            self.cancel(watcher)
            watcher.deliver(WatchBatch((), kv.revision, kv.compact_revision))
            return
        history = kv.changes_from(watcher.next_revision, _SLICE)
        reached = history[-1].revision if history else kv.revision
        watcher.next_revision = max(watcher.next_revision, reached + 1)
        wanted = tuple(
            change if watcher.prev_kv else _bare(change)
            for change in history
            if self._wants(watcher, change)
        )
        if wanted:
            self._deliver(watcher, WatchBatch(wanted, reached))
        # The delivery may have cancelled or paused it.
        if watcher.is_served:
            self._place(watcher)

    def _wants(self, watcher: Watcher[V], change: Change[V]) -> bool:
        if watcher.ignored == change.type:
            return False
        if not in_range(change.kv.key, watcher.start, watcher.end):
            return False
        return watcher.index is None or watcher.index in self._index_values(change)

    def _late_progress(self, watcher: Watcher[V]) -> None:
        if watcher.watcher_id not in self._wants_progress:
            return
        if watcher.is_synced:
            del self._wants_progress[watcher.watcher_id]
            watcher.deliver(WatchBatch((), self.kv.revision))
        elif not watcher.is_paused:
            self.loop.call_soon(self._late_progress, watcher)

    def _tick(self, watcher: Watcher[V]) -> None:
        """Every interval: a progress mark for a synced watcher that got nothing meanwhile."""
        if watcher.is_synced and not watcher.was_active:
            watcher.deliver(WatchBatch((), self.kv.revision))
        watcher.was_active = False
        if not watcher.is_cancelled:
            watcher.tick = self.loop.call_later(self.progress_interval, self._tick, watcher)


def _members(group: WatcherGroup[V], values: tuple[str, ...]) -> Iterable[Watcher[V]]:
    yield from group.everyone()
    seen: dict[int, None] = {}
    for value in values:
        for watcher in tuple(group.by_index.get(value, {}).values()):
            if watcher.watcher_id not in seen:
                seen[watcher.watcher_id] = None
                yield watcher


def _bare(change: Change[V]) -> Change[V]:
    """*change* as those see it who did not ask for what was before."""
    if change.prev_kv is None:
        return change
    return Change(
        change.revision, change.sub, change.type, change.kv, None, change.origin, change.time
    )

"""Looks at a store for a screen: counts keys and bytes, lists changes, watchers and leases."""

from bisect import bisect_left
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs

from engine.store.compactor import Compactor
from engine.store.kv import FROM_KEY, Change, prefix_end
from engine.store.lease import LeaseExpired
from engine.store.status import (
    CompactionRow,
    KeyGroup,
    LeaseRow,
    RevisionRow,
    StoreStatus,
    WatcherRow,
)
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch, Watcher
from engine.telemetry.trace import Origin

V = TypeVar("V")

# Values measured for one answer: measuring is encoding, and an answer should take milliseconds.
_MEASURED_AT_ONCE = 300
# Seconds after the last question at which counting stops.
_PATIENCE = 60.0
_revision = attrgetter("revision")


@attrs.define(eq=False)
class _Group:
    keys: dict[bytes, int] = attrs.field(factory=dict)  # bytes of each; -1 until it is measured


def _no_input(_number: int) -> str:
    return ""


@attrs.define(eq=False, repr=False)
class StoreObserver(Generic[V]):
    """Answers what a store looks like, and changes nothing about it.

    The first question begins to count, with a watch over all keys; when nobody has asked for a
    while the watch ends. *size_of* measures a value in bytes; *input_of* says in a few words what
    the outside input of a number was.
    """

    store: Store[V]
    compactor: Compactor[V]
    size_of: Callable[[V], int]
    file_size: Callable[[], int] | None = None
    kept_in: str = "memory"
    input_of: Callable[[int], str] = attrs.field(default=_no_input)
    _groups: dict[bytes, _Group] = attrs.field(factory=dict, init=False)
    _unmeasured: dict[bytes, None] = attrs.field(factory=dict, init=False)
    _watcher: Watcher[V] | None = attrs.field(default=None, init=False)
    _asked_at: float = attrs.field(default=0.0, init=False)

    def status(self, *, since: int = 0, limit: int = 200) -> StoreStatus:
        """The store now, with at most the newest *limit* changes after the revision *since*."""
        store = self.store
        self._asked_at = store.loop.now
        self._count()
        return StoreStatus(
            revision=store.revision,
            durable_revision=store.durable_revision,
            now=store.loop.now,
            kept_in=self.kept_in,
            groups=tuple(_shown(path, group) for path, group in sorted(self._groups.items())),
            revisions=self._revisions(since, limit),
            watchers=tuple(self._watcher_row(one) for one in store.hub.watchers.values()),
            leases=self._leases(),
            compaction=self._compaction(),
            file_size=None if self.file_size is None else self.file_size(),
            alarm=store.alarm or "",
        )

    def _revisions(self, since: int, limit: int) -> tuple[RevisionRow, ...]:
        changes = self.store.kv.changes
        first = max(bisect_left(changes, since + 1, key=_revision), len(changes) - limit)
        return tuple(self._row(change) for change in changes[first:])

    def _row(self, change: Change[V]) -> RevisionRow:
        kv, origin = change.kv, change.origin
        verb, size = "delete", 0
        if kv.version:
            verb = "create" if kv.version == 1 else "update"
            size = self.size_of(kv.value)
        row = RevisionRow(
            revision=change.revision,
            sub=change.sub,
            verb=verb,
            key=_text(kv.key),
            size=size,
            time=change.time,
        )
        if isinstance(origin, Origin):
            row = attrs.evolve(
                row,
                actor=origin.actor,
                user=origin.user,
                cause=origin.cause,
                cause_key=self._key_at(origin.cause),
                entry=origin.entry,
                input=self.input_of(origin.entry) if origin.entry else "",
            )
        elif isinstance(origin, LeaseExpired):
            row = attrs.evolve(row, actor="store", input=f"lease {origin.lease_id} expired")
        return row

    def _key_at(self, revision: int) -> str:
        changes = self.store.kv.changes
        at = bisect_left(changes, revision, key=_revision) if revision else len(changes)
        if at == len(changes) or changes[at].revision != revision:
            return ""
        return _text(changes[at].kv.key)

    def _watcher_row(self, watcher: Watcher[V]) -> WatcherRow:
        state = "paused" if watcher.is_paused else "synced" if watcher.is_synced else "behind"
        return WatcherRow(
            watcher_id=watcher.watcher_id,
            name=watcher.name,
            span=_span(watcher.start, watcher.end),
            index=watcher.index or "",
            state=state,
            lag=self.store.hub.lag(watcher),
            waiting=watcher.backlog(),
            delivered=watcher.delivered,
        )

    def _leases(self) -> tuple[LeaseRow, ...]:
        now = self.store.loop.now
        return tuple(
            LeaseRow(
                lease_id=lease.lease_id,
                ttl=lease.ttl,
                remaining=max(0.0, lease.expires_at - now),
                keys=len(lease.keys),
            )
            for lease in self.store.lessor.leases.values()
        )

    def _compaction(self) -> CompactionRow:
        compactor = self.compactor
        return CompactionRow(
            revisions=compactor.retention.revisions,
            age=compactor.retention.age,
            size=compactor.retention.size,
            compact_revision=self.store.compact_revision,
            next_at=compactor.next_at,
            target=compactor.target(),
            changes=len(self.store.kv.changes),
        )

    def _count(self) -> None:
        """Bring the counts up to now, and measure some of what is not measured yet."""
        if self._watcher is None:
            for leaf in self.store.kv.index.span(b"", FROM_KEY):
                for entry in leaf:
                    if entry.head.version:
                        self._note(entry.head.key)
            self._watcher = self.store.watch(
                b"", FROM_KEY, deliver=self._on_batch, name="store screen"
            )
        for key in list(self._unmeasured)[:_MEASURED_AT_ONCE]:
            del self._unmeasured[key]
            kv = self.store.get(key)
            if kv is not None:
                self._group(key).keys[key] = len(key) + self.size_of(kv.value)

    def _on_batch(self, batch: WatchBatch[V]) -> None:
        if self.store.loop.now - self._asked_at > _PATIENCE:
            self._stop()
            return
        for change in batch.changes:
            key = change.kv.key
            if change.kv.version:
                self._note(key)
            else:
                self._unmeasured.pop(key, None)
                group = self._group(key)
                group.keys.pop(key, None)
                if not group.keys:
                    del self._groups[_directory(key)]

    def _note(self, key: bytes) -> None:
        self._group(key).keys.setdefault(key, -1)
        self._unmeasured[key] = None

    def _group(self, key: bytes) -> _Group:
        return self._groups.setdefault(_directory(key), _Group())

    def _stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self._groups.clear()
        self._unmeasured.clear()


def _directory(key: bytes) -> bytes:
    return key.rpartition(b"/")[0]


def _shown(path: bytes, group: _Group) -> KeyGroup:
    known = [size for size in group.keys.values() if size >= 0]
    count = len(group.keys)
    total = sum(known)
    is_estimate = len(known) < count
    if is_estimate and known:
        total = total * count // len(known)
    return KeyGroup(path=_text(path), keys=count, size=total, is_estimate=is_estimate)


def _span(start: bytes, end: bytes | None) -> str:
    if end is None:
        return _text(start)
    if end == prefix_end(start):
        return _text(start) + "*"
    return f"{_text(start)}…{'' if end == FROM_KEY else _text(end)}"


def _text(key: Any) -> str:
    return bytes(key).decode(errors="replace")

"""Retention: how much history is kept, checked now and then."""

from bisect import bisect_left
from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

import attrs

from engine.kernel.loop import Loop, Timer
from engine.store.kvstore import KVStore

V = TypeVar("V")

_time = attrgetter("time")


@attrs.frozen(kw_only=True)
class Retention:
    """How much history to keep; None sets no bound. The tightest bound wins.

    *size* is in bytes of the log; when it is exceeded the older half of the history goes.
    """

    revisions: int | None = None
    age: float | None = None
    size: int | None = None


# A session of teaching is kept whole; what runs for days keeps its last one.
KEEP_A_SESSION = Retention(revisions=500_000, age=24 * 3600.0, size=256 * 2**20)


@attrs.define(eq=False)
class Compactor(Generic[V]):
    """Compacts every *interval* seconds to what *retention* allows."""

    loop: Loop
    kv: KVStore[V]
    compact: Callable[[int], object]
    retention: Retention
    interval: float = 60.0
    size: Callable[[], int] | None = None
    _timer: Timer | None = attrs.field(default=None, init=False)
    _next_at: float = attrs.field(default=0.0, init=False)

    @property
    def next_at(self) -> float:
        """When retention is looked at next, in epoch seconds; 0 before `start`."""
        return 0.0 if self._timer is None else self._next_at

    def start(self) -> None:
        """Begin to check; calling it again changes nothing."""
        if self._timer is None:
            self._schedule()

    def stop(self) -> None:
        """Compact no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def target(self) -> int:
        """The revision that *retention* would compact at now, or 0 if it keeps everything."""
        kv, keep = self.kv, self.retention
        wanted = 0
        if keep.revisions is not None:
            wanted = max(wanted, kv.revision - keep.revisions)
        if keep.age is not None:
            wanted = max(wanted, self._revision_at(self.loop.now - keep.age))
        if keep.size is not None and self.size is not None and self.size() > keep.size:
            wanted = max(wanted, (kv.compact_revision + kv.revision + 1) // 2)
        return wanted if wanted > kv.compact_revision else 0

    def _revision_at(self, time: float) -> int:
        """The newest revision made at or before *time*, or 0."""
        position = bisect_left(self.kv.changes, time, key=_time)
        return self.kv.changes[position - 1].revision if position else 0

    def _tick(self) -> None:
        wanted = self.target()
        if wanted:
            self.compact(wanted)
        self._schedule()

    def _schedule(self) -> None:
        self._next_at = self.loop.now + self.interval
        self._timer = self.loop.call_at(self._next_at, self._tick)

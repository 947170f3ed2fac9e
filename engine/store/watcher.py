"""One watcher, and the index that finds the watchers of a key without asking each."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import attrs

from engine.kernel.loop import Timer
from engine.store.kv import FROM_KEY, Change, ChangeType, prefix_end

V = TypeVar("V")


@attrs.frozen
class WatchBatch(Generic[V]):
    """What a watcher gets: the changes of whole revisions, in order.

    No change up to *revision* is still to come, so without *changes* it is a progress mark. A
    *compact_revision* says that the watch has ended: what it wanted next is compacted.
    """

    changes: tuple[Change[V], ...]
    revision: int
    compact_revision: int = 0


@attrs.define(eq=False)
class Watcher(Generic[V]):
    """Someone who is told of every change in ``[start, end)`` from *next_revision* on.

    Made by `Store.watch`. *is_synced* means that it has all there is and gets each commit as it
    happens; otherwise it is being served from history.
    """

    watcher_id: int
    start: bytes
    end: bytes | None
    next_revision: int
    deliver: Callable[[WatchBatch[V]], object]
    prev_kv: bool
    ignored: ChangeType | None
    progress: bool
    index: str | None
    name: str = ""
    # Set by whoever hands deliveries on: how many the reader has not taken yet.
    backlog: Callable[[], int] = attrs.field(default=int)
    is_synced: bool = attrs.field(default=False, init=False)
    is_paused: bool = attrs.field(default=False, init=False)
    is_cancelled: bool = attrs.field(default=False, init=False)
    was_active: bool = attrs.field(default=False, init=False)
    delivered: int = attrs.field(default=0, init=False)
    tick: Timer | None = attrs.field(default=None, init=False, repr=False)
    _owner: "WatcherOwner[V] | None" = attrs.field(default=None, init=False, repr=False)

    @property
    def is_served(self) -> bool:
        """Whether it is to get what happens: neither cancelled nor paused."""
        return not (self.is_cancelled or self.is_paused)

    def cancel(self) -> None:
        """Stop; nothing is delivered afterwards. Cancelling twice is allowed."""
        if self._owner is not None:
            self._owner.cancel(self)

    def pause(self) -> None:
        """Deliver nothing until `resume`: for a reader that cannot take more just now."""
        if self._owner is not None:
            self._owner.pause(self)

    def resume(self) -> None:
        """Go on from where `pause` stopped, from history if need be."""
        if self._owner is not None:
            self._owner.resume(self)

    def request_progress(self) -> None:
        """Have a progress mark delivered now, or once the watcher has caught up."""
        if self._owner is not None:
            self._owner.request_progress(self)

    def own(self, owner: "WatcherOwner[V]") -> None:
        """Hand the watcher to who serves it."""
        self._owner = owner


class WatcherOwner(Generic[V]):
    """What a watcher asks of who serves it."""

    __slots__ = ()

    def cancel(self, watcher: Watcher[V]) -> None:
        """Stop serving *watcher*."""
        raise NotImplementedError

    def pause(self, watcher: Watcher[V]) -> None:
        """Hold deliveries to *watcher* back."""
        raise NotImplementedError

    def resume(self, watcher: Watcher[V]) -> None:
        """Serve *watcher* again from where it stands."""
        raise NotImplementedError

    def request_progress(self, watcher: Watcher[V]) -> None:
        """Send *watcher* a progress mark as soon as it is synced."""
        raise NotImplementedError


@attrs.define(eq=False)
class WatcherGroup(Generic[V]):
    """The watchers of one range: those of every change in it, and those of one index value each."""

    plain: dict[int, Watcher[V]] = attrs.field(factory=dict, init=False)
    by_index: dict[str, dict[int, Watcher[V]]] = attrs.field(factory=dict, init=False)
    # Deliveries may add or cancel watchers, so they walk this copy; made again when it is None.
    _everyone: tuple[Watcher[V], ...] | None = attrs.field(default=None, init=False)

    def add(self, watcher: Watcher[V]) -> None:
        """Take *watcher* in."""
        if watcher.index is None:
            self.plain[watcher.watcher_id] = watcher
            self._everyone = None
        else:
            self.by_index.setdefault(watcher.index, {})[watcher.watcher_id] = watcher

    def remove(self, watcher: Watcher[V]) -> None:
        """Let *watcher* go."""
        if watcher.index is None:
            del self.plain[watcher.watcher_id]
            self._everyone = None
            return
        members = self.by_index[watcher.index]
        del members[watcher.watcher_id]
        if not members:
            del self.by_index[watcher.index]

    def everyone(self) -> tuple[Watcher[V], ...]:
        """The watchers without an index value, in the order they came."""
        everyone = self._everyone
        if everyone is None:
            everyone = self._everyone = tuple(self.plain.values())
        return everyone

    def __bool__(self) -> bool:
        return bool(self.plain or self.by_index)


@attrs.define(eq=False)
class WatcherIndex(Generic[V]):
    """Finds the groups that watch a key.

    Single keys and prefixes are looked up by hash, prefixes once for each length in use; other
    ranges through a list of segments that is made again after such a range came or went.
    """

    _keys: dict[bytes, WatcherGroup[V]] = attrs.field(factory=dict, init=False)
    _prefixes: dict[bytes, WatcherGroup[V]] = attrs.field(factory=dict, init=False)
    _lengths: dict[int, int] = attrs.field(factory=dict, init=False)
    _ranges: dict[tuple[bytes, bytes], WatcherGroup[V]] = attrs.field(factory=dict, init=False)
    _bounds: list[bytes] | None = attrs.field(default=None, init=False)
    _segments: list[tuple[WatcherGroup[V], ...]] = attrs.field(factory=list, init=False)

    def add(self, watcher: Watcher[V]) -> None:
        """Take *watcher* in."""
        start, end = watcher.start, watcher.end
        if end is None:
            self._keys.setdefault(start, WatcherGroup()).add(watcher)
        elif end == prefix_end(start) and (start or end == FROM_KEY):
            group = self._prefixes.get(start)
            if group is None:
                group = self._prefixes[start] = WatcherGroup()
                self._lengths[len(start)] = self._lengths.get(len(start), 0) + 1
            group.add(watcher)
        else:
            if (start, end) not in self._ranges:
                self._ranges[start, end] = WatcherGroup()
                self._bounds = None
            self._ranges[start, end].add(watcher)

    def remove(self, watcher: Watcher[V]) -> None:
        """Let *watcher* go."""
        start, end = watcher.start, watcher.end
        if end is None:
            group = self._keys[start]
            group.remove(watcher)
            if not group:
                del self._keys[start]
        elif end == prefix_end(start):
            group = self._prefixes[start]
            group.remove(watcher)
            if not group:
                del self._prefixes[start]
                self._lengths[len(start)] -= 1
                if not self._lengths[len(start)]:
                    del self._lengths[len(start)]
        else:
            group = self._ranges[start, end]
            group.remove(watcher)
            if not group:
                del self._ranges[start, end]
                self._bounds = None

    def matching(self, key: bytes) -> Iterator[WatcherGroup[V]]:
        """The groups whose range holds *key*."""
        group = self._keys.get(key)
        if group is not None:
            yield group
        prefixes = self._prefixes
        size = len(key)
        for length in tuple(self._lengths):
            # A shorter key sliced to this length is itself, and was found at its own length.
            group = prefixes.get(key[:length]) if length <= size else None
            if group is not None:
                yield group
        if self._ranges:
            if self._bounds is None:
                self._build_segments()
            assert self._bounds is not None
            yield from self._segments[bisect_right(self._bounds, key)]

    def _build_segments(self) -> None:
        starts: dict[bytes, list[tuple[bytes, bytes]]] = {}
        ends: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for span in self._ranges:
            starts.setdefault(span[0], []).append(span)
            if span[1] != FROM_KEY:
                ends.setdefault(span[1], []).append(span)
        bounds = sorted({**starts, **ends})
        inside: dict[tuple[bytes, bytes], WatcherGroup[V]] = {}
        segments: list[tuple[WatcherGroup[V], ...]] = [()]
        for bound in bounds:
            for span in ends.get(bound, ()):
                inside.pop(span, None)
            for span in starts.get(bound, ()):
                # An empty or backward range is allowed and holds nothing.
                if span[1] == FROM_KEY or span[1] > span[0]:
                    inside[span] = self._ranges[span]
            segments.append(tuple(inside.values()))
        self._bounds, self._segments = bounds, segments

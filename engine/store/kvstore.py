"""The multi-version map: puts, deletes and ranges at any kept revision.

It knows nothing about watchers, leases' time or disks.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

import attrs

from engine.store.errors import CompactedError, FutureRevisionError
from engine.store.key_index import KeyIndex
from engine.store.kv import (
    FROM_KEY,
    Change,
    KeyValue,
    RangeResult,
    SortOrder,
    SortTarget,
    tombstone,
    without_value,
)
from engine.store.tree_index import TreeIndex

V = TypeVar("V")

_revision = attrgetter("revision")
_SORT_KEYS = {
    "key": attrgetter("key"),
    "version": attrgetter("version"),
    "create": attrgetter("create_revision"),
    "mod": attrgetter("mod_revision"),
    "value": attrgetter("value"),
}


@attrs.define(eq=False)
class KVStore(Generic[V]):
    """Keys, their versions, and the changes since compaction.

    Writes collect in *_pending* and become one revision in `commit`; between the two, reads at the
    head already see them. The first commit of an empty store is revision 2, as in etcd.
    """

    revision: int = 1
    compact_revision: int = 0
    changes: list[Change[V]] = attrs.field(factory=list, init=False)
    index: TreeIndex[V] = attrs.field(factory=TreeIndex, init=False)
    _pending: list[Change[V]] = attrs.field(factory=list, init=False)
    _purged: int = attrs.field(default=0, init=False)

    def check_readable(self, revision: int) -> None:
        """Make sure that *revision* (0: the newest) can be read.

        Raises:
            CompactedError: it is older than what compaction left.
            FutureRevisionError: it does not exist yet.
        """
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        if 0 < revision < self.compact_revision:
            raise CompactedError(revision, self.compact_revision)

    def get(self, key: bytes, revision: int = 0) -> KeyValue[V] | None:
        """*key* at *revision* (0: the newest), or None if it does not exist there.

        Raises:
            CompactedError: see `check_readable`.
            FutureRevisionError: see `check_readable`.
        """
        if revision:
            self.check_readable(revision)
        entry = self.index.get(key)
        if entry is None:
            return None
        if revision:
            return entry.at(revision)
        head = entry.head
        return head if head.version else None

    def values(self, start: bytes, end: bytes) -> list[V]:
        """The newest values of the keys in ``[start, end)``, in key order: no more than that."""
        heads = [entry.head for leaf in self.index.span(start, end) for entry in leaf]
        return [head.value for head in heads if head.version]

    def range(
        self,
        start: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        keys_only: bool = False,
        sort_by: SortTarget = "key",
        order: SortOrder = "none",
    ) -> RangeResult[V]:
        """The keys in ``[start, end)`` at *revision*, in key order unless sorted otherwise.

        *limit* 0 means no limit; it cuts after sorting. Without an *order*, sorting by anything
        but the key sees only the first ``limit + 1`` keys, as in etcd 3.5.

        Raises:
            CompactedError: see `check_readable`.
            FutureRevisionError: see `check_readable`.
        """
        if revision:
            self.check_readable(revision)
        kvs: list[KeyValue[V]] = []
        for leaf in self.index.span(start, end):
            if revision:
                kvs.extend([kv for entry in leaf if (kv := entry.at(revision)) is not None])
            else:
                kvs.extend([entry.head for entry in leaf if entry.head.version])
        count = len(kvs)
        if count_only:
            return RangeResult((), count, more=False, revision=self.revision)
        more = 0 < limit < count
        if more and order == "none":
            del kvs[limit + 1 :]
        if order == "descend" or sort_by != "key":
            kvs.sort(key=_SORT_KEYS[sort_by], reverse=order == "descend")
        if more:
            del kvs[limit:]
        if keys_only:
            kvs = [without_value(kv) for kv in kvs]
        return RangeResult(tuple(kvs), count, more=more, revision=self.revision)

    def put(
        self, key: bytes, value: V, lease: int = 0, origin: object = None, time: float = 0.0
    ) -> Change[V]:
        """Set *key* in the transaction under way."""
        main = self.revision + 1
        entry = self.index.get(key)
        prev = None
        if entry is not None:
            # All versions share the key they began with.
            key = entry.head.key
        if entry is not None and entry.head.version:
            prev = entry.head
            kv = KeyValue(key, value, prev.create_revision, main, prev.version + 1, lease)
        else:
            kv = KeyValue(key, value, main, main, 1, lease)
        if entry is None:
            self.index.insert(key, KeyIndex(kv))
        else:
            entry.push(kv)
        change = Change(main, len(self._pending), "put", kv, prev, origin, time)
        self._pending.append(change)
        return change

    def delete_range(
        self,
        start: bytes,
        end: bytes | None = None,
        origin: object = None,
        time: float = 0.0,
    ) -> list[KeyValue[V]]:
        """Delete ``[start, end)`` in the transaction under way; return what was there."""
        main = self.revision + 1
        entries = [entry for leaf in self.index.span(start, end) for entry in leaf]
        removed = []
        for entry in entries:
            prev = entry.head
            if not prev.version:
                continue
            mark: KeyValue[V] = tombstone(prev.key, main)
            entry.push(mark)
            self._pending.append(
                Change(main, len(self._pending), "delete", mark, prev, origin, time)
            )
            removed.append(prev)
        return removed

    def commit(self) -> list[Change[V]]:
        """End the transaction: its changes become the next revision, if there are any."""
        pending = self._pending
        if not pending:
            return []
        self._pending = []
        self.revision += 1
        self.changes.extend(pending)
        return pending

    def load(self, changes: Iterable[Change[V]], revision: int, compact_revision: int) -> None:
        """Make an empty store what *changes*, in order and without ``prev_kv``, say it was."""
        index, history = self.index, self.changes
        for change in changes:
            kv = change.kv
            entry = index.get(kv.key)
            if entry is None:
                index.insert(kv.key, KeyIndex(kv))
            else:
                head = entry.head
                if head.version:
                    change = change._replace(prev_kv=head)  # noqa: PLW2901 - the one we keep
                entry.push(kv)
            history.append(change)
        self.revision = revision
        self.compact_revision = compact_revision

    def kept(self) -> list[Change[V]]:
        """All that `load` needs to make another store what this one is."""
        known = {(change.revision, change.kv.key) for change in self.changes}
        older = [
            Change(kv.mod_revision, 0, "put" if kv.version else "delete", kv, None, None, 0.0)
            for leaf in self.index.span(b"", FROM_KEY)
            for entry in leaf
            for kv in (*(entry.older or ()), entry.head)
            if (kv.mod_revision, kv.key) not in known
        ]
        whole = [*older, *(change._replace(prev_kv=None) for change in self.changes)]
        return sorted(whole, key=lambda change: (change.revision, change.sub))

    def clear(self) -> None:
        """Forget everything; the store is as a new one."""
        self.revision, self.compact_revision, self._purged = 1, 0, 0
        self.changes, self.index, self._pending = [], TreeIndex(), []

    def changes_from(self, revision: int, count: int) -> Sequence[Change[V]]:
        """At least *count* changes from *revision* on, if there are, ending with a whole revision.

        The revision must not be below the compact revision.
        """
        changes = self.changes
        low = bisect_left(changes, revision, key=_revision)
        high = min(low + count, len(changes))
        while 0 < high < len(changes) and changes[high].revision == changes[high - 1].revision:
            high += 1
        return changes[low:high]

    def compact(self, revision: int) -> None:
        """Refuse reads below *revision* from now on; `purge` then frees what nobody can read.

        Raises:
            CompactedError: it is compacted already.
            FutureRevisionError: it does not exist yet.
        """
        if revision <= self.compact_revision:
            raise CompactedError(revision, self.compact_revision)
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        self.compact_revision = revision

    def purge(self, count: int) -> list[tuple[int, bytes]] | None:
        """Free what about *count* compacted changes superseded: (main revision, key) of each.

        None when nothing is left to free. Each change says which versions it made obsolete, so the
        cost follows the changes compacted and not the keys kept. The changes of the compact
        revision itself stay, for who watches from there.
        """
        limit = self.compact_revision
        if self._purged >= limit:
            return None
        changes = self.changes
        dropped: list[tuple[int, bytes]] = []
        older = bisect_left(changes, limit, key=_revision)
        for change in changes[: min(older, count)]:
            self._forget(change, dropped, keep=False)
        if older > count:
            del changes[:count]
            return dropped
        del changes[:older]
        for position, change in enumerate(changes):
            if change.revision > limit:
                break
            self._forget(change, dropped, keep=True)
            changes[position] = change._replace(prev_kv=None)
        self._purged = limit
        return dropped

    def _forget(self, change: Change[V], dropped: list[tuple[int, bytes]], *, keep: bool) -> None:
        """Free what *change* superseded, and its own tombstone unless *keep*."""
        key, revision = change.kv.key, change.revision
        entry = self.index.get(key)
        if entry is None:
            return
        is_mark = change.type == "delete" and not keep
        mains = entry.drop_before(revision, inclusive=is_mark)
        dropped.extend([(main, key) for main in mains])
        if is_mark and entry.head.mod_revision == revision:
            self.index.remove(key)
            dropped.append((revision, key))

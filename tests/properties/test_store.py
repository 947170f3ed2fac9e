"""The store against a simple model, by the names of etcd's guarantees."""

from itertools import pairwise
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from engine.kernel.loop import Loop
from engine.store import watch_hub
from engine.store.errors import (
    CompactedError,
    FutureRevisionError,
    LeaseNotFoundError,
    StoreError,
)
from engine.store.kv import FROM_KEY, Change, prefix_end
from engine.store.lease import LeaseExpired
from engine.store.txn import Compare, DeleteRange, Operation, Put
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch, Watcher
from tests.properties.store_model import Model, Write

KEYS = st.sampled_from([b"a", b"a/1", b"a/2", b"a/2/x", b"b", b"b/1", b"\xff", b"\xff\xff"])
VALUES = st.sampled_from([b"", b"x", b"y", b"z"])
ENDS = st.sampled_from([None, b"b", b"a/2", FROM_KEY, prefix_end(b"a/")])
LEASES = st.sampled_from([1, 2])


@attrs.define(eq=False)
class Seen:
    """One watcher and all it was told."""

    first: int
    start: bytes
    end: bytes | None
    ignored: Any
    prev_kv: bool
    batches: list[WatchBatch[bytes]] = attrs.field(factory=list)
    watcher: Watcher[bytes] | None = None

    @property
    def changes(self) -> list[Change[bytes]]:
        """All changes delivered, in the order they came."""
        return [change for batch in self.batches for change in batch.changes]

    @property
    def is_compacted(self) -> bool:
        """Whether it was told that it comes too late."""
        return bool(self.batches) and self.batches[-1].compact_revision > 0


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store and to the model."""

    seen = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self.loop = Loop()
        self.store: Store[bytes] = Store(self.loop)
        self.model = Model()
        self.watched: list[Seen] = []
        self.leases: dict[int, tuple[float, float]] = {}

    # --- writes ---

    @rule(key=KEYS, value=VALUES, lease=st.sampled_from([0, 0, 1, 2]))
    def put(self, key: bytes, value: bytes, lease: int) -> None:
        """A put is the next revision, or refused without a trace if its lease is gone."""
        if lease and lease not in self.leases:
            with pytest.raises(LeaseNotFoundError):
                self.store.put(key, value, lease=lease)
            return
        before = self.model.now.get(key)
        self.model.write([Write(key, value, lease)], self.loop.now)
        result = self.store.put(key, value, lease=lease, prev_kv=True)
        assert result.prev_kv == before
        assert result.kv == self.model.now[key]

    @rule(key=KEYS, end=ENDS)
    def delete(self, key: bytes, end: bytes | None) -> None:
        """A deletion removes what a read of the same range would have shown."""
        doomed = self.model.keys(key, end)
        self.model.write([Write(kv.key, None) for kv in doomed], self.loop.now)
        result = self.store.delete_range(key, end, prev_kv=True)
        assert list(result.prev_kvs) == doomed
        assert result.deleted == len(doomed)

    @rule(
        writes=st.lists(st.tuples(KEYS, st.none() | VALUES), max_size=4, unique_by=lambda w: w[0]),
        claimed=KEYS,
        offset=st.integers(-1, 1),
    )
    def transact(
        self, writes: list[tuple[bytes, bytes | None]], claimed: bytes, offset: int
    ) -> None:
        """Strictly serializable: the claim is judged and all steps are done at one revision."""
        current = self.model.now.get(claimed)
        guess = (current.mod_revision if current else 0) + offset
        steps: list[Operation] = [
            DeleteRange(key) if value is None else Put(key, value) for key, value in writes
        ]
        result = self.store.txn([Compare(claimed, "mod", "=", guess)], steps)
        assert result.succeeded == (offset == 0)
        if offset == 0:
            self.model.write([Write(key, value) for key, value in writes], self.loop.now)
        assert result.revision == self.model.revision

    @rule(key=KEYS, value=VALUES, revision=st.integers(1, 1000))
    def refused_transaction(self, key: bytes, value: bytes, revision: int) -> None:
        """Atomic: a transaction that is refused changes nothing, not even partly."""
        with pytest.raises(StoreError):
            self.store.txn(success=[Put(key, value), Put(key, b"again")])

    # --- reads ---

    @rule(key=KEYS, end=ENDS, back=st.integers(-1, 12), limit=st.integers(0, 3))
    def read(self, key: bytes, end: bytes | None, back: int, limit: int) -> None:
        """Linearizable: the newest state if none is named, else exactly the state named."""
        revision = self.model.revision - back
        if revision < 1:
            return
        if revision > self.model.revision:
            with pytest.raises(FutureRevisionError):
                self.store.range(key, end, revision=revision)
            return
        if revision < self.model.compact_revision:
            with pytest.raises(CompactedError):
                self.store.range(key, end, revision=revision)
            return
        wanted = self.model.keys(key, end, revision)
        asked = revision if back else 0
        result = self.store.range(key, end, revision=asked, limit=limit)
        assert list(result.kvs) == (wanted[:limit] if limit else wanted)
        assert result.count == len(wanted)
        assert result.more == (0 < limit < len(wanted))
        assert result.revision == self.model.revision

    # --- watches ---

    @rule(
        target=seen,
        key=KEYS,
        end=ENDS,
        back=st.integers(-3, 20),
        ignored=st.sampled_from([None, None, "put", "delete"]),
        prev_kv=st.booleans(),
    )
    def watch(self, key: bytes, end: bytes | None, back: int, ignored: Any, prev_kv: bool) -> Any:
        """Watch from the past, from now, or from a revision still to come."""
        first = self.model.revision + 1 - back
        if first < 1:
            return multiple()
        seen = Seen(first, key, end, ignored, prev_kv)
        seen.watcher = self.store.watch(
            key,
            end,
            deliver=seen.batches.append,
            start_revision=first,
            ignored=ignored,
            prev_kv=prev_kv,
        )
        self.watched.append(seen)
        return seen

    @rule(target=seen, key=KEYS)
    def watch_prefix_from_now(self, key: bytes) -> Any:
        """What most watchers do: a prefix, from the newest revision on."""
        return self.watch(key, prefix_end(key), 0, None, prev_kv=True)

    @rule(seen=seen)
    def pause(self, seen: Seen) -> None:
        """A reader that takes nothing for a while."""
        assert seen.watcher is not None
        seen.watcher.pause()

    @rule(seen=seen)
    def resume(self, seen: Seen) -> None:
        """Resumable: it goes on where it stood, or learns that it comes too late."""
        assert seen.watcher is not None
        seen.watcher.resume()

    @rule(seen=consumes(seen))
    def cancel(self, seen: Seen) -> None:
        """Nothing comes after a cancellation."""
        assert seen.watcher is not None
        seen.watcher.cancel()
        seen.watcher = None

    @rule(seen=seen)
    def bookmark(self, seen: Seen) -> None:
        """Ask for a progress mark."""
        assert seen.watcher is not None
        seen.watcher.request_progress()

    # --- time, leases, compaction ---

    @rule(lease=LEASES)
    def grant(self, lease: int) -> None:
        """Grant a lease that is not granted."""
        if lease not in self.leases:
            # Times to live that never end together, as it would not matter who goes first.
            ttl = {1: 2.03, 2: 5.07}[lease]
            self.store.grant(ttl, lease)
            self.leases[lease] = (ttl, self.loop.now + ttl)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def keep_alive(self, data: st.DataObject) -> None:
        """Let a lease live its whole time again."""
        lease = data.draw(st.sampled_from(sorted(self.leases)))
        self.store.keep_alive(lease)
        ttl = self.leases[lease][0]
        self.leases[lease] = (ttl, self.loop.now + ttl)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """Revoking deletes the lease's keys as one revision."""
        lease = data.draw(st.sampled_from(sorted(self.leases)))
        self.store.revoke(lease)
        self._end_lease(lease, self.loop.now)

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass: late watchers catch up, leases expire."""
        until = self.loop.now + seconds
        due = sorted((end, lease) for lease, (_, end) in self.leases.items() if end <= until)
        for end, lease in due:
            self._end_lease(lease, end, LeaseExpired(lease))
        self.loop.run_until(until)

    def _end_lease(self, lease: int, time: float, origin: object = None) -> None:
        del self.leases[lease]
        doomed = [kv.key for kv in self.model.keys(b"", FROM_KEY) if kv.lease == lease]
        self.model.write([Write(key, None) for key in doomed], time, origin)

    @rule(back=st.integers(0, 8))
    def compact(self, back: int) -> None:
        """Compaction takes effect at once for reads, and for watchers that are late."""
        revision = self.model.revision - back
        if revision <= self.model.compact_revision:
            with pytest.raises(CompactedError):
                self.store.compact(revision)
        else:
            self.store.compact(revision)
            self.model.compact_revision = revision

    # --- the guarantees ---

    @invariant()
    def revisions_are_consecutive(self) -> None:
        """The store is at the model's revision, always."""
        assert self.store.revision == self.model.revision

    @invariant()
    def the_compact_revision_can_be_read(self) -> None:
        """Compaction takes nothing from the oldest revision that it leaves."""
        oldest = max(self.model.compact_revision, 1)
        kvs = self.store.range(b"", FROM_KEY, revision=oldest).kvs
        assert list(kvs) == self.model.keys(b"", FROM_KEY, oldest)

    @invariant()
    def watch_is_ordered(self) -> None:
        """Ordered: by revision, then by the order inside the transaction."""
        for seen in self.watched:
            order = [(change.revision, change.sub) for change in seen.changes]
            assert all(one < two for one, two in pairwise(order))

    @invariant()
    def watch_is_unique(self) -> None:
        """Unique: no change comes twice."""
        for seen in self.watched:
            order = [(change.revision, change.sub) for change in seen.changes]
            assert len({*order}) == len(order)

    @invariant()
    def watch_is_atomic(self) -> None:
        """Atomic: the changes of one revision come in one batch."""
        for seen in self.watched:
            batches = [{change.revision for change in batch.changes} for batch in seen.batches]
            for position, revisions in enumerate(batches):
                for other in batches[position + 1 :]:
                    assert not revisions & other

    @invariant()
    def watch_is_reliable(self) -> None:
        """Reliable: what came is a beginning of what happened, with nothing left out."""
        for seen in self.watched:
            wanted = self._wanted(seen)
            got = seen.changes
            assert got == wanted[: len(got)]

    @invariant()
    def watch_is_bookmarkable(self) -> None:
        """Bookmarkable: nothing at or below a batch's revision comes after it."""
        for seen in self.watched:
            marks = [batch.revision for batch in seen.batches]
            assert marks == sorted(marks)
            for one, two in pairwise(seen.batches):
                assert all(change.revision > one.revision for change in two.changes)

    @invariant()
    def leases_are_the_models(self) -> None:
        """No lease lives too long or too short, and each knows its keys."""
        assert sorted(self.store.lessor.leases) == sorted(self.leases)
        for lease in self.leases:
            keys = [kv.key for kv in self.model.keys(b"", FROM_KEY) if kv.lease == lease]
            assert list(self.store.time_to_live(lease).keys) == keys

    def teardown(self) -> None:
        """Resumable: once it has caught up, a watcher has everything or knows that it is late."""
        for seen in self.watched:
            if seen.watcher is not None:
                seen.watcher.resume()
        self.loop.run_for(0.0)
        for seen in self.watched:
            if seen.watcher is not None and not seen.is_compacted:
                assert seen.changes == self._wanted(seen)
            elif seen.is_compacted:
                assert seen.first < self.model.compact_revision
        everything = self.store.range(b"", FROM_KEY).kvs
        assert list(everything) == self.model.keys(b"", FROM_KEY)

    def _wanted(self, seen: Seen) -> list[Change[bytes]]:
        history = self.model.history(seen.start, seen.end, seen.first, seen.ignored)
        if not seen.prev_kv:
            return [change._replace(prev_kv=None) for change in history]
        got = seen.changes
        # A change at the revision that was compacted when it was read has lost what was before it.
        return [
            change._replace(prev_kv=None)
            if position < len(got)
            and got[position].prev_kv is None
            and change.revision <= self.model.compact_revision
            else change
            for position, change in enumerate(history)
        ]


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=250, stateful_step_count=50, deadline=None, database=None, derandomize=True
)


class SmallSlices(StoreMachine):
    """The same with history served one change at a time, so that catching up takes many steps."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(watch_hub, "_SLICE", 1)

    def teardown(self) -> None:
        """Put the slice size back."""
        try:
            super().teardown()
        finally:
            self.patch.undo()


TestStoreInSmallSlices = SmallSlices.TestCase
TestStoreInSmallSlices.settings = TestStore.settings

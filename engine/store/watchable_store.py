"""The store: keys at revisions, transactions, watches, leases and what is durable, as one."""

import heapq
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

import attrs

from engine.kernel.loop import Loop
from engine.store import txn as transaction
from engine.store.errors import ReadOnlyError, StoreError
from engine.store.kv import (
    Change,
    ChangeType,
    DeleteResult,
    KeyValue,
    PutResult,
    RangeResult,
    SortOrder,
    SortTarget,
)
from engine.store.kvstore import KVStore
from engine.store.lease import LeaseExpired, LeaseStatus, Lessor
from engine.store.log import ChangeLog
from engine.store.txn import Compare, Operation, Txn, TxnResult
from engine.store.watch_hub import IndexOf, WatchHub
from engine.store.watcher import WatchBatch, Watcher

V = TypeVar("V")

# How many compacted changes one step of the loop frees.
_PURGE_SLICE = 2000


@attrs.define(eq=False, repr=False)
class Store(Generic[V]):
    """Multi-version keys with etcd's promises, for one thread.

    Values are opaque: frozen objects or bytes. Keys are ordered bytes; ``end=None`` names the
    single key, `kv.FROM_KEY` all keys from the start on, `kv.prefix_end` makes a prefix's end.

    Promises:
        * every write is one transaction and takes exactly the revision ``revision + 1``; a refused
          one and one that changes nothing takes none;
        * a read at a revision gives the same answer until that revision is compacted;
        * watchers get every change of their range once, in order, whole revisions at a time,
          before the write returns, or later in steps of the loop if they started in the past;
        * with a *log*, all that `on_durable` has answered for survives a crash.

    *index_of* gives a value's index entry (the node of a pod, say) to watchers that ask for one.
    """

    loop: Loop
    log: ChangeLog[V] | None = None
    index_of: IndexOf[V] | None = attrs.field(default=None, kw_only=True)
    kv: KVStore[V] = attrs.field(factory=KVStore, init=False)
    hub: WatchHub[V] = attrs.field(init=False)
    lessor: Lessor = attrs.field(init=False)
    alarm: str | None = attrs.field(default=None, init=False)
    write_latency: float = attrs.field(default=0.0, init=False)
    on_alarm_changed: Callable[[str | None], object] | None = attrs.field(default=None, init=False)
    _durable: int = attrs.field(default=0, init=False)
    _waiting: list[tuple[int, int, Callable[[], object]]] = attrs.field(factory=list, init=False)
    _waited: int = attrs.field(default=0, init=False)
    _is_purging: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.hub = WatchHub(self.loop, self.kv, self.index_of)
        self.lessor = Lessor(self.loop, self._expire)
        if self.log is not None:
            try:
                self._recover(self.log)
            except StoreError:
                self.log.close()
                raise
            self.log.start(self._advance_durable, self.set_alarm)

    # --- what there is ---

    @property
    def revision(self) -> int:
        """The newest main revision; an empty store is at 1."""
        return self.kv.revision

    @property
    def compact_revision(self) -> int:
        """The oldest revision that can be read, or 0 if nothing was ever compacted."""
        return self.kv.compact_revision

    @property
    def durable_revision(self) -> int:
        """The newest revision that survives a crash; without a log, the newest there is."""
        return self.kv.revision if self.log is None else self._durable

    def get(self, key: bytes, revision: int = 0) -> KeyValue[V] | None:
        """*key* at *revision* (0: the newest), or None if it does not exist there.

        Raises:
            CompactedError: the revision is compacted.
            FutureRevisionError: the revision does not exist yet.
        """
        return self.kv.get(key, revision)

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        keys_only: bool = False,
        sort_by: SortTarget = "key",
        order: SortOrder = "none",
    ) -> RangeResult[V]:
        """The keys in ``[key, end)`` at *revision* (0: the newest).

        Raises:
            CompactedError: the revision is compacted.
            FutureRevisionError: the revision does not exist yet.
        """
        return self.kv.range(
            key,
            end,
            revision=revision,
            limit=limit,
            count_only=count_only,
            keys_only=keys_only,
            sort_by=sort_by,
            order=order,
        )

    # --- what changes it ---

    def put(
        self,
        key: bytes,
        value: V,
        *,
        lease: int = 0,
        prev_kv: bool = False,
        origin: object = None,
    ) -> PutResult[V]:
        """Set *key*, attached to *lease* if given.

        Raises:
            LeaseNotFoundError: there is no such lease.
            ReadOnlyError: the store takes no writes for now.
        """
        if self.alarm is not None:
            raise ReadOnlyError(self.alarm)
        if lease:
            self.lessor.get(lease)
        change = self.kv.put(key, value, lease, origin, self.loop.now)
        self._commit()
        return PutResult(change.revision, change.kv, change.prev_kv if prev_kv else None)

    def delete_range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        prev_kv: bool = False,
        origin: object = None,
    ) -> DeleteResult[V]:
        """Delete ``[key, end)``; deleting nothing takes no revision.

        Raises:
            ReadOnlyError: the store takes no writes for now.
        """
        if self.alarm is not None:
            raise ReadOnlyError(self.alarm)
        removed = self.kv.delete_range(key, end, origin, self.loop.now)
        self._commit()
        return DeleteResult(self.kv.revision, len(removed), tuple(removed) if prev_kv else ())

    def txn(
        self,
        compare: Iterable[Compare] = (),
        success: Iterable[Operation] = (),
        failure: Iterable[Operation] = (),
        *,
        origin: object = None,
    ) -> TxnResult[V]:
        """If all of *compare* holds do *success*, else *failure*, as one revision.

        Raises:
            DuplicateKeyError: a key would be changed twice.
            KeyMissingError: a put would keep the value or lease of a key that does not exist.
            CompactedError: a range in it asks for a compacted revision.
            FutureRevisionError: a range in it asks for a revision that does not exist yet.
            LeaseNotFoundError: a put in it names no granted lease.
            ReadOnlyError: it would write, and the store takes no writes for now.
        """
        whole = Txn(tuple(compare), tuple(success), tuple(failure))
        chosen = transaction.plan(self.kv, whole, self.lessor.get)
        if self.alarm is not None and transaction.writes(chosen):
            raise ReadOnlyError(self.alarm)
        result: TxnResult[V] = transaction.apply(self.kv, chosen, origin, self.loop.now)
        self._commit()
        return attrs.evolve(result, revision=self.kv.revision)

    def compact(self, revision: int) -> None:
        """Forget what was superseded before *revision*; memory is freed in steps of the loop.

        Raises:
            CompactedError: it is compacted already.
            FutureRevisionError: it does not exist yet.
        """
        self.kv.compact(revision)
        if self.log is not None:
            self.log.compact(revision, ())
        if not self._is_purging:
            self._is_purging = True
            self.loop.call_soon(self._purge)

    # --- watches ---

    def watch(
        self,
        start: bytes,
        end: bytes | None = None,
        *,
        deliver: Callable[[WatchBatch[V]], object],
        start_revision: int = 0,
        prev_kv: bool = False,
        ignored: ChangeType | None = None,
        progress: bool = False,
        index: str | None = None,
        name: str = "",
    ) -> Watcher[V]:
        """Have every change in ``[start, end)`` from *start_revision* (0: the next) delivered.

        *ignored* leaves out puts or deletes; *index* leaves out what neither has nor had this index
        entry; *progress* also delivers a mark now and then while nothing happens. When the
        revision wanted is compacted, the last batch says so and the watch has ended. *name* says
        who watches, to people.
        """
        return self.hub.watch(
            start,
            end,
            start_revision=start_revision,
            deliver=deliver,
            prev_kv=prev_kv,
            ignored=ignored,
            progress=progress,
            index=index,
            name=name,
        )

    # --- leases ---

    def grant(self, ttl: float, lease_id: int = 0) -> int:
        """A new lease of *ttl* seconds; returns its id.

        Raises:
            LeaseExistsError: *lease_id* is granted already.
            ReadOnlyError: the store takes no writes for now.
        """
        if self.alarm is not None:
            raise ReadOnlyError(self.alarm)
        lease = self.lessor.grant(ttl, lease_id)
        if self.log is not None:
            self.log.grant(lease.lease_id, ttl)
        return lease.lease_id

    def keep_alive(self, lease_id: int) -> float:
        """Let the lease live its whole time again from now; return that time in seconds.

        Raises:
            LeaseNotFoundError: it expired or was revoked, or never was.
        """
        return self.lessor.keep_alive(lease_id)

    def time_to_live(self, lease_id: int) -> LeaseStatus:
        """How long the lease still lives, and its keys.

        Raises:
            LeaseNotFoundError: there is none.
        """
        return self.lessor.status(lease_id)

    def revoke(self, lease_id: int, *, origin: object = None) -> None:
        """End a lease and delete its keys, in key order, as one revision.

        Raises:
            LeaseNotFoundError: there is none.
        """
        lease = self.lessor.remove(lease_id)
        for key in sorted(lease.keys):
            self.kv.delete_range(key, origin=origin, time=self.loop.now)
        if self.log is not None:
            self.log.revoke(lease_id)
        self._commit()

    # --- durability ---

    def on_durable(self, revision: int, callback: Callable[[], object]) -> None:
        """Call *callback* once *revision* survives a crash; at once if it does already.

        A slow disk (*write_latency*) makes even that take its time.
        """
        if self.write_latency and revision > self.durable_revision - 1:
            callback = partial(self.loop.call_later, self.write_latency, callback)
        if self.log is None or revision <= self._durable:
            callback()
            return
        self._waited += 1
        heapq.heappush(self._waiting, (revision, self._waited, callback))

    def on_settled(self, callback: Callable[[], object]) -> None:
        """Call *callback* once all done so far, leases included, survives a crash."""
        if self.log is None:
            callback()
        else:
            self.log.after(callback)

    def _advance_durable(self, revision: int) -> None:
        """The log's word that everything up to *revision* is on disk."""
        self._durable = max(self._durable, revision)
        waiting = self._waiting
        while waiting and waiting[0][0] <= self._durable:
            heapq.heappop(waiting)[2]()

    def set_alarm(self, alarm: str | None) -> None:
        """Refuse writes with *alarm* as the reason, or take them again (None)."""
        if alarm != self.alarm:
            self.alarm = alarm
            if self.on_alarm_changed is not None:
                self.on_alarm_changed(alarm)

    def close(self) -> None:
        """Write what is still waiting; the store must not be used afterwards."""
        if self.log is not None:
            self.log.close()

    def _commit(self) -> None:
        changes = self.kv.commit()
        if not changes:
            return
        if self.lessor.leases:
            self._attach(changes)
        if self.log is not None:
            self.log.append(changes)
        self.hub.notify(changes)

    def _attach(self, changes: Iterable[Change[V]]) -> None:
        for change in changes:
            prev, kv = change.prev_kv, change.kv
            if prev is not None and prev.lease and prev.lease != kv.lease:
                self.lessor.detach(kv.key, prev.lease)
            if kv.lease:
                self.lessor.attach(kv.key, kv.lease)

    def _expire(self, lease_id: int) -> None:
        self.revoke(lease_id, origin=LeaseExpired(lease_id))

    def _purge(self) -> None:
        dropped = self.kv.purge(_PURGE_SLICE)
        if dropped is None:
            self._is_purging = False
            return
        if self.log is not None and dropped:
            self.log.compact(self.kv.compact_revision, dropped)
        self.loop.call_soon(self._purge)

    def _recover(self, log: ChangeLog[Any]) -> None:
        recovered = log.load()
        for lease_id, ttl in recovered.leases.items():
            self.lessor.grant(ttl, lease_id)
        self.kv.load(recovered.changes, recovered.revision, recovered.compact_revision)
        if recovered.leases:
            for leaf in self.kv.index.span(b"", b"\0"):
                for entry in leaf:
                    if entry.head.lease:
                        self.lessor.attach(entry.head.key, entry.head.lease)
        self._durable = self.kv.revision
        if self.kv.compact_revision:
            self._is_purging = True
            self.loop.call_soon(self._purge)

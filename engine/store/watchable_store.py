"""The store: keys at revisions, transactions, watches, leases and what is durable, as one."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, TypeVar

import attrs

from engine.kernel.loop import Loop
from engine.store import txn as transaction
from engine.store.durability import Durability
from engine.store.errors import ReadOnlyError, StoreError
from engine.store.kv import (
    Change,
    ChangeType,
    DeleteResult,
    PutResult,
)
from engine.store.kvstore import KVStore
from engine.store.lease import LeaseExpired, LeaseStatus, Lessor
from engine.store.log import ChangeLog, Recovered, reopened
from engine.store.reads import StoreReads
from engine.store.txn import Compare, Operation, Txn, TxnResult
from engine.store.watch_hub import IndexOf, WatchHub
from engine.store.watcher import WatchBatch, Watcher

V = TypeVar("V")

WriteStage = Literal["before-fsync", "after-fsync"]
CRASHED = "etcdserver: server stopped (a fault has crashed the store)"

# How many compacted changes one step of the loop frees.
_PURGE_SLICE = 2000


@attrs.define(eq=False, repr=False)
class Store(StoreReads[V]):
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
    *on_write* hears of every transaction that writes, before it is made and when it is.
    """

    loop: Loop
    log: ChangeLog[V] | None = None
    index_of: IndexOf[V] | None = attrs.field(default=None, kw_only=True)
    kv: KVStore[V] = attrs.field(factory=KVStore, init=False)
    hub: WatchHub[V] = attrs.field(init=False)
    lessor: Lessor = attrs.field(init=False)
    is_down: bool = attrs.field(default=False, init=False)
    on_write: Callable[[WriteStage], object] | None = attrs.field(default=None, init=False)
    write_latency: float = attrs.field(default=0.0, init=False)
    on_alarm_changed: Callable[[str | None], object] | None = attrs.field(default=None, init=False)
    _alarm: str | None = attrs.field(default=None, init=False)
    _durability: Durability = attrs.field(factory=Durability, init=False)
    _is_purging: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.hub = WatchHub(self.loop, self.kv, self.index_of)
        self.lessor = Lessor(self.loop, self._expire)
        if self.log is not None:
            try:
                self._load(self.log.load())
            except StoreError:
                self.log.close()
                raise
            self.log.start(self._durability.advance, self.set_alarm)

    # --- what there is ---

    @property
    def alarm(self) -> str | None:
        """Why no writes are taken; None if they are."""
        return CRASHED if self._alarm is None and self.is_down else self._alarm

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
        return self.kv.revision if self.log is None else self._durability.revision

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
        writes = self.on_write is not None and transaction.writes(chosen)
        if writes:
            self._tell_of_write("before-fsync")
        result: TxnResult[V] = transaction.apply(self.kv, chosen, origin, self.loop.now)
        self._commit()
        if writes:
            self._tell_of_write("after-fsync")
        return TxnResult(self.kv.revision, result.succeeded, result.responses)

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
        if self.log is None:
            callback()
        else:
            self._durability.wait(revision, callback)

    def on_settled(self, callback: Callable[[], object]) -> None:
        """Call *callback* once all done so far, leases included, survives a crash."""
        if self.log is None:
            callback()
        else:
            self.log.after(callback)

    def set_alarm(self, alarm: str | None) -> None:
        """Refuse writes with *alarm* as the reason, or take them again (None)."""
        if alarm != self._alarm:
            self._alarm = alarm
            if self.on_alarm_changed is not None:
                self.on_alarm_changed(alarm)

    # --- its own end, and what comes after ---

    def crash(self) -> None:
        """Stop taking writes and let go of the log, as when the process has died."""
        if not self.is_down:
            self.is_down = True
            if self.log is not None:
                self.log.suspend()

    def recover(self) -> None:
        """Begin anew after `crash` with what the log has kept; without one, with what was here.

        Leases live their whole time again, as after a restart of etcd. Whoever watches goes on.

        Raises:
            StoreError: the log cannot be opened or read.
        """
        if not self.is_down:
            return
        kept = self._kept() if self.log is None else reopened(self.log)
        self.lessor.clear()
        self.kv.clear()
        self._load(kept)
        self.is_down = False
        if self.log is not None:
            self.log.start(self._durability.advance, self.set_alarm)

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

    def _kept(self) -> Recovered[V]:
        """What a log would have kept."""
        return Recovered(
            revision=self.kv.revision,
            compact_revision=self.kv.compact_revision,
            changes=self.kv.kept(),
            leases={lease.lease_id: lease.ttl for lease in self.lessor.leases.values()},
        )

    def _tell_of_write(self, stage: WriteStage) -> None:
        """Tell *on_write*; a store that it has crashed before the write refuses it."""
        if self.on_write is not None:
            self.on_write(stage)
        if stage == "before-fsync" and self.is_down:
            raise ReadOnlyError(CRASHED)

    def _load(self, recovered: Recovered[V]) -> None:
        for lease_id, ttl in recovered.leases.items():
            self.lessor.grant(ttl, lease_id)
        self.kv.load(recovered.changes, recovered.revision, recovered.compact_revision)
        if recovered.leases:
            for leaf in self.kv.index.span(b"", b"\0"):
                for entry in leaf:
                    if entry.head.lease:
                        self.lessor.attach(entry.head.key, entry.head.lease)
        self._durability.revision = self.kv.revision
        if self.kv.compact_revision and not self._is_purging:
            self._is_purging = True
            self.loop.call_soon(self._purge)

"""Our store as a subject of tests."""

from typing import Any

import attrs

from engine.kernel.loop import Loop
from engine.store.errors import (
    StoreError,
)
from engine.store.kv import Change, DeleteResult, PutResult, RangeResult
from engine.store.txn import Range, Txn, TxnResult
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch, Watcher
from tests.engine.store.subjects import Answer, kv_tuple


@attrs.define(eq=False)
class Ours:
    """Our store, in memory."""

    loop: Loop = attrs.field(factory=Loop)
    store: Store[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.store = Store(self.loop)

    def txn(self, txn: Txn) -> Answer:
        """Do a transaction."""
        try:
            result = self.store.txn(txn.compare, txn.success, txn.failure)
            return self._shown(result, top=True)
        except StoreError as error:
            return ("error", type(error))

    def range(self, request: Range) -> Answer:
        """Read."""
        try:
            fields = attrs.asdict(request)
            return self._shown(self.store.range(fields.pop("key"), fields.pop("end"), **fields))
        except StoreError as error:
            return ("error", type(error))

    def compact(self, revision: int) -> Answer:
        """Compact."""
        return self._try(self.store.compact, revision)

    def grant(self, ttl: int, lease_id: int) -> Answer:
        """Grant a lease."""
        return self._try(self.store.grant, ttl, lease_id)

    def revoke(self, lease_id: int) -> Answer:
        """Revoke a lease."""
        return self._try(self.store.revoke, lease_id)

    def lease_keys(self, lease_id: int) -> Answer:
        """The keys of a lease."""
        try:
            return self.store.time_to_live(lease_id).keys
        except StoreError as error:
            return ("error", type(error))

    def watch(self, request: Range, *, ignored: str | None, count: int) -> Answer:
        """The first *count* events from a past revision."""
        batches: list[WatchBatch[bytes]] = []
        watcher = self.store.watch(
            request.key,
            request.end,
            deliver=batches.append,
            start_revision=request.revision,
            prev_kv=True,
            ignored=ignored,  # type: ignore[arg-type]  # "put" or "delete"
        )
        self.loop.run_for(1.0)
        watcher.cancel()
        if batches and batches[-1].compact_revision:
            return ("compacted", batches[-1].compact_revision)
        return tuple(self.event(change) for batch in batches for change in batch.changes)

    def follow(self, request: Range) -> "OursFollowing":
        """Watch a range from a past revision, with progress marks."""
        return OursFollowing(self, request)

    @staticmethod
    def event(change: Change[bytes]) -> Answer:
        """A change as both stores show it."""
        return (change.type, kv_tuple(change.kv), kv_tuple(change.prev_kv))

    def _try(self, call: Any, *args: object) -> Answer:
        try:
            call(*args)
        except StoreError as error:
            return ("error", type(error))
        self.loop.run_for(0.0)
        return ("done", self.store.revision)

    def _shown(self, result: Any, *, top: bool = False) -> Answer:
        match result:
            case PutResult():
                return ("put", kv_tuple(result.prev_kv))
            case DeleteResult():
                return ("delete", result.deleted, *map(kv_tuple, result.prev_kvs))
            case RangeResult():
                kvs = tuple(map(kv_tuple, result.kvs))
                return ("range", kvs, result.count, result.more)
            case TxnResult():
                responses = tuple(map(self._shown, result.responses))
                return ("txn", result.succeeded, responses, result.revision if top else None)
        raise TypeError(result)


@attrs.define(eq=False)
class OursFollowing:
    """A watch of our store."""

    subject: Ours
    request: Range
    _batches: list[WatchBatch[bytes]] = attrs.field(factory=list, init=False)
    _watcher: Watcher[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        request = self.request
        self._watcher = self.subject.store.watch(
            request.key,
            request.end,
            deliver=self._batches.append,
            start_revision=request.revision,
            prev_kv=True,
            progress=True,
        )

    def batches(self, count: int) -> list[Answer]:
        """What was delivered since the last call."""
        self.subject.loop.run_for(0.0)
        told, self._batches[:] = list(self._batches), []
        found = [tuple(map(Ours.event, batch.changes)) for batch in told if batch.changes]
        assert sum(map(len, found)) == count
        return found

    def mark(self) -> int:
        """The revision of the next progress mark."""
        self.subject.loop.run_for(2 * self.subject.store.hub.progress_interval)
        told, self._batches[:] = list(self._batches), []
        assert not any(batch.changes for batch in told)
        return told[-1].revision

    def close(self) -> None:
        """Stop watching."""
        self._watcher.cancel()

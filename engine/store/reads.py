"""What can be read of a store: keys, at the newest revision or at an older one."""

from typing import Generic, TypeVar

from engine.store.kv import KeyValue, RangeResult, SortOrder, SortTarget
from engine.store.kvstore import KVStore

V = TypeVar("V")


class StoreReads(Generic[V]):
    """The reading half of a store over *kv*."""

    __slots__ = ()
    kv: KVStore[V]

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

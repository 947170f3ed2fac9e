"""What a store is asked in tests, whether it is ours or a real etcd.

Answers are plain tuples that contain only what etcd's API defines, so they can be compared.
"""

from typing import Any, Protocol

from engine.store.kv import KeyValue
from engine.store.txn import Range, Txn

Answer = tuple[Any, ...]


class Subject(Protocol):
    """What the behaviour tests ask of a store."""

    def txn(self, txn: Txn) -> Answer:
        """Do a transaction; its answer, or the type of the error."""
        ...

    def range(self, request: Range) -> Answer:
        """Read; the answer, or the type of the error."""
        ...

    def compact(self, revision: int) -> Answer:
        """Compact; the type of the error if it is refused."""
        ...

    def grant(self, ttl: int, lease_id: int) -> Answer:
        """Grant a lease."""
        ...

    def revoke(self, lease_id: int) -> Answer:
        """Revoke a lease."""
        ...

    def lease_keys(self, lease_id: int) -> Answer:
        """The keys of a lease."""
        ...

    def watch(self, request: Range, *, ignored: str | None, count: int) -> Answer:
        """The first *count* events from a past revision."""
        ...

    def follow(self, request: Range) -> "Following":
        """Watch a range from a past revision, with progress marks, until it is closed."""
        ...


class Following(Protocol):
    """A watch under way."""

    def batches(self, count: int) -> list[Answer]:
        """What was delivered since the last call, up to *count* events, as it was grouped."""
        ...

    def mark(self) -> int:
        """The revision of the next progress mark."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


def kv_tuple(kv: KeyValue[bytes] | None) -> Answer:
    """A key as both stores show it; etcd shows a value left out as an empty one."""
    if kv is None:
        return ()
    return (kv.key, kv.value or b"", kv.create_revision, kv.mod_revision, kv.version, kv.lease)

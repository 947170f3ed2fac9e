"""What the store holds and what it tells: keys with values, changes, and answers to ranges.

All of it is immutable and shared by reference; nothing here decides anything.
"""

from typing import Generic, Literal, NamedTuple, TypeVar, cast

import attrs

V = TypeVar("V")

ChangeType = Literal["put", "delete"]
SortTarget = Literal["key", "version", "create", "mod", "value"]
SortOrder = Literal["none", "ascend", "descend"]

# As the end of a range: every key from the start on.
FROM_KEY = b"\0"


class KeyValue(NamedTuple, Generic[V]):
    """One key as one revision left it.

    A *version* of 0 marks a tombstone: the key was deleted at *mod_revision* and has no value.
    """

    key: bytes
    value: V
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class Change(NamedTuple, Generic[V]):
    """One committed change of one key.

    Changes are ordered by (revision, sub). *kv* is a tombstone when *type* is ``delete``. *origin*
    is whatever the writer gave with the transaction: who did it and why. *time* is the loop's.
    """

    revision: int
    sub: int
    type: ChangeType
    kv: KeyValue[V]
    prev_kv: KeyValue[V] | None = None
    origin: object = None
    time: float = 0.0


@attrs.frozen
class RangeResult(Generic[V]):
    """The keys of a range at one revision.

    *count* is how many keys the range has, whatever the limit; *more* says that the limit cut some
    off. *revision* is the store's revision when the range was read.
    """

    kvs: tuple[KeyValue[V], ...]
    count: int
    more: bool
    revision: int


@attrs.frozen
class PutResult(Generic[V]):
    """What a put did: the key as it is now and, if asked for, as it was before."""

    revision: int
    kv: KeyValue[V]
    prev_kv: KeyValue[V] | None = None


@attrs.frozen
class DeleteResult(Generic[V]):
    """How many keys a delete removed, and what they were if asked for."""

    revision: int
    deleted: int
    prev_kvs: tuple[KeyValue[V], ...] = ()


def tombstone(key: bytes, revision: int) -> "KeyValue[V]":
    """The mark a deletion leaves in the history of *key*."""
    return KeyValue(key, cast("V", None), 0, revision, 0, 0)


def without_value(kv: KeyValue[V]) -> KeyValue[V]:
    """*kv* with everything but its value, for answers that carry keys only."""
    return KeyValue(
        kv.key, cast("V", None), kv.create_revision, kv.mod_revision, kv.version, kv.lease
    )


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range that holds exactly the keys beginning with *prefix*."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return FROM_KEY
    return stripped[:-1] + bytes([stripped[-1] + 1])


def in_range(key: bytes, start: bytes, end: bytes | None) -> bool:
    """Whether *key* is in ``[start, end)``; see `FROM_KEY`, and None for the single key *start*."""
    if end is None:
        return key == start
    return key >= start and (end == FROM_KEY or key < end)

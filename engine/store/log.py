"""The seam between the store and what keeps it: contracts only.

The store commits in memory and hands every commit to a `ChangeLog`; what has to wait for the disk
waits for the durable revision.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

from engine.store.kv import Change

V = TypeVar("V")


def _no_origin(_origin: object) -> bytes | None:
    return None


def _unknown_origin(data: bytes) -> object:
    return data


@attrs.frozen(kw_only=True)
class Codec(Generic[V]):
    """How a log writes values and origins as bytes, and reads them back.

    Encoding may run on the log's own thread: it must depend on its argument only. An origin for
    which *encode_origin* returns None is not kept.
    """

    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]
    encode_origin: Callable[[object], bytes | None] = _no_origin
    decode_origin: Callable[[bytes], object] = _unknown_origin


BYTES: Codec[bytes] = Codec(encode=bytes, decode=bytes)


@attrs.frozen(kw_only=True)
class Recovered(Generic[V]):
    """What a log holds: enough to make the store what it was.

    *changes* come in order, without ``prev_kv``; below *compact_revision* only the ones that still
    count need be there. *leases* maps each granted lease to its time to live in seconds.
    """

    revision: int
    compact_revision: int
    changes: Iterable[Change[V]]
    leases: dict[int, float]


class ChangeLog(Protocol[V]):
    """Keeps commits. Every method returns at once; the work may happen on another thread.

    Promises:
        * what is appended becomes durable in order, a commit wholly or not at all;
        * *on_durable* is told of a revision after, never before, it is on disk;
        * `load` returns every durable commit and no half of one.
    """

    @property
    def place(self) -> str:
        """Where it keeps what it is given, for people."""
        ...

    def load(self) -> Recovered[V]:
        """What was kept, read before anything is appended.

        Raises:
            DamagedLogError: the log cannot be read.
            NewerFormatError: a newer version wrote it.
        """
        ...

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Begin to write. Both are called on the loop's own thread.

        *on_durable* hears the revision up to which everything survives a crash; *on_alarm* hears
        why writing has stopped (a full disk), and None when it works again.
        """
        ...

    def append(self, changes: Sequence[Change[V]]) -> None:
        """Keep one commit: all *changes* of one main revision."""
        ...

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Remember that *revision* is compacted and forget *dropped* (main revision, key)."""
        ...

    def grant(self, lease_id: int, ttl: float) -> None:
        """Keep a lease."""
        ...

    def revoke(self, lease_id: int) -> None:
        """Forget a lease."""
        ...

    def after(self, callback: Callable[[], object]) -> None:
        """Call *callback* on the loop's thread once all that was handed over so far is durable."""
        ...

    def suspend(self) -> None:
        """Write what is still waiting and let go of the place, but for our right to it."""
        ...

    def resume(self) -> None:
        """Open the place again after `suspend`; `load` and `start` follow, as at first.

        Raises:
            StoreError: it cannot be opened.
        """
        ...

    def close(self) -> None:
        """Write what is still waiting, then stop."""
        ...


def reopened(log: ChangeLog[V]) -> Recovered[V]:
    """What *log*, which was suspended, has kept.

    Raises:
        StoreError: it cannot be opened or read.
    """
    log.resume()
    return log.load()

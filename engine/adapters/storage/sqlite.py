"""A change log in one SQLite file, written in groups."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import attrs

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.group_writer import (
    After,
    Compaction,
    Grant,
    GroupWriter,
    Note,
    Revocation,
    WriteRefusedError,
)
from engine.adapters.storage.sqlite_file import Row, checksum
from engine.store.kv import Change, KeyValue, tombstone
from engine.store.log import Codec, Recovered
from engine.store.revision import pack

V = TypeVar("V")

log = logging.getLogger(__name__)

# Rows for one INSERT statement at most. One statement of many rows gives up the interpreter lock
# once, many statements of one row each time; SQLite takes 32,766 variables, a row has 9.
_CHUNK = 128
_DELETE = "DELETE FROM change WHERE id BETWEEN ? AND ? AND key = ?"
_SET_COMPACT = "UPDATE meta SET value = ?1 WHERE name = 'compact_revision' AND value < ?1"
# Pages given back to the file system while nothing else is to do, so that a put never waits long.
_VACUUM_PAGES = 256


@cache
def _insertion(rows: int) -> str:
    """The statement for so many rows."""
    return "INSERT INTO change VALUES " + ",".join(["(?,?,?,?,?,?,?,?,?)"] * rows)  # noqa: S608 - only marks


def _no_failpoint(_name: str) -> None:
    return


@attrs.define(eq=False)
class SqliteLog(Generic[V]):
    """Keeps a store in *path* (WAL mode, full synchronous).

    Whatever waits when the writer thread is ready for it goes to disk as one SQLite transaction:
    one writer pays one fsync a put, a hundred share it. *post* brings a callback to the loop's own
    thread (``asyncio_loop.call_soon_threadsafe``); for *soon* see `GroupWriter`. *failpoint* is
    told the name of each place a crash test may want to die at. *held* is the file's lock, if it
    was taken before.
    """

    path: Path
    codec: Codec[V]
    post: Callable[[Callable[[], object]], object]
    retry_interval: float = attrs.field(default=1.0, kw_only=True)
    soon: Callable[[Callable[[], object]], object] | None = attrs.field(default=None, kw_only=True)
    failpoint: Callable[[str], None] = attrs.field(default=_no_failpoint, kw_only=True)
    held: BinaryIO | None = attrs.field(default=None, kw_only=True)
    _db: sqlite3.Connection = attrs.field(init=False)
    _lock: BinaryIO = attrs.field(init=False)
    _writer: GroupWriter[V] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lock = self.held or sqlite_file.lock(self.path)
        try:
            self.resume()
        except BaseException:
            self._lock.close()
            raise

    # --- on the loop's thread ---

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def load(self) -> Recovered[V]:
        """What the file holds.

        Raises:
            DamagedLogError: it cannot be read, or a row is wrong or missing.
        """
        head = sqlite_file.read_head(self.path, self._db)
        return Recovered(
            revision=head.revision,
            compact_revision=head.compact_revision,
            changes=self._read_changes(),
            leases=sqlite_file.read_leases(self.path, self._db),
        )

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Start the writer thread; see `ChangeLog.start`."""
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        self._writer.has_garbage = free > 0
        self._writer.start(on_durable, on_alarm)

    def append(self, changes: Sequence[Change[V]]) -> None:
        """Keep one commit."""
        self._writer.put(changes if isinstance(changes, list) else list(changes))

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Remember that *revision* is compacted and delete *dropped*."""
        self._writer.put(Compaction(revision, dropped))

    def grant(self, lease_id: int, ttl: float) -> None:
        """Keep a lease."""
        self._writer.put(Grant(lease_id, ttl))

    def revoke(self, lease_id: int) -> None:
        """Forget a lease."""
        self._writer.put(Revocation(lease_id))

    def after(self, callback: Callable[[], object]) -> None:
        """Call *callback* once all that was handed over so far is on disk."""
        self._writer.put(After(callback))

    def defragment(self, callback: Callable[[], object]) -> None:
        """Write the file anew without its holes, then call *callback*; writes wait meanwhile."""
        self._writer.put(After(callback, lambda: self._db.execute("VACUUM")))

    def size(self) -> int:
        """The bytes of the file; the write-ahead log beside it takes a few megabytes more."""
        return self.path.stat().st_size

    def suspend(self) -> None:
        """Write what is still waiting, stop the thread, close the file; it stays locked."""
        self._writer.close()
        self._db.close()

    def resume(self) -> None:
        """Open the file again; see `ChangeLog.resume`."""
        self._db = sqlite_file.open_file(self.path)
        self._writer = GroupWriter(
            self.post, self._write, self._shrink, self.retry_interval, self.soon
        )

    def close(self) -> None:
        """Write what is still waiting and stop the thread."""
        self.suspend()
        self._lock.close()

    def _read_changes(self) -> Iterator[Change[V]]:
        decode, decode_origin = self.codec.decode, self.codec.decode_origin
        for packed, key, value, created, version, lease, time, origin, _ in sqlite_file.read_rows(
            self.path, self._db
        ):
            main, sub = packed >> 20, packed & 0xFFFFF
            source = None if origin is None else decode_origin(origin)
            if value is None:
                mark: KeyValue[V] = tombstone(key, main)
                yield Change(main, sub, "delete", mark, None, source, time)
            else:
                kv = KeyValue(
                    key, decode(value), main if created == main else created, main, version, lease
                )
                yield Change(main, sub, "put", kv, None, source, time)

    # --- on the writer's thread ---

    def _write(self, changes: list[Change[V]], notes: list[Note]) -> None:
        """Make one group durable, as one SQLite transaction."""
        self.failpoint("before-write")
        rows = self._rows(changes)
        try:
            if not notes and len(rows) <= _CHUNK:
                # One statement is a transaction of its own: half the work of BEGIN and COMMIT.
                self._insert(rows)
            else:
                self._write_transaction(rows, notes)
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise WriteRefusedError(self._alarm(error)) from error
        self.failpoint("after-commit")

    def _write_transaction(self, rows: list[Row], notes: list[Note]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._insert(rows)
        self.failpoint("after-write")
        for note in notes:
            self._write_note(note)
        self.failpoint("before-commit")
        self._db.execute("COMMIT")

    def _rows(self, changes: list[Change[V]]) -> list[Row]:
        rows: list[Row] = []
        encode, encode_origin = self.codec.encode, self.codec.encode_origin
        for main, sub, kind, kv, _, origin, time in changes:
            packed = pack(main, sub)
            value = encode(kv.value) if kind == "put" else None
            rows.append(
                (
                    packed,
                    kv.key,
                    value,
                    kv.create_revision,
                    kv.version,
                    kv.lease,
                    time,
                    None if origin is None else encode_origin(origin),
                    checksum(packed, kv.key, value),
                )
            )
        return rows

    def _alarm(self, error: sqlite3.OperationalError) -> str:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return f"no space left on the disk of {self.path}; free some and writing goes on"
        return f"{self.path} cannot be written ({error}); writing goes on once it can"

    def _insert(self, rows: list[Row]) -> None:
        for at in range(0, len(rows), _CHUNK):
            chunk = rows[at : at + _CHUNK]
            self._db.execute(_insertion(len(chunk)), [cell for row in chunk for cell in row])

    def _write_note(self, job: Note) -> None:
        db = self._db
        if isinstance(job, Grant):
            db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?)", (job.lease_id, job.ttl))
        elif isinstance(job, Revocation):
            db.execute("DELETE FROM lease WHERE id = ?", (job.lease_id,))
        else:
            self.failpoint("before-compact")
            db.execute(_SET_COMPACT, (job.revision,))
            db.executemany(
                _DELETE, [(pack(main, 0), pack(main + 1, 0) - 1, key) for main, key in job.dropped]
            )
            self._writer.has_garbage = self._writer.has_garbage or bool(job.dropped)
            self.failpoint("after-compact")

    def _shrink(self) -> bool:
        """Give some free pages back to the file system; whether there are more."""
        self.failpoint("before-shrink")
        try:
            self._db.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            if not free:
                self._db.execute("PRAGMA wal_checkpoint").fetchall()
        except sqlite3.OperationalError as error:
            log.warning("could not shrink path=%s reason=%s", self.path, error)
            return False
        self.failpoint("after-shrink")
        return bool(free)

"""A change log in one SQLite file, written by one thread in groups."""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import attrs

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.sqlite_file import Row, checksum
from engine.store.kv import Change, KeyValue, tombstone
from engine.store.log import Codec, Recovered
from engine.store.revision import pack

V = TypeVar("V")

log = logging.getLogger(__name__)

# Rows for one INSERT statement. One statement of many rows gives up the interpreter lock once,
# many statements of one row each time; 9 columns of 512 rows stay below SQLite's 32,766 variables.
_CHUNKS = (512, 128, 32, 8, 1)
_INSERTS = {
    size: "INSERT INTO change VALUES " + ",".join(["(?,?,?,?,?,?,?,?,?)"] * size)  # noqa: S608 - only marks
    for size in _CHUNKS
}
_DELETE = "DELETE FROM change WHERE id BETWEEN ? AND ? AND key = ?"
_SET_COMPACT = "UPDATE meta SET value = ?1 WHERE name = 'compact_revision' AND value < ?1"
# Pages given back to the file system while nothing else is to do, so that a put never waits long.
_VACUUM_PAGES = 256


@attrs.frozen
class _Compact:
    revision: int
    dropped: Sequence[tuple[int, bytes]]


@attrs.frozen
class _Grant:
    lease_id: int
    ttl: float


@attrs.frozen
class _Revoke:
    lease_id: int


@attrs.frozen
class _After:
    callback: Callable[[], object]


@attrs.frozen
class _Defragment:
    callback: Callable[[], object]


class _Close:
    __slots__ = ()


_Job = list[Change[V]] | _Compact | _Grant | _Revoke | _After | _Defragment | _Close


def _no_failpoint(_name: str) -> None:
    return


@attrs.define(eq=False)
class SqliteLog(Generic[V]):
    """Keeps a store in *path* (WAL mode, full synchronous).

    Whatever waits when the writer thread is ready for it goes to disk as one SQLite transaction:
    one writer pays one fsync a put, a hundred share it. *post* brings a callback to the loop's own
    thread (``asyncio_loop.call_soon_threadsafe``). *failpoint* is told the name of each place a
    crash test may want to die at.
    """

    path: Path
    codec: Codec[V]
    post: Callable[[Callable[[], object]], object]
    retry_interval: float = attrs.field(default=1.0, kw_only=True)
    failpoint: Callable[[str], None] = attrs.field(default=_no_failpoint, kw_only=True)
    _db: sqlite3.Connection = attrs.field(init=False)
    _lock: BinaryIO = attrs.field(init=False)
    _jobs: "queue.SimpleQueue[_Job[V]]" = attrs.field(factory=queue.SimpleQueue, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)
    _on_durable: Callable[[int], object] = attrs.field(default=int, init=False)
    _on_alarm: Callable[[str | None], object] = attrs.field(default=bool, init=False)
    _closing: threading.Event = attrs.field(factory=threading.Event, init=False)
    _failed: BaseException | None = attrs.field(default=None, init=False)
    _has_garbage: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = sqlite_file.lock(self.path)
        try:
            self._db = sqlite_file.open_file(self.path)
        except BaseException:
            self._lock.close()
            raise

    # --- on the loop's thread ---

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
        self._on_durable, self._on_alarm = on_durable, on_alarm
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        self._has_garbage = free > 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def append(self, changes: Sequence[Change[V]]) -> None:
        """Keep one commit."""
        self._jobs.put(changes if isinstance(changes, list) else list(changes))

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Remember that *revision* is compacted and delete *dropped*."""
        self._jobs.put(_Compact(revision, dropped))

    def grant(self, lease_id: int, ttl: float) -> None:
        """Keep a lease."""
        self._jobs.put(_Grant(lease_id, ttl))

    def revoke(self, lease_id: int) -> None:
        """Forget a lease."""
        self._jobs.put(_Revoke(lease_id))

    def after(self, callback: Callable[[], object]) -> None:
        """Call *callback* once all that was handed over so far is on disk."""
        self._jobs.put(_After(callback))

    def defragment(self, callback: Callable[[], object]) -> None:
        """Write the file anew without its holes, then call *callback*; writes wait meanwhile."""
        self._jobs.put(_Defragment(callback))

    def size(self) -> int:
        """The bytes the log takes on disk."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    def close(self) -> None:
        """Write what is still waiting and stop the thread."""
        if self._thread is not None:
            self._closing.set()
            self._jobs.put(_Close())
            self._thread.join()
            self._thread = None
        self._db.close()
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

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - a bug of ours; it is raised on the loop's thread
            self._failed = error
            self.post(self._raise_failure)

    def _raise_failure(self) -> None:
        assert self._failed is not None
        self._on_alarm(f"the log's writer stopped: {self._failed!r}")
        raise self._failed

    def _turn(self) -> bool:
        """Write what waits, or tidy up while nothing does; False when it is time to stop."""
        jobs = self._take()
        if jobs is None:
            self._shrink()
            return True
        is_last = any(isinstance(job, _Close) for job in jobs)
        self._write_until_done(jobs)
        return not is_last

    def _take(self) -> "list[_Job[V]] | None":
        """The jobs that wait; if there is garbage to clear meanwhile, None instead of waiting."""
        try:
            jobs = [self._jobs.get(block=not self._has_garbage)]
        except queue.Empty:
            return None
        jobs.extend([self._jobs.get() for _ in range(self._jobs.qsize())])
        return jobs

    def _write_until_done(self, jobs: "list[_Job[V]]") -> None:
        """Write *jobs* as one transaction; while the disk refuses, say so and try again."""
        alarm: str | None = None
        rows = self._rows(jobs)
        while True:
            try:
                self._write(rows, jobs)
                break
            except sqlite3.OperationalError as error:
                alarm = self._report(error, alarm)
            if self._closing.wait(self.retry_interval):
                log.warning("closed without writing changes=%d path=%s", len(rows), self.path)
                return
        if alarm is not None:
            log.warning("store writes work again path=%s", self.path)
            self.post(partial(self._on_alarm, None))
        if rows:
            self.post(partial(self._on_durable, rows[-1][0] >> 20))
        for job in jobs:
            if isinstance(job, _Defragment):
                self._db.execute("VACUUM")
            if isinstance(job, _Defragment | _After):
                self.post(job.callback)

    def _report(self, error: sqlite3.OperationalError, before: str | None) -> str:
        """Raise the alarm that *error* calls for, unless it is the one from *before*."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            alarm = f"no space left on the disk of {self.path}; free some and writing goes on"
        else:
            alarm = f"{self.path} cannot be written ({error}); writing goes on once it can"
        if alarm != before:
            log.warning("store writes stopped path=%s reason=%s", self.path, error)
            self.post(partial(self._on_alarm, alarm))
        return alarm

    def _rows(self, jobs: "list[_Job[V]]") -> list[Row]:
        rows: list[Row] = []
        encode, encode_origin = self.codec.encode, self.codec.encode_origin
        for job in jobs:
            if isinstance(job, list):
                for main, sub, kind, kv, _, origin, time in job:
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

    def _write(self, rows: list[Row], jobs: "list[_Job[V]]") -> None:
        db, failpoint = self._db, self.failpoint
        failpoint("before-write")
        others = [job for job in jobs if isinstance(job, _Compact | _Grant | _Revoke)]
        if not others and len(rows) in _INSERTS:
            # One statement is a transaction of its own: half the work of BEGIN, INSERT, COMMIT.
            self._insert(rows)
        elif rows or others:
            db.execute("BEGIN IMMEDIATE")
            self._insert(rows)
            failpoint("after-write")
            for job in others:
                self._write_other(job)
            failpoint("before-commit")
            db.execute("COMMIT")
        failpoint("after-commit")

    def _insert(self, rows: list[Row]) -> None:
        at, left = 0, len(rows)
        for size in _CHUNKS:
            while left >= size:
                self._db.execute(
                    _INSERTS[size], [cell for row in rows[at : at + size] for cell in row]
                )
                at, left = at + size, left - size

    def _write_other(self, job: _Compact | _Grant | _Revoke) -> None:
        db = self._db
        if isinstance(job, _Grant):
            db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?)", (job.lease_id, job.ttl))
        elif isinstance(job, _Revoke):
            db.execute("DELETE FROM lease WHERE id = ?", (job.lease_id,))
        else:
            self.failpoint("before-compact")
            db.execute(_SET_COMPACT, (job.revision,))
            db.executemany(
                _DELETE, [(pack(main, 0), pack(main + 1, 0) - 1, key) for main, key in job.dropped]
            )
            self._has_garbage = self._has_garbage or bool(job.dropped)
            self.failpoint("after-compact")

    def _shrink(self) -> None:
        """Give some free pages back to the file system."""
        self.failpoint("before-shrink")
        try:
            self._db.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            if not free:
                self._has_garbage = False
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            self._has_garbage = False
            log.warning("could not shrink path=%s reason=%s", self.path, error)
        self.failpoint("after-shrink")

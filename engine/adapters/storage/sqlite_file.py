"""The file a store is kept in: its format, how it is opened, and when it is refused.

It knows nothing about threads or about what the values mean.
"""

import fcntl
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import attrs

from engine.store.errors import DamagedLogError, NewerFormatError, StoreError
from engine.store.revision import unpack

log = logging.getLogger(__name__)

# "Kuba" in ASCII: how `file` and we tell our files from other SQLite databases.
APPLICATION_ID = 0x4B756261
FORMAT = 1

# SQLite moves its write-ahead log into the file after this many pages and starts it over.
_WAL_PAGES = 1000
# A page of the write-ahead log with its header.
_FRAME = 4096 + 24

# Errors that say something about the disk or the rights to it, not about the file's content.
_OUTSIDE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
)

_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE change (
  id INTEGER PRIMARY KEY,  -- revision.pack(main, sub)
  key BLOB NOT NULL,
  value BLOB,              -- NULL: the key was deleted
  create_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  time REAL NOT NULL,
  origin BLOB,
  checksum INTEGER NOT NULL
);
CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl REAL NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('compact_revision', 0);
PRAGMA application_id = {application_id};
PRAGMA user_version = {format};
COMMIT;
"""

_SELECT = (
    "SELECT id, key, value, create_revision, version, lease, time, origin, checksum"
    " FROM change ORDER BY id"
)

Row = tuple[int, bytes, bytes | None, int, int, int, float, bytes | None, int]


class FileInUseError(StoreError):
    """Another process has the file open for writing."""


class FileUnusableError(StoreError):
    """The file cannot be opened or written, for a reason outside of it."""


@attrs.frozen
class Head:
    """Where a file stands."""

    revision: int
    compact_revision: int


def checksum(packed: int, key: bytes, value: bytes | None) -> int:
    """What a row must still add up to when it is read back."""
    return zlib.crc32(value or b"", zlib.crc32(key, packed & 0xFFFFFFFF))


def lock(path: Path) -> BinaryIO:
    """Keep other processes from writing to *path* for as long as the result is open.

    Raises:
        FileInUseError: another process holds it.
        FileUnusableError: the directory cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(path.name + ".lock").open("ab")
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise FileInUseError(
            f"{path} is in use by another Kubarium; stop that one, or give another --data directory"
        ) from error
    return handle


def open_file(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open *path*, making it if it is not there and *read_only* is not set.

    Raises:
        DamagedLogError: it is no store of ours, or damaged.
        NewerFormatError: a newer version wrote it.
        FileUnusableError: it cannot be opened, or its disk is full.
    """
    mode = "ro" if read_only else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {16 * _WAL_PAGES * _FRAME}")
        if not read_only and _is_blank(db):
            db.executescript(_SCHEMA.format(application_id=APPLICATION_ID, format=FORMAT))
            _sync_directory(path.parent)
        _check_format(path, db)
        if not read_only:
            _fill_ahead(path.with_name(path.name + "-wal"))
    except sqlite3.Error as error:
        db.close()
        if error.sqlite_errorcode & 0xFF in _OUTSIDE:
            raise _unusable(path, error) from error
        raise damaged(path, str(error)) from error
    except StoreError:
        db.close()
        raise
    return db


def damaged(path: Path, what: str) -> DamagedLogError:
    """The refusal of a damaged file, with what its owner can do."""
    return DamagedLogError(
        f"{path} is damaged: {what}. Restore a snapshot with `kubarium snapshot restore`, or move"
        f" the file (and its -wal and -shm) away to begin with an empty cluster."
    )


def read_head(path: Path, db: sqlite3.Connection) -> Head:
    """The newest and the compact revision.

    Raises:
        DamagedLogError: the file cannot be read.
    """
    try:
        (last,) = db.execute("SELECT max(id) FROM change").fetchone()
        meta = db.execute("SELECT value FROM meta WHERE name = 'compact_revision'").fetchone()
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error
    if meta is None:
        raise damaged(path, "its compact revision is missing")
    compact = int(meta[0])
    return Head(max(unpack(last or 0).main, compact, 1), compact)


def read_leases(path: Path, db: sqlite3.Connection) -> dict[int, float]:
    """The granted leases and their time to live in seconds.

    Raises:
        DamagedLogError: the file cannot be read.
    """
    try:
        return dict(db.execute("SELECT id, ttl FROM lease ORDER BY id").fetchall())
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error


def read_rows(path: Path, db: sqlite3.Connection) -> Iterator[Row]:
    """All changes in order, each checked against its checksum, none missing after compaction.

    Raises:
        DamagedLogError: a row is wrong or missing, or the file cannot be read.
    """
    compact = read_head(path, db).compact_revision
    # The first revision of a store is 2; compaction leaves every revision after its own.
    expected = max(compact + 1, 2)
    crc32 = zlib.crc32
    try:
        row: Row
        for row in db.execute(_SELECT):
            packed, value = row[0], row[2]
            if crc32(value or b"", crc32(row[1], packed & 0xFFFFFFFF)) != row[8]:
                raise damaged(path, f"{unpack(packed)} does not match its checksum")
            main = packed >> 20
            if main >= expected:
                if main > expected:
                    raise damaged(path, f"revisions {expected} to {main - 1} are missing")
                expected += 1
            yield row
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error


def _unusable(path: Path, error: Exception) -> FileUnusableError:
    return FileUnusableError(
        f"{path} cannot be used ({error}); check its permissions and the space on its disk"
    )


def _is_blank(db: sqlite3.Connection) -> bool:
    """Whether there is nothing yet: no file, or one whose making was cut short by a crash."""
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not application_id and not tables


def _check_format(path: Path, db: sqlite3.Connection) -> None:
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise DamagedLogError(
            f"{path} is not a Kubarium store; give another --data directory or move it away"
        )
    if version > FORMAT:
        raise NewerFormatError(
            f"{path} has format {version}, written by a newer Kubarium; this one reads up to"
            f" format {FORMAT}. Update Kubarium, or restore a snapshot of the older format."
        )


def _fill_ahead(wal: Path) -> None:
    """Let the write-ahead log have its full size from the beginning.

    Syncing a file that grows also writes its metadata, which makes each of the first thousand
    commits a third slower. Zeros after the last frame are no frames to SQLite.
    """
    missing = _WAL_PAGES * _FRAME - (wal.stat().st_size if wal.exists() else 0)
    if missing > 0:
        try:
            with wal.open("ab") as handle:
                handle.write(bytes(missing))
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            log.warning("could not fill ahead path=%s reason=%s", wal, error)


def _sync_directory(directory: Path) -> None:
    """Make the entries of *directory* survive a crash, as fsync of a new file alone does not."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Snapshots of a store: one file with everything, taken from a live or a stopped cluster."""

import os
import sqlite3
import zlib
from pathlib import Path

import attrs

from engine.adapters.storage import sqlite_file
from engine.store.errors import StoreError


class SnapshotError(StoreError):
    """A snapshot cannot be taken or restored; the message says what stands in the way."""


@attrs.frozen(kw_only=True)
class SnapshotStatus:
    """What a snapshot holds; *digest* is the same for equal content, whatever the file's layout."""

    digest: str
    revision: int
    compact_revision: int
    keys: int
    changes: int
    size: int


def save(source: Path, target: Path) -> SnapshotStatus:
    """Write everything in *source*, which a running cluster may be using, to the new file *target*.

    The snapshot is one durable revision: all of it and nothing after.

    Raises:
        SnapshotError: *source* is not there, or *target* is.
        DamagedLogError: *source* cannot be read.
    """
    if not source.exists():
        raise SnapshotError(f"there is no store at {source}")
    _refuse_existing(target)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    db = sqlite_file.open_file(source, read_only=True)
    try:
        db.execute("VACUUM INTO ?", (str(part),))
    except sqlite3.Error as error:
        part.unlink(missing_ok=True)
        raise SnapshotError(f"cannot write the snapshot {target}: {error}") from error
    finally:
        db.close()
    found = status(part)
    _publish(part, target)
    return found


def restore(snapshot: Path, target: Path) -> SnapshotStatus:
    """Make the new store file *target* from *snapshot*, after reading all of it once.

    Raises:
        SnapshotError: *snapshot* is not there, or *target* is.
        DamagedLogError: the snapshot is damaged.
        NewerFormatError: a newer version took it.
    """
    found = status(snapshot)
    _refuse_existing(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    source = sqlite_file.open_file(snapshot, read_only=True)
    try:
        copy = sqlite3.connect(part)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = WAL")
        finally:
            copy.close()
    except sqlite3.Error as error:
        part.unlink(missing_ok=True)
        raise SnapshotError(f"cannot restore to {target}: {error}") from error
    finally:
        source.close()
    _publish(part, target)
    return found


def status(snapshot: Path) -> SnapshotStatus:
    """What *snapshot*, or a store's own file, holds. Reads and checks all of it.

    Raises:
        SnapshotError: it is not there.
        DamagedLogError: it is damaged.
        NewerFormatError: a newer version wrote it.
    """
    if not snapshot.exists():
        raise SnapshotError(f"there is no snapshot at {snapshot}")
    db = sqlite_file.open_file(snapshot, read_only=True)
    try:
        head = sqlite_file.read_head(snapshot, db)
        digest, changes = 0, 0
        live: dict[bytes, None] = {}
        for row in sqlite_file.read_rows(snapshot, db):
            changes += 1
            digest = zlib.crc32(row[8].to_bytes(4), digest)
            if row[2] is None:
                live.pop(row[1], None)
            else:
                live[row[1]] = None
        return SnapshotStatus(
            digest=f"{digest:08x}",
            revision=head.revision,
            compact_revision=head.compact_revision,
            keys=len(live),
            changes=changes,
            size=snapshot.stat().st_size,
        )
    finally:
        db.close()


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise SnapshotError(f"{target} exists already; nothing is overwritten")


def _publish(part: Path, target: Path) -> None:
    """Give the finished file its name, in a way that survives a crash."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    part.rename(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""Upkeep of the store file of a cluster that does not run: old history out, holes closed.

Values stay as they are, encrypted ones too: no key is needed.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.errors import StoreError
from engine.store.log import BYTES
from engine.store.watchable_store import Store


def compact(path: Path, revision: int | None = None) -> int:
    """Forget what was superseded before *revision*, the newest by default; the answer is which.

    Raises:
        StoreError: there is no store at *path*, another process has it open, or it is damaged.
        CompactedError: it is compacted there already.
        FutureRevisionError: there is no such revision yet.
    """
    _check(path)
    loop = Loop(now=0.0)
    log: SqliteLog[bytes] = SqliteLog(path, BYTES, lambda callback: callback())
    store: Store[bytes] = Store(loop, log=log)
    try:
        wanted = store.revision if revision is None else revision
        store.compact(wanted)
        loop.run_for(0.0)
    finally:
        # Closing waits until all of it is on disk.
        log.close()
    return wanted


def defragment(path: Path) -> tuple[int, int]:
    """Write the file anew without its holes; its bytes before and after.

    Raises:
        StoreError: there is no store at *path*, another process has it open, or the disk is full.
    """
    _check(path)
    with _locked(path):
        before = path.stat().st_size
        db = sqlite_file.open_file(path)
        try:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be written anew: {error}; it is as it was") from error
        finally:
            db.close()
        return before, path.stat().st_size


def _check(path: Path) -> None:
    if not path.exists():
        raise StoreError(f"there is no store at {path}; name the --data directory of a cluster")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    handle = sqlite_file.lock(path)
    try:
        yield handle
    finally:
        handle.close()

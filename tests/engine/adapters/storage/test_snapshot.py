"""Snapshots of a store's file."""

import sqlite3
from pathlib import Path

import pytest

from engine.adapters.storage import snapshot
from engine.adapters.storage.snapshot import SnapshotError
from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.errors import DamagedLogError
from engine.store.log import BYTES
from engine.store.watchable_store import Store


def open_store(path: Path) -> Store[bytes]:
    """A store on *path* whose log posts into nothing."""
    return Store(Loop(), SqliteLog(path, BYTES, lambda _callback: None))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A closed store of three keys, one of them deleted."""
    path = tmp_path / "store.db"
    store = open_store(path)
    for key in (b"a", b"b", b"c"):
        store.put(key, key * 100)
    store.delete_range(b"c")
    store.close()
    return path


def test_a_restored_snapshot_is_the_store_it_was_taken_from(source: Path, tmp_path: Path) -> None:
    """Same revisions, same history, same digest."""
    saved = snapshot.save(source, tmp_path / "snap.db")

    restored = snapshot.restore(tmp_path / "snap.db", tmp_path / "new" / "store.db")

    assert restored == saved
    before, after = open_store(source), open_store(tmp_path / "new" / "store.db")
    assert after.revision == before.revision == saved.revision == 5
    assert after.kv.changes == before.kv.changes
    before.close()
    after.close()


def test_a_snapshot_of_a_live_store_is_one_revision_of_it(source: Path, tmp_path: Path) -> None:
    """Taking it needs no stop, and what is written afterwards is not in it."""
    live = open_store(source)
    saved = snapshot.save(source, tmp_path / "snap.db")
    live.put(b"later", b"1")
    live.close()

    assert saved.revision == 5
    assert saved.keys == 2
    assert snapshot.status(tmp_path / "snap.db").digest == saved.digest


def test_nothing_is_overwritten(source: Path, tmp_path: Path) -> None:
    """Neither saving nor restoring replaces a file."""
    target = tmp_path / "there.db"
    target.write_text("mine")

    with pytest.raises(SnapshotError, match="exists already"):
        snapshot.save(source, target)
    with pytest.raises(SnapshotError, match="exists already"):
        snapshot.restore(source, target)

    assert target.read_text() == "mine"


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """The message says which file is not there."""
    with pytest.raises(SnapshotError, match=r"nowhere\.db"):
        snapshot.save(tmp_path / "nowhere.db", tmp_path / "snap.db")
    with pytest.raises(SnapshotError, match=r"nowhere\.db"):
        snapshot.restore(tmp_path / "nowhere.db", tmp_path / "store.db")


def test_a_damaged_snapshot_is_not_restored(source: Path, tmp_path: Path) -> None:
    """Nothing is left at the target either."""
    snapshot.save(source, tmp_path / "snap.db")
    db = sqlite3.connect(tmp_path / "snap.db")
    db.execute("UPDATE change SET value = x'00' WHERE id >> 20 = 3")
    db.commit()
    db.close()

    with pytest.raises(DamagedLogError, match="checksum"):
        snapshot.restore(tmp_path / "snap.db", tmp_path / "new.db")

    assert not (tmp_path / "new.db").exists()

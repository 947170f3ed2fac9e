"""The change log in a SQLite file."""

import queue
import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.errors import DamagedLogError, NewerFormatError, ReadOnlyError
from engine.store.log import BYTES, Codec
from engine.store.txn import Put
from engine.store.watchable_store import Store


@attrs.define(eq=False)
class Opened:
    """A store on a file, with the callbacks its log posted."""

    path: Path
    loop: Loop = attrs.field(factory=Loop)
    posted: "queue.SimpleQueue[Callable[[], object]]" = attrs.field(factory=queue.SimpleQueue)
    codec: Codec[bytes] = BYTES
    log: SqliteLog[bytes] = attrs.field(init=False)
    store: Store[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.log = SqliteLog(self.path, self.codec, self.posted.put, retry_interval=0.01)
        self.store = Store(self.loop, self.log)

    def until(self, condition: Callable[[], object]) -> None:
        """Run what the log posts until *condition* holds."""
        while not condition():
            self.posted.get(timeout=30.0)()

    def settle(self) -> None:
        """Wait until all done so far is on disk."""
        done: list[bool] = []
        self.store.on_settled(lambda: done.append(True))
        self.until(lambda: done)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is kept."""
    return tmp_path / "store.db"


def test_answers_wait_until_their_revision_is_on_disk(path: Path) -> None:
    """A durable revision is what another reader of the file sees."""
    opened = Opened(path)
    answered: list[int] = []

    result = opened.store.put(b"a", b"1")
    opened.store.on_durable(result.revision, lambda: answered.append(result.revision))
    assert answered == []
    opened.until(lambda: answered)

    reader = sqlite3.connect(path)
    assert reader.execute("SELECT key, value FROM change").fetchall() == [(b"a", b"1")]
    reader.close()
    opened.store.close()


def test_a_store_is_the_same_after_it_was_opened_again(path: Path) -> None:
    """Keys, versions, history, origins and leases come back."""
    codec: Codec[bytes] = Codec(
        encode=bytes,
        decode=bytes,
        encode_origin=lambda origin: str(origin).encode(),
        decode_origin=bytes.decode,
    )
    first = Opened(path, codec=codec)
    lease = first.store.grant(60.0)
    first.store.txn(success=[Put(b"a", b"1", lease=lease), Put(b"b", b"")], origin="me")
    first.store.put(b"a", b"2")
    first.store.delete_range(b"b")
    first.store.close()

    again = Opened(path, codec=codec)

    assert again.store.revision == again.store.durable_revision == first.store.revision
    assert again.store.kv.changes == first.store.kv.changes
    assert again.store.range(b"", b"\0", revision=2) == first.store.range(b"", b"\0", revision=2)
    assert again.store.time_to_live(lease).keys == ()
    again.store.close()


def test_compaction_shrinks_the_file(path: Path) -> None:
    """The space of superseded values goes back to the file system."""
    opened = Opened(path)
    for number in range(3000):
        opened.store.put(b"key/%d" % (number % 10), b"x" * 1000)
    opened.settle()
    full = opened.log.size()
    opened.log.failpoint = lambda _name: opened.posted.put(lambda: None)

    opened.store.compact(opened.store.revision)
    opened.loop.run_for(1.0)
    opened.until(lambda: opened.log.size() < full / 20)
    opened.store.close()

    again = Opened(path)
    assert again.store.compact_revision == opened.store.compact_revision
    assert again.store.range(b"", b"\0") == opened.store.range(b"", b"\0")
    again.store.close()


def test_compaction_that_was_cut_short_is_finished_at_the_next_start(path: Path) -> None:
    """What a crash left undeleted below the compact revision is deleted later."""
    opened = Opened(path)
    for number in range(50):
        opened.store.put(b"key", b"%d" % number)
    opened.log.compact(opened.store.revision, ())
    opened.store.close()

    again = Opened(path)
    again.loop.run_for(1.0)
    again.store.close()

    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM change").fetchone() == (1,)
    db.close()


def test_defragmentation_keeps_everything(path: Path) -> None:
    """The file is written anew while the store is in use."""
    opened = Opened(path)
    opened.store.put(b"a", b"1")
    done: list[bool] = []

    opened.log.defragment(lambda: done.append(True))
    opened.store.put(b"b", b"2")
    opened.until(lambda: done)
    opened.store.close()

    again = Opened(path)
    assert again.store.range(b"", b"\0").count == 2
    again.store.close()


def test_a_full_disk_makes_the_store_read_only_until_there_is_room(path: Path) -> None:
    """Writes are refused with the reason, reads go on, nothing that was acknowledged is lost."""
    opened = Opened(path)
    store = opened.store
    store.put(b"before", b"1")
    opened.settle()
    pages = opened.log._db.execute("PRAGMA page_count").fetchone()[0]
    opened.log._db.execute(f"PRAGMA max_page_count = {pages}")
    answered: list[bool] = []

    written = store.put(b"during", b"x" * 100_000)
    store.on_durable(written.revision, lambda: answered.append(True))
    opened.until(lambda: store.alarm)

    with pytest.raises(ReadOnlyError, match="no space left"):
        store.put(b"refused", b"1")
    assert store.get(b"before") is not None
    assert not answered

    opened.log._db.execute("PRAGMA max_page_count = 1000000")
    opened.until(lambda: answered)
    opened.until(lambda: store.alarm is None)
    store.put(b"after", b"1")
    store.close()

    again = Opened(path)
    assert [kv.key for kv in again.store.range(b"", b"\0").kvs] == [b"after", b"before", b"during"]
    again.store.close()


def test_a_second_process_is_refused(path: Path) -> None:
    """Two writers would destroy each other's history."""
    opened = Opened(path)

    with pytest.raises(sqlite_file.FileInUseError, match="in use by another Kubarium"):
        Opened(path)

    opened.store.close()


@pytest.mark.parametrize("name", ["file/store.db", "folder"])
def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path, name: str) -> None:
    """Nobody is told that a file is damaged when its disk or its rights are the matter."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(sqlite_file.FileUnusableError, match="check its permissions"):
        Opened(tmp_path / name)


def test_a_newer_format_is_refused(path: Path) -> None:
    """The message says who wrote it and what to do."""
    Opened(path).store.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(NewerFormatError, match="format 99, written by a newer Kubarium"):
        Opened(path)


def test_a_file_of_someone_else_is_refused(path: Path) -> None:
    """Another program's database is not touched."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()

    with pytest.raises(DamagedLogError, match="not a Kubarium store"):
        Opened(path)


def test_garbage_is_refused(path: Path) -> None:
    """A file that is no database gets the same help as a damaged one."""
    path.write_bytes(b"not a database, but long enough to look at" * 100)

    with pytest.raises(DamagedLogError, match="kubarium snapshot restore"):
        Opened(path)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        pytest.param("UPDATE change SET value = x'00' WHERE id >> 20 = 3", "checksum", id="value"),
        pytest.param("UPDATE change SET key = x'00' WHERE id >> 20 = 3", "checksum", id="key"),
        pytest.param("DELETE FROM change WHERE id >> 20 = 3", "3 to 3 are missing", id="missing"),
        pytest.param("DELETE FROM meta", "compact revision is missing", id="meta"),
    ],
)
def test_a_damaged_row_is_refused(path: Path, damage: str, what: str) -> None:
    """A wrong or missing change is noticed, named, and never served."""
    opened = Opened(path)
    for number in range(5):
        opened.store.put(b"key/%d" % number, b"value")
    opened.store.close()
    db = sqlite3.connect(path)
    db.execute(damage)
    db.commit()
    db.close()

    with pytest.raises(DamagedLogError, match=what):
        Opened(path)


@pytest.mark.parametrize("cut", [4096, 5000, 20_000])
def test_a_truncated_file_is_refused(path: Path, cut: int) -> None:
    """A file that lost its end is never served as if it were whole."""
    opened = Opened(path)
    for number in range(200):
        opened.store.put(b"key/%d" % number, b"x" * 500)
    opened.store.close()
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(DamagedLogError, match="is damaged"):
        Opened(path)


def test_a_crashed_store_is_read_from_its_file_again(path: Path) -> None:
    """Everything that was written, and what is written afterwards is kept too."""
    opened = Opened(path)
    opened.store.put(b"a", b"1")
    opened.store.put(b"a", b"2")

    opened.store.crash()
    opened.store.recover()
    opened.store.put(b"b", b"3")
    opened.settle()

    assert opened.store.get(b"a", 2) is not None
    assert opened.store.durable_revision == opened.store.revision == 4
    opened.store.close()
    again = Opened(path)
    assert [kv.value for kv in again.store.range(b"", b"\0").kvs] == [b"2", b"3"]
    again.store.close()

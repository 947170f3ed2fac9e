"""`kubarium compact` and `kubarium defrag` on a cluster that does not run."""

from pathlib import Path

import pytest

from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.log import BYTES
from engine.store.watchable_store import Store
from tui.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stopped cluster's directory: three hundred versions of a large value."""
    log = SqliteLog(tmp_path / "store.db", BYTES, lambda _callback: None)
    store: Store[bytes] = Store(Loop(), log)
    for number in range(300):
        store.put(b"key", b"%d" % number + b"x" * 8192)
    store.put(b"gone", b"1")
    store.delete_range(b"gone")
    store.close()
    return tmp_path


def reopened(data: Path) -> Store[bytes]:
    """The store as the next start finds it."""
    return Store(Loop(), SqliteLog(data / "store.db", BYTES, lambda _callback: None))


def test_compacted_history_is_gone_and_the_newest_is_there(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the file shrinks, and nothing is lost."""
    assert main(["compact", "--data", str(data)]) == 0
    assert main(["defrag", "--data", str(data)]) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "compacted revision 303"
    before, after = (int(word) for word in said[1].split() if word.isdecimal())
    assert after <= before
    assert after < 200_000
    store = reopened(data)
    assert store.compact_revision == 303
    assert store.range(b"key").kvs[0].value.startswith(b"299x")
    assert store.range(b"gone").kvs == ()
    store.close()


def test_a_revision_can_be_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came after it stays readable."""
    assert main(["compact", "200", "--data", str(data)]) == 0

    store = reopened(data)
    assert store.compact_revision == 200
    assert store.range(b"key", revision=250).kvs[0].value.startswith(b"248x")
    store.close()
    assert capsys.readouterr().out == "compacted revision 200\n"


@pytest.mark.parametrize(
    ("revision", "said"),
    [("999", "revision 999 is in the future"), ("100", "revision 100 has been compacted")],
)
def test_what_cannot_be_compacted_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], revision: str, said: str
) -> None:
    """And changes nothing."""
    assert main(["compact", "200", "--data", str(data)]) == 0
    assert main(["compact", revision, "--data", str(data)]) == 1

    assert said in capsys.readouterr().err


def test_a_cluster_that_runs_keeps_its_file(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both commands say that it is in use; a directory without a store is named."""
    store = reopened(data)
    for command in ("compact", "defrag"):
        assert main([command, "--data", str(data)]) == 1
        assert "in use by another Kubarium" in capsys.readouterr().err
        assert main([command, "--data", str(data / "none")]) == 1
        assert "there is no store at" in capsys.readouterr().err
    store.close()

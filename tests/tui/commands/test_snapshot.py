"""`kubarium snapshot`."""

from pathlib import Path

import pytest

from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.log import BYTES
from engine.store.watchable_store import Store
from tui.cli import main


def test_a_saved_snapshot_restores_to_a_new_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Save, check and restore say the same of the same content."""
    log = SqliteLog(tmp_path / "old" / "store.db", BYTES, lambda _callback: None)
    store: Store[bytes] = Store(Loop(), log)
    store.put(b"key", b"1")
    store.close()
    snap, old, new = (str(tmp_path / name) for name in ("snap.db", "old", "new"))

    assert main(["snapshot", "save", snap, "--data", old]) == 0
    assert main(["snapshot", "status", snap]) == 0
    assert main(["snapshot", "restore", snap, "--data", new]) == 0

    digests = [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert len(digests) == 3
    assert len({*digests}) == 1
    assert (tmp_path / "new" / "store.db").exists()


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback reaches the user."""
    assert main(["snapshot", "status", str(tmp_path / "none.db")]) == 1

    assert capsys.readouterr().err == f"kubarium: there is no snapshot at {tmp_path}/none.db\n"

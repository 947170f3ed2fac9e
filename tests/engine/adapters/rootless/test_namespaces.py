"""Who holds the namespaces of which cluster, and which of them nobody lives in any more."""

import json
import os
from pathlib import Path

import pytest

from engine.adapters.rootless import namespaces
from engine.errors import AdapterError


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the records."""
    monkeypatch.setattr(namespaces, "runtime_folder", lambda: tmp_path / "run")
    return tmp_path / "run" / "namespaces"


def user_dies(records: Path) -> None:
    """As if the process that lived there were gone: its number belongs to a later one."""
    for path in records.iterdir():
        path.write_text(json.dumps({**json.loads(path.read_text()), "user_started": "0"}))


def test_namespaces_of_a_living_process_are_not_abandoned(tmp_path: Path) -> None:
    """It is still at work."""
    namespaces.claim(tmp_path / "state", os.getpid(), is_kept=False)

    assert list(namespaces.abandoned()) == []


def test_those_of_a_killed_process_are_abandoned(records: Path, tmp_path: Path) -> None:
    """Also if they were still being made."""
    namespaces.claim(tmp_path / "made", os.getpid(), is_kept=False)
    namespaces.claim(tmp_path / "begun", 0, is_kept=False)
    user_dies(records)

    assert set(namespaces.abandoned()) == {tmp_path / "made", tmp_path / "begun"}


def test_what_is_kept_is_abandoned_with_its_folder(records: Path, tmp_path: Path) -> None:
    """As long as the folder is there its containers may go on."""
    state = tmp_path / "state"
    state.mkdir()
    namespaces.claim(state, os.getpid(), is_kept=True)
    user_dies(records)
    before = list(namespaces.abandoned())

    state.rmdir()

    assert before == []
    assert list(namespaces.abandoned()) == [state]


def test_a_process_of_our_own_namespace_holds_none(tmp_path: Path) -> None:
    """Whatever a record says: nothing outside may be ended by mistake."""
    namespaces.claim(tmp_path / "state", os.getpid(), is_kept=False)

    assert namespaces.find(tmp_path / "state") == 0


def test_a_private_folder_is_ours_alone(tmp_path: Path) -> None:
    """Somebody else's is refused, with what to do."""
    made = namespaces.make_private(tmp_path / "a" / "b")

    assert made.stat().st_mode & 0o777 == 0o700
    if os.geteuid() != 0:
        with pytest.raises(AdapterError, match="XDG_RUNTIME_DIR"):
            namespaces.make_private(Path("/"))

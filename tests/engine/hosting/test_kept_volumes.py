"""Simulated volumes keep what they hold from one process to the next."""

from pathlib import Path

from engine.hosting.kept_volumes import VolumeKeeper
from engine.kernel.loop import Loop
from engine.simulation.storage import Rights, SimulatedStorage


def keeper(folder: Path) -> VolumeKeeper:
    """One for a storage that begins empty."""
    return VolumeKeeper(folder, SimulatedStorage(Loop(now=0.0), lambda _: None))


def test_what_was_written_is_there_in_the_next_process(tmp_path: Path) -> None:
    """Files, folders, modes and the size of the volume."""
    first = keeper(tmp_path / "volumes")
    tree = first.storage.tree("pvc-1", 1000)
    tree.files["a/b"] = b"\x00text"
    tree.folders["a"] = None
    tree.rights["a/b"] = Rights(0o600, 1001)

    first.save()
    second = keeper(tmp_path / "volumes")
    second.load()

    found = second.storage.trees["pvc-1"]
    assert (found.size, found.files, found.folders) == (1000, {"a/b": b"\x00text"}, {"a": None})
    assert found.rights == {"a/b": Rights(0o600, 1001)}


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    """A volume that stays as it is costs no disk."""
    kept = keeper(tmp_path)
    kept.storage.tree("pvc-1").files["a"] = b"1"
    kept.save()
    (path,) = tmp_path.iterdir()
    path.write_text("untouched")

    kept.save()
    assert path.read_text() == "untouched"

    kept.storage.tree("pvc-1").files["a"] = b"2"
    kept.save()
    assert path.read_text() != "untouched"


def test_a_deleted_volume_leaves_nothing(tmp_path: Path) -> None:
    """Its file goes too."""
    kept = keeper(tmp_path)
    kept.storage.tree("pvc-1").files["a"] = b"1"
    kept.save()

    del kept.storage.trees["pvc-1"]
    kept.save()

    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """What cannot be read is neither taken nor removed."""
    (tmp_path / "x.json").write_text("{}")
    kept = keeper(tmp_path)

    kept.load()
    kept.save()

    assert kept.storage.trees == {}
    assert (tmp_path / "x.json").exists()

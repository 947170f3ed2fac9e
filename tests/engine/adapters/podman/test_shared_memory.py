"""Folders in memory: those whose instances are gone go too, and no others."""

from pathlib import Path

from engine.adapters.podman.records import memory_folder
from engine.adapters.podman.shared_memory import OWNER, remove_ownerless


def folder_of(state: Path, root: Path) -> Path:
    """What an instance with its files in *state* has in memory."""
    folder = memory_folder(state, root)
    folder.mkdir(parents=True)
    (folder / OWNER).write_text(str(state))
    return folder


def test_only_folders_of_instances_without_files_go(tmp_path: Path) -> None:
    """Not those of instances that have files, nor those that do not say whose they are."""
    root, kept = tmp_path / "memory", tmp_path / "kept"
    kept.mkdir()
    gone = folder_of(tmp_path / "gone", root)
    stays = [folder_of(kept, root), root / "kubarium-000000000000", root / "other"]
    for folder in stays[1:]:
        folder.mkdir()
    (stays[1] / OWNER).write_text(str(tmp_path / "gone"))  # a name that is not its own

    assert remove_ownerless(root) == [gone]
    assert sorted(root.iterdir()) == sorted(stays)

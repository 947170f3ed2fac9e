"""Volumes as folders."""

from pathlib import Path

import pytest

from engine.adapters.podman.volumes import PodVolumes
from engine.cri.commands import FileContent, Mount, Volume
from engine.errors import AdapterError


@pytest.fixture
def volumes(tmp_path: Path) -> PodVolumes:
    """The volumes of one pod, in temporary folders."""
    return PodVolumes(tmp_path / "volumes", tmp_path / "shm")


def content(**files: str) -> Volume:
    """A content volume named config."""
    return Volume(
        name="config",
        files=tuple(FileContent(path=path, data=data.encode()) for path, data in files.items()),
    )


def test_new_content_replaces_the_old_as_a_whole(volumes: PodVolumes) -> None:
    """Changed files change, removed files go, new ones come; nothing else is left."""
    place = volumes.provide(content(a="1", b="2"))
    volumes.provide(content(b="3", c="4"))

    visible = {path.name: path.read_text() for path in place.iterdir() if path.name[0] != "."}

    assert visible == {"b": "3", "c": "4"}
    assert len([path for path in place.iterdir() if path.name.startswith("..")]) == 2


def test_an_open_folder_keeps_its_content_during_the_swap(volumes: PodVolumes) -> None:
    """Files are links through one link, so that a reader sees one version or the other."""
    place = volumes.provide(content(a="1"))
    before = (place / "..data").readlink()
    volumes.provide(content(a="2"))

    assert (place / "a").readlink() == Path("..data/a")
    assert (place / "..data").readlink() != before


def test_equal_content_changes_nothing(volumes: PodVolumes) -> None:
    """Providing the same again does not even touch the link."""
    place = volumes.provide(content(a="1"))
    before = (place / "..data").lstat().st_ino

    volumes.provide(content(a="1"))

    assert (place / "..data").lstat().st_ino == before


def test_files_keep_their_modes_and_folders(volumes: PodVolumes) -> None:
    """Paths with folders, and modes, are as the volume says."""
    files = (FileContent(path="keys/id", data=b"secret", mode=0o400),)

    place = volumes.provide(Volume(name="keys", files=files))

    assert (place / "keys/id").read_text() == "secret"
    assert (place / "keys/id").stat().st_mode & 0o777 == 0o400


def test_a_file_cannot_leave_its_volume(volumes: PodVolumes) -> None:
    """A path that climbs out is refused before anything is written there."""
    files = (FileContent(path="../../escaped", data=b""),)

    with pytest.raises(AdapterError, match="leave its volume"):
        volumes.provide(Volume(name="config", files=files))

    assert not (volumes.folder.parent / "escaped").exists()


def test_empty_directory_keeps_what_was_written(volumes: PodVolumes) -> None:
    """A container that starts again finds its emptyDir as it was."""
    place = volumes.provide(Volume(name="scratch"))
    (place / "f").write_text("kept")

    again = volumes.provide(Volume(name="scratch"))

    assert (again / "f").read_text() == "kept"


@pytest.mark.parametrize(
    ("kind", "is_fine"),
    [("", False), ("Directory", False), ("DirectoryOrCreate", True), ("FileOrCreate", True)],
)
def test_host_path_types_are_checked(
    volumes: PodVolumes, tmp_path: Path, kind: str, is_fine: bool
) -> None:
    """What is not there is an error, unless the type says to make it."""
    volume = Volume(name="host", host_path=str(tmp_path / "new"), host_path_type=kind)

    if is_fine:
        assert volumes.provide(volume).exists()
    else:
        with pytest.raises(AdapterError, match="hostPath"):
            volumes.provide(volume)


def test_mounts_find_their_place_below_the_volume(volumes: PodVolumes) -> None:
    """A sub path is a folder or file of the volume; content volumes are read-only."""
    mounts = [
        Mount(volume="config", container_path="/etc/a", sub_path="a"),
        Mount(volume="scratch", container_path="/data", sub_path="db"),
    ]

    first, second = volumes.mounts(mounts, [content(a="1"), Volume(name="scratch")])

    assert Path(first["source"]).read_text() == "1"
    assert "ro" in first["options"]
    assert Path(second["source"]).is_dir()
    assert "rw" in second["options"]


@pytest.mark.parametrize("sub_path", ["../other", "missing"])
def test_bad_sub_paths_are_refused(volumes: PodVolumes, sub_path: str) -> None:
    """Neither out of the volume, nor to a file that content does not have."""
    mounts = [Mount(volume="config", container_path="/x", sub_path=sub_path)]

    with pytest.raises(AdapterError, match="subPath"):
        volumes.mounts(mounts, [content(a="1")])


def test_removal_takes_both_folders(volumes: PodVolumes) -> None:
    """Disk and memory are given back."""
    volumes.provide(Volume(name="disk"))
    volumes.provide(Volume(name="memory", medium="Memory"))

    volumes.remove()

    assert not volumes.folder.exists()
    assert not volumes.shm.exists()

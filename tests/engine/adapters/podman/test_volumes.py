"""Volumes as folders."""

import os
from pathlib import Path

import attrs
import pytest

from engine.adapters.podman.volumes import PodVolumes
from engine.api.frozen import FrozenDict
from engine.cri.commands import FileContent, Mount, PodIdentity, Volume
from engine.errors import AdapterError

POD = PodIdentity(namespace="default", name="web", uid="uid-1")


@pytest.fixture
def volumes(tmp_path: Path) -> PodVolumes:
    """The volumes of one pod, in temporary folders."""
    return PodVolumes(tmp_path / "volumes", tmp_path / "shm", tmp_path / "a" / "b" / "mounts")


def test_huge_pages_are_never_an_ordinary_folder(volumes: PodVolumes) -> None:
    """Where none can be mounted the pod says so."""
    with pytest.raises(AdapterError, match=r"huge pages \(HugePages-2Mi\)"):
        volumes.provide(Volume(name="pages", medium="HugePages-2Mi"))


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


def test_what_an_interrupted_try_left_is_in_nobodys_way(volumes: PodVolumes) -> None:
    """A version that was only half written, and not yet shown, is written anew."""
    files = (FileContent(path="token", data=b"secret", mode=0o440),)
    place = volumes.provide(Volume(name="token", files=files))
    (place / "..data/half").touch()
    (place / "..data").unlink()

    again = volumes.provide(Volume(name="token", files=files))

    assert (again / "token").read_text() == "secret"
    assert sorted(path.name for path in (again / "..data").iterdir()) == ["token"]


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
    [("", True), ("Directory", False), ("DirectoryOrCreate", True), ("FileOrCreate", True)],
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


async def test_mounts_find_their_place_below_the_volume(volumes: PodVolumes) -> None:
    """A sub path is a folder or file of the volume; content volumes are read-only."""
    mounts = [
        Mount(volume="config", container_path="/etc/a", sub_path="a"),
        Mount(volume="scratch", container_path="/data", sub_path="db"),
    ]

    sources = [content(a="1"), Volume(name="scratch")]
    places = await volumes.provide_all(POD, sources)
    first, second = volumes.binds(mounts, sources, places)

    assert volumes.folder / first["source"] == (places["config"] / "a").resolve()
    assert "ro" in first["options"]
    assert second["source"] == str(places["scratch"] / "db")
    assert "rw" in second["options"]


@pytest.mark.parametrize("sub_path", ["../other", "missing"])
async def test_bad_sub_paths_are_refused(volumes: PodVolumes, sub_path: str) -> None:
    """Neither out of the volume, nor to a file that content does not have."""
    mounts = [Mount(volume="config", container_path="/x", sub_path=sub_path)]

    places = await volumes.provide_all(POD, [content(a="1")])
    with pytest.raises(AdapterError, match="subPath"):
        volumes.binds(mounts, [content(a="1")], places)


async def test_removal_takes_all_folders(volumes: PodVolumes) -> None:
    """Disk and memory are given back."""
    volumes.provide(Volume(name="disk"))
    volumes.provide(Volume(name="memory", medium="Memory"))

    volumes.provide(attrs.evolve(content(a="1"), name="keys", is_secret=True))
    await volumes.remove(POD)

    assert not volumes.folder.exists()
    assert not volumes.shm.exists()
    assert not volumes.mounts_folder.exists()


def test_secrets_never_touch_the_disk(volumes: PodVolumes) -> None:
    """What is secret lies in the folder in memory."""
    place = volumes.provide(attrs.evolve(content(a="1"), is_secret=True))

    assert place.is_relative_to(volumes.shm)


def test_a_group_reaches_content_and_folders(volumes: PodVolumes) -> None:
    """fsGroup: content becomes readable for the group, a folder is written and inherited by it."""
    group = os.getgid()
    files = (FileContent(path="key", data=b"x", mode=0o400),)
    key = volumes.provide(Volume(name="keys", files=files, group=group)) / "key"
    scratch = volumes.provide(Volume(name="scratch", group=group))

    assert key.stat().st_mode & 0o777 == 0o440
    assert scratch.stat().st_mode & 0o2770 == 0o2770


async def test_a_driver_makes_other_kinds_available(volumes: PodVolumes, tmp_path: Path) -> None:
    """A volume with a driver is where its driver says, and is given back with the pod."""

    class Disk:
        def __init__(self) -> None:
            self.gone: list[str] = []

        async def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
            assert volume.attributes["size"] == "1"
            place.mkdir(parents=True)  # noqa: ASYNC240 - a test's folder
            return place

        async def grow(self, volume: Volume) -> None:
            raise AssertionError("nothing asked for more room")

        async def unmount(self, pod: PodIdentity, place: Path) -> None:
            self.gone.append(place.name)

    disk = Disk()
    served = attrs.evolve(volumes, drivers={"disk": disk})
    claim = Volume(name="data", driver="disk", attributes=FrozenDict({"size": "1"}))

    places = await served.provide_all(POD, [claim])
    await served.remove(POD)

    assert places["data"] == served.mounts_folder / "data"
    assert disk.gone == ["data"]

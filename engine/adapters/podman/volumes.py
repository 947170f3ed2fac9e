"""The volumes of a pod as folders on this host: content, empty directories, host paths.

It knows files; which containers mount them is said in the commands.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import attrs

from engine.adapters.podman.records import Owner
from engine.adapters.podman.specs import bind
from engine.cri.commands import FileContent, Mount, PodIdentity, Volume
from engine.errors import AdapterError

SHM = Path("/dev/shm")  # noqa: S108 - a tmpfs that is always there, for medium Memory
DATA = "..data"


@attrs.define(eq=False)
class PodVolumes:
    """The volumes of one pod, below *folder*; those in memory below */dev/shm*.

    Promises:
        * a content volume changes all at once: who reads sees the old files or the new ones;
        * nothing outside the two folders is ever removed.
    """

    folder: Path
    shm: Path

    @classmethod
    def of(cls, owner: Owner, pod: PodIdentity) -> Self:
        """The volumes of *pod*."""
        folder = owner.pod_folder(pod) / "volumes"
        return cls(folder, memory_folder(owner.state) / owner.node / pod.uid)

    def provide(self, volume: Volume, *, group: int | None = None) -> Path:
        """Make sure the volume is there, with its present content; where it is.

        Raises:
            AdapterError: a host path is not what the volume says it has to be.
        """
        if volume.files is not None:
            place = self.folder / volume.name
            write_files(place, volume.files)
            return place
        if volume.host_path:
            return host_path(Path(volume.host_path), volume.host_path_type)
        place = (self.shm if volume.medium == "Memory" else self.folder) / volume.name
        if not place.is_dir():
            place.mkdir(parents=True)
            place.chmod(0o777)
            if group is not None:
                os.chown(place, -1, group)
                place.chmod(0o2777)
        return place

    def mounts(
        self, mounts: Iterable[Mount], volumes: Iterable[Volume], *, group: int | None = None
    ) -> list[dict[str, Any]]:
        """The bind mounts of one container.

        Raises:
            AdapterError: a mount names a volume that is not there, or one that cannot be provided.
        """
        known = {volume.name: volume for volume in volumes}
        places: dict[str, Path] = {}
        binds = []
        for mount in mounts:
            volume = known.get(mount.volume)
            if volume is None:
                raise AdapterError(f"volume {mount.volume!r} is not in the pod")
            if mount.volume not in places:
                places[mount.volume] = self.provide(volume, group=group)
            place = places[mount.volume]
            if mount.sub_path:
                place = sub_path(place, mount.sub_path, make=volume.files is None)
            is_read_only = mount.read_only or volume.files is not None
            binds.append(bind(place, mount.container_path, read_only=is_read_only))
        return binds

    def remove(self) -> None:
        """Remove the volumes with their content (host paths stay)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.shm, ignore_errors=True)


def memory_folder(state: Path) -> Path:
    """Where the instance with its files in *state* has its volumes in memory."""
    digest = hashlib.sha256(str(state).encode()).hexdigest()
    return SHM / f"kubarium-{digest[:12]}"


def write_files(place: Path, files: tuple[FileContent, ...]) -> None:
    """Write *files* into the folder *place*: into a new folder, then swap one symbolic link.

    Source: the kubelet's AtomicWriter, atomic_writer.go, kubernetes v1.34.
    """
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        digest.update(b"%s\0%o\0%d\0" % (file.path.encode(), file.mode, len(file.data)))
        digest.update(file.data)
    version = f"..{digest.hexdigest()[:16]}"
    current = place / DATA
    before = current.readlink() if current.is_symlink() else None
    if before is not None and str(before) == version:
        return
    fresh = place / version
    for file in files:
        target = fresh / file.path
        if not target.resolve().is_relative_to(fresh.resolve()):
            raise AdapterError(f"file {file.path!r} would leave its volume")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
    fresh.mkdir(parents=True, exist_ok=True)
    link = place / "..data_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(version)
    link.rename(current)
    wanted = {file.path.split("/", 1)[0] for file in files}
    for name in sorted(wanted):
        if not (place / name).is_symlink():
            (place / name).symlink_to(Path(DATA) / name)
    for entry in place.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    if before is not None:
        shutil.rmtree(place / before, ignore_errors=True)


def host_path(path: Path, kind: str) -> Path:
    """*path*, checked or made as the volume's type *kind* says."""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(exist_ok=True)
    checks = {
        "": path.exists,
        "Directory": path.is_dir,
        "DirectoryOrCreate": path.is_dir,
        "File": path.is_file,
        "FileOrCreate": path.is_file,
        "Socket": path.is_socket,
        "CharDevice": path.is_char_device,
        "BlockDevice": path.is_block_device,
    }
    if not checks.get(kind, path.exists)():
        raise AdapterError(f"hostPath {path} is not a {kind or 'path that exists'}")
    return path


def sub_path(place: Path, relative: str, *, make: bool) -> Path:
    """The file or folder *relative* inside the volume at *place*; made as a folder if missing."""
    target = (place / relative).resolve()
    if not target.is_relative_to(place.resolve()):
        raise AdapterError(f"subPath {relative!r} would leave its volume")
    if not target.exists():
        if not make:
            raise AdapterError(f"subPath {relative!r} is not in the volume")
        target.mkdir(parents=True)
    return target

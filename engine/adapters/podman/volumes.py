"""The volumes of a pod as folders on this host: content, empty directories, host paths.

It knows files; which containers mount them is said in the commands.
"""

import contextlib
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import attrs

from engine.adapters.podman.content import set_ownership, write_files
from engine.adapters.podman.memory import SHARED, forget_memory, make_huge_pages, make_memory
from engine.adapters.podman.read_only import has_mounts, show_read_only
from engine.adapters.podman.records import Owner, digest, memory_folder
from engine.adapters.podman.specs import bind
from engine.cri.commands import Mount, PodIdentity, Volume
from engine.errors import AdapterError

OPEN, STICKY = 0o777, 0o1777
"""What a volume's folder lets users do: all they like. In memory, as any tmpfs, with their own."""
HOST_TYPES = {
    "Directory": "is not a directory",
    "DirectoryOrCreate": "is not a directory",
    "File": "is not a file",
    "FileOrCreate": "is not a file",
    "Socket": "is not a socket file",
    "CharDevice": "is not a character device",
    "BlockDevice": "is not a block device",
}


class VolumeFailure(AdapterError):  # noqa: N818 - VolumeError is the kubelet's
    """A volume cannot be provided; the message is the kubelet's, with the volume's name."""

    def __init__(self, volume: str, cause: Exception) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {cause}')


class VolumeDriver(Protocol):
    """Makes volumes of one kind available as folders of this host: disks, network file systems.

    The name under which it is registered is what `engine.cri.commands.Volume.driver` says.
    """

    async def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
        """Have the volume's content below *place* or where else it is; may be repeated.

        Raises:
            AdapterError: it cannot be had.
        """
        ...

    async def grow(self, volume: Volume) -> None:
        """Let the volume's file system have the volume's size.

        Raises:
            AdapterError: it cannot.
        """
        ...

    async def unmount(self, pod: PodIdentity, place: Path) -> None:
        """Undo `mount`; of what was never mounted nothing is to be done."""
        ...


@attrs.define(eq=False)
class PodVolumes:
    """The volumes of one pod, below *folder*; secrets below *shm*, and those in memory at *mounts*.

    Promises:
        * a content volume changes all at once: who reads sees the old files or the new ones;
        * nothing outside the three folders is ever removed.
    """

    folder: Path
    shm: Path
    mounts_folder: Path
    drivers: Mapping[str, VolumeDriver] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls, owner: Owner, pod: PodIdentity, drivers: Mapping[str, VolumeDriver] | None = None
    ) -> Self:
        """The volumes of *pod*."""
        return cls(
            Path(f"{owner.pod_folder(pod)}/volumes"),
            Path(f"{memory_folder(owner.state)}/{owner.node}/{pod.uid}"),
            Path(f"{mounts_folder(owner.state)}/{owner.node}/{pod.uid}"),
            drivers or {},
        )

    def provide(self, volume: Volume) -> Path:
        """Make sure the volume is there, with its present content; where it is.

        Raises:
            AdapterError: a host path is not what the volume says it has to be.
        """
        if volume.files is not None:
            place = (self.shm if volume.is_secret else self.folder) / volume.name
            mode = STICKY if volume.is_secret else OPEN
            write_files(place, volume.files, mode=mode, group=volume.group)
            return place
        if volume.host_path:
            return host_path(Path(volume.host_path), volume.host_path_type)
        if volume.medium == "Memory":
            place = make_memory(
                self.mounts_folder / volume.name, self.shm / volume.name, volume.size_limit
            )
        elif volume.medium.startswith("HugePages"):
            place = make_huge_pages(self.mounts_folder / volume.name, volume.medium)
        else:
            place = self.folder / volume.name
            if not place.is_dir():
                place.mkdir(parents=True)
                place.chmod(OPEN)
        if volume.group is not None:
            set_ownership(place, volume.group, only_if_needed=volume.group_if_needed)
        return place

    async def provide_all(self, pod: PodIdentity, volumes: Iterable[Volume]) -> dict[str, Path]:
        """Make sure that all *volumes* are there; where they are.

        Raises:
            VolumeFailure: one cannot be provided.
        """
        places: dict[str, Path] = {}
        for volume in volumes:
            try:
                places[volume.name] = await self._place(pod, volume)
            except (AdapterError, OSError) as error:
                raise VolumeFailure(volume.name, error) from error
        return places

    async def _place(self, pod: PodIdentity, volume: Volume) -> Path:
        if not volume.driver:
            return self.provide(volume)
        driver = self.drivers.get(volume.driver)
        if driver is None:
            raise AdapterError(f"no driver named {volume.driver!r} serves this node")
        place = await driver.mount(pod, volume, self.mounts_folder / volume.name)
        if volume.group is not None and not volume.is_device:
            set_ownership(place, volume.group, only_if_needed=volume.group_if_needed)
        return place

    async def grow(self, volume: Volume) -> None:
        """Let the file system of a driver's volume have the volume's size.

        Raises:
            AdapterError: it cannot.
        """
        driver = self.drivers.get(volume.driver)
        if driver is None:
            raise AdapterError(f"no driver named {volume.driver!r} serves this node")
        await driver.grow(volume)

    def binds(
        self, mounts: Iterable[Mount], volumes: Iterable[Volume], places: Mapping[str, Path]
    ) -> list[dict[str, Any]]:
        """The bind mounts of one container.

        Raises:
            AdapterError: a mount names a volume that is not there, or a path that leaves it.
        """
        known = {volume.name: volume for volume in volumes}
        binds = []
        for mount in mounts:
            volume = known.get(mount.volume)
            if volume is None:
                raise AdapterError(f"volume {mount.volume!r} is not in the pod")
            place = places[mount.volume]
            if mount.sub_path:
                place = sub_path(place, mount.sub_path, make=volume.files is None)
            if mount.is_recursive and has_mounts(place):
                place = self._read_only(mount, place)
            binds.append(
                bind(
                    place,
                    mount.container_path,
                    read_only=mount.read_only or volume.files is not None,
                    propagation=mount.propagation,
                )
            )
        return binds

    def _read_only(self, mount: Mount, place: Path) -> Path:
        """Where *place* is shown without anything writable in it."""
        shown = f".{mount.volume}.{digest(place)}"
        try:
            return show_read_only(place, self.mounts_folder / shown)
        except OSError as error:
            raise AdapterError(
                f'failed to resolve recursive read-only mode: volume "{mount.volume}" requested'
                f" recursive read-only mode, but it is not supported by the runtime: {error}"
            ) from error

    async def remove(self, pod: PodIdentity) -> None:
        """Remove the volumes with their content (host paths and what drivers keep stay)."""
        if self.mounts_folder.is_dir():
            for place in sorted(self.mounts_folder.iterdir()):
                for driver in dict.fromkeys(self.drivers.values()):
                    await driver.unmount(pod, place)
                forget_memory(place)
            with contextlib.suppress(OSError):
                self.mounts_folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.shm, ignore_errors=True)


def mounts_folder(state: Path) -> Path:
    """Where file systems of the instance with its files in *state* are mounted.

    Not in *state*, which its user may want to remove at any time.
    """
    return SHARED / digest(state)


def host_path(path: Path, kind: str) -> Path:
    """*path*, checked or made as the volume's type *kind* says."""
    if kind == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o755)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch()
        path.chmod(0o644)
    elif kind == "" and not path.exists():
        path.mkdir(parents=True)  # as the kubelet's runtimes do for a bind without a source
    checks = {
        "Directory": path.is_dir,
        "DirectoryOrCreate": path.is_dir,
        "File": path.is_file,
        "FileOrCreate": path.is_file,
        "Socket": path.is_socket,
        "CharDevice": path.is_char_device,
        "BlockDevice": path.is_block_device,
    }
    check = checks.get(kind)
    if check is not None and not check():
        raise AdapterError(f"hostPath type check failed: {path} {HOST_TYPES[kind]}")
    return path


def sub_path(place: Path, relative: str, *, make: bool) -> Path:
    """The file or folder *relative* inside the volume at *place*; made as a folder if missing."""
    target = (place / relative).resolve()
    if not target.is_relative_to(place.resolve()):
        raise AdapterError(f"subPath {relative!r} would leave its volume")
    if not target.exists():
        if not make:
            raise AdapterError(f"subPath {relative!r} is not in the volume")
        _make_like(place.resolve(), target)
    return target


def _make_like(place: Path, target: Path) -> None:
    """Make the folder *target* and those above it, with the mode of the volume at *place*."""
    mode = stat.S_IMODE(place.stat().st_mode)
    for folder in [*reversed(target.relative_to(place).parents), target.relative_to(place)]:
        path = place / folder
        if not path.exists():
            path.mkdir()
            path.chmod(mode)

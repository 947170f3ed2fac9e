"""The volumes of a real cluster on this machine: a disk image, or a folder, each.

All nodes are on one machine, so a volume is one device, wherever it is mounted: what one node wrote
another one reads, and a file system is never mounted twice by two kernels.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

import attrs

from engine.adapters.volumes import images
from engine.adapters.volumes.sharing import Shares
from engine.cri.commands import PodIdentity, Volume
from engine.cri.storage import (
    LOCAL,
    NETWORK,
    CreateVolume,
    DeleteVolume,
    GrowVolume,
    SnapshotVolume,
    StorageRequest,
)
from engine.errors import AdapterError

OF_POD = "goes-with-its-pod"


@attrs.define(eq=False)
class Disks:
    """The volumes below *folder*, each in a folder of its handle's name. Blocking; thread-safe.

    Without *has_images* all of them are plain folders, whose size nothing bounds. With *has_shares*
    network volumes are mounted from a file server, else they are those folders themselves.

    Promises:
        * what is mounted or shown as a device has a mark of its pod, so that it can be given back
          by a process that did not take it;
        * deleting what is in use fails.
    """

    folder: Path
    has_images: bool = True
    has_shares: bool = False
    _shares: Shares = attrs.field(factory=Shares, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def do(self, request: StorageRequest) -> str:
        """Do what is asked; what went wrong, or nothing."""
        with self._lock:
            try:
                self._do(request)
            except AdapterError as error:
                return f"rpc error: code = Internal desc = {error}"
            except OSError as error:
                code = "ResourceExhausted" if error.errno == 28 else "Internal"
                return f"rpc error: code = {code} desc = {error.strerror}: {error.filename}"
        return ""

    def make_for_pod(self, handle: str, driver: str, size: int) -> str:
        """Make a volume that goes with its pod; what went wrong, or nothing."""
        error = self.do(CreateVolume(handle=handle, driver=driver, size=size))
        if not error:
            (self._home(handle) / OF_POD).touch()
        return error

    def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
        """Have a volume at *place*, or the device that it is; may be repeated.

        Raises:
            AdapterError: there is no such volume, or the machine refuses.
        """
        with self._lock:
            home = self._home(volume.attributes["handle"])
            if not home.is_dir():
                raise AdapterError(
                    "rpc error: code = NotFound desc = volume "
                    f"{volume.attributes['handle']} is not there"
                )
            place.mkdir(parents=True, exist_ok=True)
            mark = home / "users" / f"{pod.uid}.{place.name}"
            mark.parent.mkdir(exist_ok=True)
            mark.write_text(f"{place}\n")
            image = home / "disk.img"
            if not image.exists():
                if not self.has_shares or volume.driver != NETWORK.name:
                    return home / "data"
                if not place.is_mount():
                    self._shares.mount(home / "data", place)
                return place
            device = images.show(image)
            if volume.is_device:
                return Path(device)
            is_new = images.format_if_needed(image, device)
            with contextlib.suppress(AdapterError):  # another pod may have it mounted
                images.grow_file_system(image, device)
            if not place.is_mount():
                options = volume.attributes.get("mountOptions") or "defaults"
                images.run("mount", "-t", "ext4", "-o", options, device, str(place))
            images.hide(image)  # that is: once it is unmounted everywhere
            if volume.driver == LOCAL.name:
                if is_new:
                    place.chmod(0o777)
                with contextlib.suppress(OSError):  # a check before growing makes it anew
                    (place / "lost+found").rmdir()
            return place

    def grow(self, volume: Volume) -> None:
        """Let the file system of a mounted volume have all of its disk.

        Raises:
            AdapterError: the machine refuses.
        """
        with self._lock:
            image = self._home(volume.attributes["handle"]) / "disk.img"
            if image.exists():
                images.grow_file_system(image, images.show(image))

    def unmount(self, pod: PodIdentity, place: Path) -> None:
        """Give back what the pod has at *place*; nothing if it has nothing there."""
        with self._lock:
            for mark in self.folder.glob(f"*/users/{pod.uid}.{place.name}"):
                self._give_back(mark, place)

    def reclaim(self, known: Iterable[str]) -> None:
        """Give back what pods took that are gone, all but those whose uids are *known*."""
        kept = frozenset(known)
        with self._lock:
            for mark in self.folder.glob("*/users/*"):
                if mark.name.partition(".")[0] not in kept:
                    self._give_back(mark, Path(mark.read_text().strip()))

    def _give_back(self, mark: Path, place: Path) -> None:
        if place.is_mount():
            try:
                images.run("umount", str(place))
            except AdapterError:
                images.run("umount", "--lazy", str(place))
        self._shares.reap()
        mark.unlink(missing_ok=True)
        home = mark.parent.parent
        if not any(mark.parent.iterdir()):
            images.hide(home / "disk.img")
            if (home / OF_POD).exists():
                shutil.rmtree(home, ignore_errors=True)

    def _do(self, request: StorageRequest) -> None:
        match request:
            case CreateVolume():
                self._create(request)
            case DeleteVolume(handle=handle):
                home = self._home(handle)
                users = home / "users"
                if users.is_dir() and any(users.iterdir()):
                    raise AdapterError(f"volume {handle} is still in use")
                images.hide(home / "disk.img")
                shutil.rmtree(home, ignore_errors=True)
            case GrowVolume(handle=handle, size=size):
                image = self._home(handle) / "disk.img"
                if image.exists():
                    images.grow(image, size)
            case SnapshotVolume(handle=handle, source=source):
                self._copy(source, handle, 0)

    def _create(self, request: CreateVolume) -> None:
        home = self._home(request.handle)
        if (home / "disk.img").exists() or (home / "data").exists():
            return
        if request.source:
            self._copy(request.source, request.handle, request.size)
            return
        home.mkdir(parents=True, exist_ok=True)
        if self.has_images and request.driver != NETWORK.name:
            images.make(home / "disk.img", request.size)
        else:
            data = home / "data.part"
            data.mkdir(exist_ok=True)
            data.chmod(0o777)
            data.rename(home / "data")

    def _copy(self, source: str, handle: str, size: int) -> None:
        origin, home = self._home(source), self._home(handle)
        if not origin.is_dir():
            raise AdapterError(f"volume {source} is not there")
        home.mkdir(parents=True, exist_ok=True)
        if (origin / "disk.img").exists():
            if not (home / "disk.img").exists():
                images.copy(origin / "disk.img", home / "disk.img", size)
        elif not (home / "data").exists():
            part = home / "data.part"
            shutil.rmtree(part, ignore_errors=True)
            images.run("cp", "--archive", str(origin / "data"), str(part))
            part.rename(home / "data")

    def _home(self, handle: str) -> Path:
        if not handle or "/" in handle or handle.startswith("."):
            raise AdapterError(f"{handle!r} is no name of a volume")
        return self.folder / handle

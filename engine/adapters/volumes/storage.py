"""The storage of a real cluster towards controllers and container runtimes."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import attrs

from engine.adapters.volumes.disks import Disks
from engine.cri.commands import PodIdentity, Volume
from engine.cri.storage import Answer, StorageAnswer, StorageRequest
from engine.errors import AdapterError


@attrs.define(eq=False)
class DiskStorage:
    """`engine.cri.storage.StorageBackend` on this machine's disk."""

    disks: Disks
    answer: Answer
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def submit(self, token: str, request: StorageRequest) -> None:
        """Have *request* done."""
        task = asyncio.get_running_loop().create_task(self._do(token, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _do(self, token: str, request: StorageRequest) -> None:
        error = await asyncio.to_thread(self.disks.do, request)
        self.answer(StorageAnswer(token=token, error=error))


@attrs.define(eq=False)
class DiskDriver:
    """`VolumeDriver` of all our drivers: what is on a disk is mounted from it."""

    disks: Disks

    async def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
        """Have the volume's content, or its device.

        Raises:
            AdapterError: it cannot be had.
        """
        if "ephemeral" in volume.attributes:
            handle = volume.attributes["handle"]
            error = await asyncio.to_thread(
                self.disks.make_for_pod, handle, volume.driver, volume.size_limit
            )
            if error:
                raise AdapterError(error)
        return await asyncio.to_thread(self.disks.mount, pod, volume, place)

    async def grow(self, volume: Volume) -> None:
        """Let its file system have all of its disk.

        Raises:
            AdapterError: the machine refuses.
        """
        await asyncio.to_thread(self.disks.grow, volume)

    async def unmount(self, pod: PodIdentity, place: Path) -> None:
        """Give it back."""
        await asyncio.to_thread(self.disks.unmount, pod, place)

    async def reclaim(self, known: Iterable[str]) -> None:
        """Give back what pods took that are gone, all but those whose uids are *known*."""
        await asyncio.to_thread(self.disks.reclaim, tuple(known))

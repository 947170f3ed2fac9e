"""Folders of NFS servers, mounted by this machine's own client, if it has one."""

import asyncio
import subprocess
from pathlib import Path

from engine.cri.commands import PodIdentity, Volume
from engine.errors import AdapterError

MOUNT_SECONDS = 60.0


class NfsDriver:
    """`VolumeDriver` of NFS volumes."""

    async def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
        """Mount the server's folder.

        Raises:
            AdapterError: it cannot be mounted; the message has the command and what it said.
        """
        del pod
        await asyncio.to_thread(_mount, volume, place)
        return place

    async def grow(self, volume: Volume) -> None:
        """Nothing: its size is the server's business."""

    async def unmount(self, pod: PodIdentity, place: Path) -> None:
        """Nothing: what is mounted at a place is unmounted with it."""


def _mount(volume: Volume, place: Path) -> None:
    if place.is_mount():
        return
    place.mkdir(parents=True, exist_ok=True)
    given = volume.attributes
    arguments = ["-t", "nfs"]
    if given.get("mountOptions"):
        arguments += ["-o", given["mountOptions"]]
    arguments += [f"{given['server']}:{given['path']}", str(place)]
    try:
        outcome = subprocess.run(  # noqa: S603
            ["mount", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=MOUNT_SECONDS,
            check=False,
        )
        code, said = outcome.returncode, (outcome.stdout + outcome.stderr).strip()
    except subprocess.TimeoutExpired:
        code, said = 32, f"mount.nfs: no answer from the server in {MOUNT_SECONDS:g} seconds"
    if code:
        place.rmdir()
        raise AdapterError(
            f"mount failed: exit status {code}\nMounting command: mount\n"
            f"Mounting arguments: {' '.join(arguments)}\nOutput: {said}\n"
        )

"""Images as volumes: their layers, mounted read-only one above the other, as overlays are."""

import asyncio
import subprocess
from pathlib import Path

import attrs

from engine.adapters.podman.client import PodmanClient
from engine.cri.commands import PodIdentity, Volume
from engine.errors import AdapterError


@attrs.define(eq=False)
class ImageDriver:
    """`VolumeDriver` of image volumes, for a Podman that keeps its layers on this machine."""

    client: PodmanClient

    async def mount(self, pod: PodIdentity, volume: Volume, place: Path) -> Path:
        """Mount the image's root.

        Raises:
            AdapterError: its layers are not folders of this machine, or it refuses to mount them.
        """
        del pod
        found = await self.client.get(f"/images/{volume.attributes['image']}/json")
        await asyncio.to_thread(_mount, layers_of(found), place)
        return place

    async def grow(self, volume: Volume) -> None:
        """Nothing: images do not grow."""

    async def unmount(self, pod: PodIdentity, place: Path) -> None:
        """Nothing: what is mounted at a place is unmounted with it."""


def layers_of(image: object) -> list[str]:
    """The folders of an inspected image's layers, the uppermost first.

    Raises:
        AdapterError: it is not kept as overlays.
    """
    driver = image.get("GraphDriver") if isinstance(image, dict) else None
    if not driver or driver.get("Name") != "overlay":
        raise AdapterError("image volumes need Podman's storage driver overlay")
    data = driver.get("Data") or {}
    lower = data.get("LowerDir") or ""
    return [data["UpperDir"], *filter(None, lower.split(":"))]


def _mount(layers: list[str], place: Path) -> None:
    if place.is_mount():
        return
    place.mkdir(parents=True, exist_ok=True)
    if len(layers) == 1:  # an overlay has at least two
        steps = [
            ["mount", "--bind", layers[0], str(place)],
            ["mount", "-o", "remount,bind,ro", str(place)],
        ]
    else:
        options = f"ro,lowerdir={':'.join(layers)}"
        steps = [["mount", "-t", "overlay", "-o", options, "overlay", str(place)]]
    for step in steps:
        outcome = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603
        if outcome.returncode:
            raise AdapterError(f"{' '.join(step)}: {outcome.stderr.strip()}")

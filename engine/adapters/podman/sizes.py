"""How much empty directories with a size limit hold, looked at once in a while.

It knows folders and bytes; what becomes of a pod whose volume is too full the kubelet decides.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from engine.cri.commands import PodIdentity, Volume
from engine.cri.events import VolumeFull


@attrs.define(eq=False)
class SizeLimits:
    """The limited folders of one node; each is reported at most once."""

    _limits: dict[tuple[str, str], tuple[PodIdentity, Path, int]] = attrs.field(
        factory=dict, init=False
    )

    def watch(self, pod: PodIdentity, volumes: Iterable[Volume], folder: Path) -> None:
        """Look at the volumes of *pod* that have a limit and lie on the disk below *folder*."""
        for volume in volumes:
            is_empty_dir = volume.files is None and not volume.host_path and not volume.driver
            if is_empty_dir and volume.size_limit and volume.medium != "Memory":
                place = folder / volume.name
                self._limits[pod.uid, volume.name] = (pod, place, volume.size_limit)

    def forget(self, uid: str) -> None:
        """That pod is gone."""
        for key in [key for key in self._limits if key[0] == uid]:
            del self._limits[key]

    def __bool__(self) -> bool:
        return bool(self._limits)

    def exceeded(self) -> Iterator[VolumeFull]:
        """The folders that hold more than they may by now."""
        for key, (pod, place, limit) in list(self._limits.items()):
            used = folder_size(place)
            if used > limit:
                self._limits.pop(key, None)
                yield VolumeFull(pod=pod, volume=key[1], used=used)


def folder_size(place: Path) -> int:
    """The bytes of disk that everything in *place* takes."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                found = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - thousands of files
            except OSError:
                continue  # gone meanwhile
            total += found.st_blocks * 512
    return total

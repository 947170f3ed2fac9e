"""What the files of a pod take of the disk: empty directories, what containers wrote and said.

It knows folders and bytes; what becomes of a pod that has too much the kubelet decides.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from engine.adapters.podman.records import Container
from engine.cri.commands import MeasureStorage
from engine.cri.events import StorageMeasured

_UPPER = re.compile(r"(?:^|,)upperdir=([^,]+)")


def measure_storage(
    command: MeasureStorage, folder: Path, containers: Mapping[str, Container]
) -> StorageMeasured:
    """What the pod's files take, with its volumes below *folder*. Blocking: it walks over them."""
    known = [containers[id_] for id_ in command.containers if id_ in containers]
    return StorageMeasured(
        pod=command.pod,
        volumes=tuple((name, folder_size(folder / name)) for name in command.volumes),
        containers=tuple((one.id, _container_size(one)) for one in known),
    )


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


def written_layer(pid: int, proc: Path = Path("/proc")) -> Path | None:
    """Where what a container changes in its root lies, by its process; None if that is not told."""
    try:
        lines = (proc / str(pid) / "mountinfo").read_text().splitlines()
    except OSError:
        return None  # it has ended
    for line in lines:
        parts = line.split()
        if parts[4] == "/":
            match = _UPPER.search(parts[-1])
            return Path(match[1]) if match is not None else None
    return None


def _container_size(container: Container) -> int:
    layer = written_layer(container.pid) if container.pid else None
    size = folder_size(layer) if layer is not None else 0
    if container.log is not None and container.log.parent.is_dir():
        logs = container.log.parent.glob(f"{container.log.name}*")
        size += sum(log.stat().st_blocks * 512 for log in logs)
    return size

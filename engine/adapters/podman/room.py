"""What this machine has left: memory, disk, inodes, process ids."""

import os
from collections.abc import Iterable
from pathlib import Path

from engine.adapters.podman.sizes import folder_size
from engine.cri.events import NodeMeasured
from engine.cri.status import ContainerUsage

NEARLY_FULL = 0.85


def measure(
    state: Path,
    memory: int,
    usage: Iterable[ContainerUsage],
    pods: Path,
    proc: Path = Path("/proc"),
) -> NodeMeasured:
    """What is left for a node of *memory* bytes, with its files below *state*.

    Of memory what the machine has, and what the node's own containers leave of the node's. The
    files of pods (each in a folder of its uid in *pods*) are only measured when the disk is nearly
    full: that takes a walk over all of them.
    """
    disk = os.statvfs(state)
    size, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    files: list[tuple[str, int]] = []
    if size and 1 - free / size > NEARLY_FULL and pods.is_dir():
        files = [(folder.name, folder_size(folder)) for folder in sorted(pods.iterdir())]
    used = sum(item.memory for item in usage)
    most = int((proc / "sys/kernel/pid_max").read_text())
    threads = int((proc / "loadavg").read_text().split()[3].partition("/")[2])
    return NodeMeasured(
        memory=memory,
        memory_available=max(0, min(available_memory(proc), memory - used)),
        disk=size,
        disk_available=free,
        inodes=disk.f_files,
        inodes_free=disk.f_favail,
        pids=most,
        pids_available=max(0, most - threads),
        pod_files=tuple(files),
    )


def available_memory(proc: Path = Path("/proc")) -> int:
    """Bytes that could be had without swapping."""
    for line in (proc / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0

"""What a simulated node has left: a pure function of what runs there."""

from collections.abc import Iterable, Mapping

from engine.cri.events import NodeMeasured
from engine.cri.status import ContainerUsage, NodeImage

DISK = 100 * 2**30
INODES = 6_500_000
PIDS = 32_768
SYSTEM_MEMORY = 150 * 2**20
SYSTEM_DISK = 8 * 2**30
CONTAINER_PIDS = 2


def measure(
    memory: int,
    usage: Iterable[ContainerUsage],
    images: Iterable[NodeImage],
    files: Mapping[str, int],
) -> NodeMeasured:
    """What is left of *memory* bytes and of the disk; *files* are the bytes of pods, by uid."""
    usage = tuple(usage)
    used = SYSTEM_MEMORY + sum(item.memory for item in usage)
    on_disk = SYSTEM_DISK + sum(image.size for image in images) + sum(files.values())
    return NodeMeasured(
        memory=memory,
        memory_available=max(0, memory - used),
        disk=DISK,
        disk_available=max(0, DISK - on_disk),
        inodes=INODES,
        inodes_free=INODES - 120_000,
        pids=PIDS,
        pids_available=PIDS - 200 - CONTAINER_PIDS * len(usage),
        pod_files=tuple(sorted(files.items())),
    )

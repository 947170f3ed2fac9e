"""What containers use, read from cgroup files: some hundred microseconds each, no Podman asked.

Where a container has no cgroup of its own, its processes are asked one by one.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from engine.adapters.podman import processes
from engine.adapters.podman.files import read
from engine.adapters.podman.records import Container
from engine.cri.status import ContainerUsage

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@attrs.define(eq=False)
class Meter:
    """Measures containers; a rate needs two looks at the same one, so the first gives 0."""

    fresh: set[tuple[str, str]] = attrs.field(factory=set, init=False)
    """Pod uid and name of the containers that the last look was the first at."""
    _seen: dict[str, tuple[float, float]] = attrs.field(factory=dict, init=False)

    def measure(self, containers: Iterable[Container]) -> tuple[ContainerUsage, ...]:
        """CPU since the last look and memory now, of those that run."""
        before, self._seen = self._seen, {}
        self.fresh.clear()
        found = []
        for container in containers:
            if not container.is_running or not (container.cgroup or container.pid):
                continue
            try:
                seconds, memory = cpu_seconds(container), memory_bytes(container)
            except (OSError, ValueError):
                continue
            now = time.monotonic()
            at, then = before.get(container.id, (now, seconds))
            self._seen[container.id] = (now, seconds)
            if container.id not in before:
                self.fresh.add((container.sandbox.pod.uid, container.name))
            rate = (seconds - then) / (now - at) if now > at else 0.0
            found.append(
                ContainerUsage(
                    pod=container.sandbox.pod,
                    name=container.name,
                    cpu=max(0, round(rate * 1000)),
                    memory=memory,
                )
            )
        return tuple(found)


def cpu_seconds(container: Container) -> float:
    """The CPU time the container has had."""
    if not container.cgroup:
        return sum(_ticks(pid) for pid in processes.descendants(container.pid)) / TICKS
    if "cpuacct" in container.cgroup:
        return int(read(f"{container.cgroup['cpuacct']}/cpuacct.usage")) / 1e9
    return _field(container.cgroup[""] / "cpu.stat", "usage_usec") / 1e6


def memory_bytes(container: Container) -> int:
    """The container's working set: what it uses, less the file cache that can go at once."""
    if not container.cgroup:
        return sum(_own_pages(pid) for pid in processes.descendants(container.pid)) * PAGE
    if "memory" in container.cgroup:
        folder = container.cgroup["memory"]
        used = int(read(f"{folder}/memory.usage_in_bytes"))
        return max(0, used - _field(folder / "memory.stat", "total_inactive_file"))
    folder = container.cgroup[""]
    used = int(read(f"{folder}/memory.current"))
    return max(0, used - _field(folder / "memory.stat", "inactive_file"))


def _ticks(pid: int) -> int:
    """The CPU time of process *pid* and of its children that have ended, in ticks."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def _own_pages(pid: int) -> int:
    """The pages of process *pid* in memory that are not those of files."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except OSError:
        return 0
    return resident - shared


def _field(path: Path, name: str) -> int:
    for line in read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0

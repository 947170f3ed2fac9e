"""What containers use, read from cgroup files: some hundred microseconds each, no Podman asked."""

import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from engine.adapters.podman.records import Container
from engine.cri.status import ContainerUsage


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
            if not container.is_running or not container.cgroup:
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
    if "cpuacct" in container.cgroup:
        return int((container.cgroup["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
    return _field(container.cgroup[""] / "cpu.stat", "usage_usec") / 1e6


def memory_bytes(container: Container) -> int:
    """The container's working set: what it uses, less the file cache that can go at once."""
    if "memory" in container.cgroup:
        folder = container.cgroup["memory"]
        used = int((folder / "memory.usage_in_bytes").read_text())
        return max(0, used - _field(folder / "memory.stat", "total_inactive_file"))
    folder = container.cgroup[""]
    used = int((folder / "memory.current").read_text())
    return max(0, used - _field(folder / "memory.stat", "inactive_file"))


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0

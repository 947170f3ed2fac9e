"""What simulated pods take of a disk: empty directories, what containers wrote, faults."""

from collections.abc import Iterable

from engine.cri.commands import MeasureStorage
from engine.cri.disturbance import FillDisk
from engine.cri.events import StorageMeasured
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox


def measure_storage(
    command: MeasureStorage, sandbox: SimulatedSandbox, fills: Iterable[FillDisk]
) -> StorageMeasured:
    """The answer to *command*; *fills* are the files that faults have put there."""
    volumes = {
        name: sandbox.trees[name].used if name in sandbox.trees else 0 for name in command.volumes
    }
    containers = {
        one.id: _written(one) for one in sandbox.containers.values() if one.id in command.containers
    }
    for fill in fills:
        container = sandbox.containers.get(fill.container_id)
        volume = _volume_at(container, fill.path) if container is not None else ""
        if volume in volumes:
            volumes[volume] += fill.bytes
        elif not volume and fill.container_id in containers:
            containers[fill.container_id] += fill.bytes
    return StorageMeasured(
        pod=command.pod, volumes=tuple(volumes.items()), containers=tuple(containers.items())
    )


def _written(container: SimulatedContainer) -> int:
    said = sum(len(line.text) for line in container.log)
    if container.files is None:
        return said
    return said + sum(map(len, container.files.files.own.values()))


def _volume_at(container: SimulatedContainer, path: str) -> str:
    """The volume that *path* lies in; empty if it is the container's own."""
    found = [
        (len(mount.container_path), mount.volume)
        for mount in container.command.mounts
        if f"{path}/".startswith(f"{mount.container_path.rstrip('/')}/")
    ]
    return max(found)[1] if found else ""

"""Volumes that are folders of the node: empty directories and host paths.

Source: pkg/volume/emptydir and pkg/volume/hostpath, kubernetes v1.34.
"""

from engine.api.pod import Pod
from engine.api.quantity import parse_int
from engine.api.volume import Volume
from engine.cri import commands
from engine.kubelet.volumes.plugin import VolumeContext


class EmptyDirPlugin:
    """A folder that lives as long as the pod; in memory with medium Memory."""

    def matches(self, volume: Volume) -> bool:
        """An emptyDir, or a volume without any source, which means the same."""
        return volume.empty_dir is not None or not has_source(volume)

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """The folder; one in memory never holds more than the pod or the node may use."""
        source = volume.empty_dir
        if source is None:
            return commands.Volume(name=volume.name)
        size = parse_int(source.size_limit) if source.size_limit else 0
        if source.medium == "Memory":
            bounds = (
                size,
                _memory_limit(pod),
                parse_int(context.facts.allocatable.get("memory", "0")),
            )
            size = min(filter(None, bounds), default=0)
        return commands.Volume(name=volume.name, medium=source.medium, size_limit=size)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The runtime removes it with the sandbox."""


class HostPathPlugin:
    """A path of the node, checked or made as its type says."""

    def matches(self, volume: Volume) -> bool:
        """A hostPath."""
        return volume.host_path is not None

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:  # noqa: ARG002
        """The path and its type."""
        assert volume.host_path is not None
        path = volume.host_path
        return commands.Volume(
            name=volume.name, host_path=path.path, host_path_type=path.type or ""
        )

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """It stays as it is."""


def has_source(volume: Volume) -> bool:
    """Whether the volume says what it is made of."""
    return bool(
        volume.config_map
        or volume.secret
        or volume.empty_dir
        or volume.host_path
        or volume.downward_api
        or volume.persistent_volume_claim
        or volume.projected is not None
        or volume.extra
    )


def _memory_limit(pod: Pod) -> int:
    """The memory all containers together may use; 0 if one of them has no limit."""
    limits = [container.resources.limits.get("memory", "") for container in pod.spec.containers]
    return sum(map(parse_int, limits)) if all(limits) else 0

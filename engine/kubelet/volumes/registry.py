"""The kinds of volumes a kubelet knows, in the order in which they are asked."""

from engine.kubelet.volumes.content import (
    ConfigMapPlugin,
    DownwardPlugin,
    ProjectedPlugin,
    SecretPlugin,
)
from engine.kubelet.volumes.folder import EmptyDirPlugin, HostPathPlugin
from engine.kubelet.volumes.plugin import VolumePlugin


def make_plugins() -> dict[str, VolumePlugin]:
    """A plugin for each kind, by the kind's name."""
    return {
        "configmap": ConfigMapPlugin(),
        "secret": SecretPlugin(),
        "downward-api": DownwardPlugin(),
        "projected": ProjectedPlugin(),
        "host-path": HostPathPlugin(),
        "empty-dir": EmptyDirPlugin(),
    }

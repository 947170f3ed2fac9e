"""The kinds of volumes a kubelet knows, in the order in which they are asked."""

from collections.abc import Mapping

from engine.client.client import Client
from engine.kubelet.pod_state import PodState
from engine.kubelet.volumes.claim import ClaimPlugin
from engine.kubelet.volumes.content import (
    ConfigMapPlugin,
    DownwardPlugin,
    ProjectedPlugin,
    SecretPlugin,
)
from engine.kubelet.volumes.folder import EmptyDirPlugin, HostPathPlugin
from engine.kubelet.volumes.image import ImageVolumes
from engine.kubelet.volumes.inline import GitRepoPlugin, InlineCsiPlugin, NfsPlugin
from engine.kubelet.volumes.plugin import VolumePlugin


def make_plugins(
    client: Client, images: ImageVolumes, states: Mapping[str, PodState]
) -> dict[str, VolumePlugin]:
    """A plugin for each kind, by the kind's name; claims are asked for by *client*.

    *states* are the node's pods by uid, with what they have mounted.
    """
    return {
        "claim": ClaimPlugin(client, states),
        "configmap": ConfigMapPlugin(),
        "secret": SecretPlugin(),
        "downward-api": DownwardPlugin(),
        "projected": ProjectedPlugin(),
        "host-path": HostPathPlugin(),
        "image": images,
        "inline-csi": InlineCsiPlugin(client),
        "nfs": NfsPlugin(),
        "git-repo": GitRepoPlugin(),
        "empty-dir": EmptyDirPlugin(),
    }

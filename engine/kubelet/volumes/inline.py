"""Volumes that a pod describes itself and a driver provides: inline CSI, NFS; and what is no more.

Source: pkg/volume/csi (csi_plugin.go, csi_mounter.go), pkg/volume/nfs and pkg/volume/git_repo,
kubernetes v1.34.
"""

import hashlib

import attrs

from engine.api.frozen import FrozenDict
from engine.api.persistent import NFSVolumeSource
from engine.api.pod import Pod
from engine.api.quantity import parse_int
from engine.api.storage import CSIDriver
from engine.api.volume import Volume
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.cri import commands
from engine.cri.storage import DRIVERS
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.volumes.plugin import VolumeContext

NFS = "nfs"
USUAL_SIZE = 64 * 2**20
GIT_REPO_DISABLED = (
    "git-repo volume plugin has been disabled; if necessary, it may be re-enabled by enabling the"
    " feature-gate `GitRepoVolumeDriver`"
)


def nfs_volume(
    name: str, source: NFSVolumeSource, *, options: tuple[str, ...] = ()
) -> commands.Volume:
    """What the runtime has to mount for an NFS volume."""
    attributes = {
        "handle": f"nfs:{source.server}:{source.path}",
        "server": source.server,
        "path": source.path,
        "mountOptions": ",".join(options),
    }
    if source.read_only:
        attributes["readOnly"] = "true"
    return commands.Volume(name=name, driver=NFS, attributes=FrozenDict(attributes))


class NfsPlugin:
    """nfs: a folder of a server, mounted by the node."""

    def matches(self, volume: Volume) -> bool:
        """An nfs."""
        return NFS in volume.extra

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """The server and its folder."""
        del pod, context
        given = volume.extra[NFS]
        source = NFSVolumeSource(
            server=str(given.get("server", "")),
            path=str(given.get("path", "")),
            read_only=bool(given.get("readOnly")),
        )
        return nfs_volume(volume.name, source)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The runtime unmounts it with the sandbox."""


class GitRepoPlugin:
    """gitRepo: not any more."""

    def matches(self, volume: Volume) -> bool:
        """A gitRepo."""
        return "gitRepo" in volume.extra

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """Refuse it.

        Raises:
            MissingConfigError: always, in Kubernetes' words.
        """
        del pod, volume, context
        raise MissingConfigError(GIT_REPO_DISABLED)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """Nothing is held."""


@attrs.frozen
class InlineCsiPlugin:
    """csi: a volume that a driver makes for the pod and takes away with it."""

    client: Client

    def matches(self, volume: Volume) -> bool:
        """A csi."""
        return "csi" in volume.extra

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """A volume of the driver; its attribute ``size`` says how much it holds.

        Raises:
            MissingConfigError: there is no such driver, or it makes no volumes like that.
        """
        del context
        source = volume.extra["csi"]
        driver = str(source.get("driver", ""))
        if driver not in DRIVERS:
            raise MissingConfigError(
                "kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name"
                f" {driver} not found in the list of registered CSI drivers"
            )
        self._check_mode(driver)
        given = source.get("volumeAttributes") or {}
        try:
            size = parse_int(str(given.get("size") or USUAL_SIZE))
        except ValueError as error:
            raise MissingConfigError(
                f"rpc error: code = InvalidArgument desc = volumeAttributes.size: {error}"
            ) from error
        words = f"{pod.metadata.uid}{volume.name}".encode()
        attributes = {
            "handle": f"csi-{hashlib.sha256(words).hexdigest()}",
            "volume": volume.name,
            "fsType": str(source.get("fsType") or "ext4"),
            "ephemeral": "true",
        }
        if source.get("readOnly"):
            attributes["readOnly"] = "true"
        return commands.Volume(
            name=volume.name, driver=driver, size_limit=size, attributes=FrozenDict(attributes)
        )

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The runtime removes it with the sandbox."""

    def _check_mode(self, driver: str) -> None:
        try:
            modes = self.client.get(CSIDriver, driver).spec.volume_lifecycle_modes
        except ApiError as error:
            raise MissingConfigError(
                f'volume mode "Ephemeral" not supported by driver {driver} (no CSIDriver object)'
            ) from error
        if "Ephemeral" not in modes:
            only = " ".join(f'"{mode}"' for mode in modes or ("Persistent",))
            raise MissingConfigError(
                f'volume mode "Ephemeral" not supported by driver {driver} (only supports [{only}])'
            )

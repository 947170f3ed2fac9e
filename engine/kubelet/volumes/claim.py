"""Volumes that claims stand for: found by the claim, ready once attached where that is needed.

Source: kubelet desired_state_of_world_populator.go and pkg/volume/csi, kubernetes v1.34.
"""

import hashlib
from collections.abc import Iterable, Mapping

import attrs

from engine.api.ephemeral import claim_name, mismatch
from engine.api.frozen import FrozenDict
from engine.api.persistent import (
    CSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
)
from engine.api.pod import Pod
from engine.api.quantity import parse_int
from engine.api.storage import VolumeAttachment
from engine.api.volume import Volume
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.cri import commands
from engine.cri.storage import DRIVERS
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import PodState
from engine.kubelet.volumes.inline import nfs_volume
from engine.kubelet.volumes.plugin import (
    UnprocessedVolumeError,
    VolumeContext,
    VolumeError,
    VolumePendingError,
)


def device_paths(pod: Pod) -> dict[str, list[str]]:
    """Where containers want a volume as a device, by the volume's name."""
    found: dict[str, list[str]] = {}
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for device in container.extra.get("volumeDevices") or ():
            found.setdefault(device["name"], []).append(device["devicePath"])
    return found


@attrs.frozen
class ClaimPlugin:
    """persistentVolumeClaim and ephemeral."""

    client: Client
    states: Mapping[str, PodState]

    def matches(self, volume: Volume) -> bool:
        """A claim, or a claim of the pod's own."""
        return volume.persistent_volume_claim is not None or bool(volume.extra.get("ephemeral"))

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """What the claim's volume is for the runtime.

        Raises:
            VolumePendingError: it is not attached yet.
            VolumeError: the claim has no volume, or it cannot be used as the pod wants to.
        """
        del context
        try:
            found = self._find(pod, volume)
        except ApiError as error:
            raise VolumePendingError(str(error)) from error
        except MissingConfigError as error:
            raise UnprocessedVolumeError(volume.name, str(error)) from error
        made = self._source(pod, volume, found)
        self._check_is_alone(pod, found, made)
        reads_only = found.spec.access_modes == ("ReadOnlyMany",)
        source = volume.persistent_volume_claim
        if reads_only or (source is not None and source.read_only):
            attributes = made.attributes.with_items({"readOnly": "true"})
            made = attrs.evolve(made, attributes=attributes)
        return made

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The runtime unmounts it with the sandbox."""

    def _find(self, pod: Pod, volume: Volume) -> PersistentVolume:
        """The volume that is bound to the claim.

        Source: getPVCExtractPV, desired_state_of_world_populator.go, kubernetes v1.34.
        """
        name, namespace = claim_name(pod, volume), pod.metadata.namespace
        where = f"error processing PVC {namespace}/{name}"
        try:
            claim = self.client.get(PersistentVolumeClaim, name, namespace=namespace)
        except NotFoundError as error:
            why = f"{where}: failed to fetch PVC from API server: {error}"
            raise MissingConfigError(why) from error
        if volume.persistent_volume_claim is None and (why := mismatch(claim, pod)):
            raise MissingConfigError(why)
        if claim.metadata.deletion_timestamp is not None:
            raise MissingConfigError(f"{where}: PVC is being deleted")
        if claim.status.phase != "Bound" or not claim.spec.volume_name:
            raise MissingConfigError(f"{where}: PVC is not bound")
        found = self.client.get(PersistentVolume, claim.spec.volume_name)
        owner = found.spec.claim_ref
        if owner is None or owner.uid != claim.metadata.uid:
            raise MissingConfigError(
                f"PersistentVolume object {found.metadata.name} is not bound to PVC {claim.key}"
            )
        is_block = found.spec.volume_mode == "Block"
        if is_block != (volume.name in device_paths(pod)):
            place = "volumeMounts" if is_block else "volumeDevices"
            mode = "Block" if is_block else "Filesystem"
            raise MissingConfigError(
                f"volume {volume.name} has volumeMode {mode}, but is specified in {place}"
            )
        return found

    def _source(self, pod: Pod, volume: Volume, found: PersistentVolume) -> commands.Volume:
        spec = found.spec
        if spec.csi is not None:
            return self._csi(pod, volume, found, spec.csi)
        if spec.host_path is not None:
            return commands.Volume(
                name=volume.name,
                host_path=spec.host_path.path,
                host_path_type=spec.host_path.type or "",
                is_device=spec.volume_mode == "Block",
            )
        if spec.local is not None:
            is_device = spec.volume_mode == "Block"
            return commands.Volume(
                name=volume.name,
                host_path=spec.local.path,
                host_path_type="BlockDevice" if is_device else "Directory",
                is_device=is_device,
            )
        if spec.nfs is not None:
            return nfs_volume(volume.name, spec.nfs, options=spec.mount_options)
        raise MissingConfigError(f'no volume plugin matched for "{found.metadata.name}"')

    def _csi(
        self, pod: Pod, volume: Volume, found: PersistentVolume, csi: CSIPersistentVolumeSource
    ) -> commands.Volume:
        driver = DRIVERS.get(csi.driver)
        name = found.metadata.name
        if driver is None:
            raise VolumeError(
                f'MountVolume.MountDevice failed for volume "{name}" : kubernetes.io/csi: '
                "attacher.MountDevice failed to create newCsiDriverClient: driver name "
                f"{csi.driver} not found in the list of registered CSI drivers"
            )
        if driver.is_attached:
            self._check_attached(pod, csi)
        size = parse_int(found.spec.capacity.get("storage", "0"))
        return commands.Volume(
            name=volume.name,
            driver=driver.name,
            size_limit=size,
            is_device=found.spec.volume_mode == "Block",
            attributes=FrozenDict(
                {
                    "handle": csi.volume_handle,
                    "volume": name,
                    "fsType": csi.fs_type or "ext4",
                    "mountOptions": ",".join(found.spec.mount_options),
                }
            ),
        )

    def _check_attached(self, pod: Pod, csi: CSIPersistentVolumeSource) -> None:
        words = f"{csi.volume_handle}{csi.driver}{pod.spec.node_name}"
        name = "csi-" + hashlib.sha256(words.encode()).hexdigest()
        try:
            attachment = self.client.get(VolumeAttachment, name)
        except ApiError as error:
            raise VolumePendingError(str(error)) from error
        if not attachment.status.attached:
            raise VolumePendingError(f"volume {csi.volume_handle} is not attached")

    def _check_is_alone(self, pod: Pod, found: PersistentVolume, made: commands.Volume) -> None:
        """Refuse a volume for one pod alone that another pod of this node has mounted."""
        if found.spec.access_modes != ("ReadWriteOncePod",):
            return
        for uid, state in self.states.items():
            if uid == pod.metadata.uid or not state.holds_volumes:
                continue
            if any(
                other.driver == made.driver and other.attributes == made.attributes
                for other in state.volumes.values()
            ):
                raise VolumeError(
                    f'MountVolume.SetUp failed for volume "{found.metadata.name}" : volume uses '
                    "the ReadWriteOncePod access mode and is already in use by another pod"
                )


def volumes_in_use(states: Iterable[PodState]) -> tuple[str, ...]:
    """The attachable volumes that are or may be mounted, as the node's status names them.

    Source: volumesInUse, kubelet volumemanager, kubernetes v1.34.
    """
    holding = (state for state in states if state.holds_volumes)
    return tuple(sorted({name for state in holding for name in _names_in_use(state.volumes)}))


def _names_in_use(volumes: dict[str, commands.Volume]) -> list[str]:
    """What the node's status calls those of *volumes* that drivers provide."""
    return [
        f"kubernetes.io/csi/{volume.driver}^{volume.attributes['handle']}"
        for volume in volumes.values()
        if volume.driver in DRIVERS and "ephemeral" not in volume.attributes
    ]

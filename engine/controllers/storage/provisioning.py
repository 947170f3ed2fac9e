"""What a new volume looks like, and why one cannot be made. Pure.

Source: external-provisioner v5 (ProvisionExt), CSI specification 1.9 (error codes).
"""

import hashlib
from collections.abc import Iterable, Mapping

from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import ObjectMeta
from engine.api.node import Node
from engine.api.persistent import (
    CSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
    VolumeNodeAffinity,
)
from engine.api.quantity import format_bytes, parse_int
from engine.api.storage import StorageClass
from engine.controllers.storage.claims import (
    EXTERNAL_FINALIZER,
    PROVISIONED_BY,
    mode_of,
    reference_to,
    requested,
)
from engine.cri.storage import Driver

MIB = 1 << 20
FS_TYPE = "csi.storage.k8s.io/fstype"


class ProvisionError(Exception):
    """A volume cannot be made; with *elsewhere* it might on another node."""

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


def parameter(storage_class: StorageClass, name: str, otherwise: float) -> float:
    """A number of the class's parameters.

    Raises:
        ProvisionError: it is none.
    """
    text = storage_class.parameters.get(name)
    if text is None:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0:
        fault = f'parameter {name}: "{text}" is not a number that is 0 or more'
        raise ProvisionError(f"rpc error: code = InvalidArgument desc = {fault}")
    return value


def name_of(claim: PersistentVolumeClaim) -> str:
    """The name of the volume that is made for *claim*."""
    return f"pvc-{claim.metadata.uid}"


def handle_of(driver: Driver, claim: PersistentVolumeClaim) -> str:
    """What the driver calls that volume: a cloud's are named as a cloud names its disks."""
    if not driver.is_attached:
        return name_of(claim)
    digest = hashlib.sha256(claim.metadata.uid.encode()).hexdigest()
    return f"vol-0{digest[:16]}"


def check(driver: Driver, claim: PersistentVolumeClaim, storage_class: StorageClass) -> None:
    """Raise what is wrong with what is asked for.

    Raises:
        ProvisionError: the driver cannot do it, or was told to fail.
    """
    failure = storage_class.parameters.get("failProvisioning")
    if failure:
        raise ProvisionError(f"rpc error: code = Internal desc = {failure}")
    wanted = claim.spec.access_modes
    if "ReadWriteMany" in wanted and not driver.is_shared and mode_of(claim) != "Block":
        raise ProvisionError(
            "rpc error: code = InvalidArgument desc = Volume capabilities "
            "MULTI_NODE_MULTI_WRITER not supported. Only AccessModes[ReadWriteOnce, "
            "ReadWriteOncePod, ReadOnlyMany] supported."
        )
    if mode_of(claim) == "Block" and not driver.is_block:
        raise ProvisionError(
            f"rpc error: code = InvalidArgument desc = driver {driver.name} has no block volumes"
        )
    for name in ("attachSeconds", "detachSeconds", "provisionSeconds", "deleteSeconds"):
        parameter(storage_class, name, 0.0)
    ceiling = storage_class.parameters.get("maxSize")
    if ceiling and requested(claim) > parse_int(ceiling):
        raise ProvisionError(
            "rpc error: code = OutOfRange desc = volume size "
            f"{requested(claim)} is above the maximum of {ceiling}"
        )


def check_zone(
    driver: Driver,
    storage_class: StorageClass,
    segment: Mapping[str, str],
    volumes: Iterable[PersistentVolume],
) -> None:
    """Raise if the zone that *segment* names is full.

    Raises:
        ProvisionError: as many volumes are there as may be.
    """
    limit = int(parameter(storage_class, "zoneLimit", driver.zone_limit))
    if not limit:
        return
    there = sum(
        1
        for volume in volumes
        if volume.spec.csi is not None
        and volume.spec.csi.driver == driver.name
        and segment_of(volume) == segment
    )
    if there >= limit:
        where = next(iter(segment.values()), "the only zone")
        raise ProvisionError(
            f"rpc error: code = ResourceExhausted desc = zone {where} has {there} volumes, its "
            f"limit is {limit}",
            elsewhere=True,
        )


def segment_of(volume: PersistentVolume) -> Mapping[str, str]:
    """The part of the cluster that *volume* is in, by label; empty for all of it."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return {}
    found: dict[str, str] = {}
    for term in affinity.required.get("nodeSelectorTerms") or ():
        for one in term.get("matchExpressions") or ():
            found[one["key"]] = one["values"][0]
    return found


def choose_segment(
    driver: Driver, node: Node | None, nodes: Iterable[Node], storage_class: StorageClass, key: str
) -> Mapping[str, str]:
    """Where to make a volume: at *node* if there is one, else spread over what is allowed.

    Raises:
        ProvisionError: nowhere is allowed.
    """
    if not driver.topology:
        return {}
    if node is not None:
        value = node.metadata.labels.get(driver.topology)
        return {driver.topology: value} if value else {}
    found = sorted(
        {
            one.metadata.labels[driver.topology]
            for one in nodes
            if driver.topology in one.metadata.labels and not _is_reserved(one)
        }
    )
    allowed = {
        value
        for term in storage_class.allowed_topologies
        for one in term.get("matchLabelExpressions") or ()
        if one.get("key") == driver.topology
        for value in one.get("values") or ()
    }
    if allowed:
        found = [value for value in found if value in allowed]
        if not found:
            raise ProvisionError(
                "error generating accessibility requirements: no topology key found for node "
                "selector"
            )
    if not found:
        return {}
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return {driver.topology: found[digest % len(found)]}


def make_volume(
    driver: Driver,
    claim: PersistentVolumeClaim,
    storage_class: StorageClass,
    *,
    segment: Mapping[str, str],
    size: int,
) -> PersistentVolume:
    """The object of a volume that was made for *claim*."""
    block = mode_of(claim) == "Block"
    attributes = {
        name: value
        for name, value in storage_class.parameters.items()
        if not name.startswith("csi.storage.k8s.io/")
    }
    affinity = None
    if segment:
        terms = [
            {"key": key, "operator": "In", "values": [value]} for key, value in segment.items()
        ]
        required = freeze({"nodeSelectorTerms": [{"matchExpressions": terms}]})
        affinity = VolumeNodeAffinity(required=required)
    fs_type = storage_class.parameters.get(FS_TYPE, "ext4")
    return PersistentVolume(
        metadata=ObjectMeta(
            name=name_of(claim),
            annotations=FrozenDict(
                {
                    PROVISIONED_BY: driver.name,
                    "volume.kubernetes.io/provisioner-deletion-secret-name": "",
                    "volume.kubernetes.io/provisioner-deletion-secret-namespace": "",
                }
            ),
            finalizers=(EXTERNAL_FINALIZER,),
        ),
        spec=PersistentVolumeSpec(
            capacity=FrozenDict({"storage": format_bytes(size)}),
            access_modes=claim.spec.access_modes,
            claim_ref=reference_to(claim),
            persistent_volume_reclaim_policy=storage_class.reclaim_policy or "Delete",
            storage_class_name=storage_class.metadata.name,
            mount_options=storage_class.mount_options,
            volume_mode=mode_of(claim),
            volume_attributes_class_name=(
                claim.spec.volume_attributes_class_name if driver.modifiable else None
            ),
            node_affinity=affinity,
            csi=CSIPersistentVolumeSource(
                driver=driver.name,
                volume_handle=handle_of(driver, claim),
                fs_type="" if block or driver.is_shared else fs_type,
                volume_attributes=FrozenDict(
                    {**attributes, "storage.kubernetes.io/csiProvisionerIdentity": driver.name}
                ),
            ),
        ),
    )


def size_of(driver: Driver, claim: PersistentVolumeClaim) -> int:
    """The bytes a volume is given: whole MiB, and a cloud's whole GiB from one GiB on."""
    wanted = requested(claim)
    unit = 1 << 30 if driver.is_attached and wanted > 1 << 30 else MIB
    return -(-wanted // unit) * unit


def _is_reserved(node: Node) -> bool:
    return any(taint.effect in {"NoSchedule", "NoExecute"} for taint in node.spec.taints)

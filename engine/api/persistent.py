"""core/v1: PersistentVolume and PersistentVolumeClaim."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LabelSelector, ObjectReference
from engine.api.volume import HostPathVolumeSource
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class LocalVolumeSource:
    """A directory or device of one node."""

    path: str = wire(always=True, default="")
    fs_type: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NFSVolumeSource:
    """An exported directory of an NFS server."""

    server: str = wire(always=True, default="")
    path: str = wire(always=True, default="")
    read_only: bool = False
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CSIPersistentVolumeSource:
    """A volume of a CSI driver."""

    driver: str = wire(always=True, default="")
    volume_handle: str = wire(always=True, default="")
    read_only: bool = False
    fs_type: str = ""
    volume_attributes: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeNodeAffinity:
    """From which nodes the volume can be reached; *required* is a NodeSelector."""

    required: Json | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeSpec:
    """A piece of storage: where it is (other sources are in `extra`), how big, whose."""

    capacity: FrozenDict[str, str] = EMPTY
    host_path: HostPathVolumeSource | None = None
    local: LocalVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    csi: CSIPersistentVolumeSource | None = None
    access_modes: tuple[str, ...] = ()
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = ""
    storage_class_name: str = ""
    mount_options: tuple[str, ...] = ()
    volume_mode: str | None = None
    node_affinity: VolumeNodeAffinity | None = None
    volume_attributes_class_name: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeStatus:
    """Pending, Available, Bound, Released or Failed."""

    phase: str = ""
    message: str = ""
    reason: str = ""
    last_phase_transition_time: Time | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolume(ApiObject):
    """A piece of storage of the cluster."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "PersistentVolume"

    spec: PersistentVolumeSpec = wire(always=True, default=PersistentVolumeSpec())
    status: PersistentVolumeStatus = wire(always=True, default=PersistentVolumeStatus())


@attrs.frozen(kw_only=True)
class VolumeResourceRequirements:
    """How much storage is asked for; ``storage`` is the only resource."""

    requests: FrozenDict[str, str] = EMPTY
    limits: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class TypedObjectReference:
    """Where the content of a claim comes from: another claim, a snapshot, anything."""

    api_group: str | None = None
    kind: str = wire(always=True, default="")
    name: str = wire(always=True, default="")
    namespace: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeClaimSpec:
    """What storage is asked for. *storage_class_name* None takes the default class, "" none."""

    access_modes: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    resources: VolumeResourceRequirements = wire(always=True, default=VolumeResourceRequirements())
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str | None = None
    data_source: TypedObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    volume_attributes_class_name: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeClaimStatus:
    """Pending, Bound or Lost, and what was given."""

    phase: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: FrozenDict[str, str] = EMPTY
    conditions: tuple[Condition, ...] = ()
    allocated_resources: FrozenDict[str, str] = EMPTY
    allocated_resource_statuses: FrozenDict[str, str] = EMPTY
    current_volume_attributes_class_name: str | None = None
    modify_volume_status: Json | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeClaim(ApiObject):
    """A request for storage, and the volume it got."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "PersistentVolumeClaim"

    spec: PersistentVolumeClaimSpec = wire(always=True, default=PersistentVolumeClaimSpec())
    status: PersistentVolumeClaimStatus = wire(always=True, default=PersistentVolumeClaimStatus())

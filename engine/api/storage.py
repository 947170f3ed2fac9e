"""storage.k8s.io/v1: classes of storage, attachments and what CSI drivers say about themselves."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.persistent import PersistentVolumeSpec
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class StorageClass(ApiObject):
    """A kind of storage that claims can ask for by name, and who makes it."""

    API_VERSION: ClassVar[str] = "storage.k8s.io/v1"
    KIND: ClassVar[str] = "StorageClass"

    provisioner: str = wire(always=True, default="")
    parameters: FrozenDict[str, str] = EMPTY
    reclaim_policy: str | None = None
    mount_options: tuple[str, ...] = ()
    allow_volume_expansion: bool | None = None
    volume_binding_mode: str | None = None
    allowed_topologies: tuple[Json, ...] = ()


@attrs.frozen(kw_only=True)
class VolumeAttachmentSource:
    """Which volume; one of them is set."""

    persistent_volume_name: str | None = None
    inline_volume_spec: PersistentVolumeSpec | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeAttachmentSpec:
    """Which volume is to be on which node, by whom."""

    attacher: str = wire(always=True, default="")
    source: VolumeAttachmentSource = wire(always=True, default=VolumeAttachmentSource())
    node_name: str = wire(always=True, default="")
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeError:
    """What went wrong, and when."""

    time: Time | None = None
    message: str = ""
    error_code: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeAttachmentStatus:
    """Whether the volume is on the node."""

    attached: bool = wire(always=True, default=False)
    attachment_metadata: FrozenDict[str, str] = EMPTY
    attach_error: VolumeError | None = None
    detach_error: VolumeError | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeAttachment(ApiObject):
    """The wish to have a volume on a node, and what became of it."""

    API_VERSION: ClassVar[str] = "storage.k8s.io/v1"
    KIND: ClassVar[str] = "VolumeAttachment"

    spec: VolumeAttachmentSpec = wire(always=True, default=VolumeAttachmentSpec())
    status: VolumeAttachmentStatus = wire(always=True, default=VolumeAttachmentStatus())


@attrs.frozen(kw_only=True)
class CSIDriverSpec:
    """What a driver can do and wants to know."""

    attach_required: bool | None = None
    pod_info_on_mount: bool | None = None
    volume_lifecycle_modes: tuple[str, ...] = ()
    storage_capacity: bool | None = None
    fs_group_policy: str | None = None
    token_requests: tuple[Json, ...] = ()
    requires_republish: bool | None = None
    se_linux_mount: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CSIDriver(ApiObject):
    """A CSI driver of the cluster."""

    API_VERSION: ClassVar[str] = "storage.k8s.io/v1"
    KIND: ClassVar[str] = "CSIDriver"

    spec: CSIDriverSpec = wire(always=True, default=CSIDriverSpec())


@attrs.frozen(kw_only=True)
class VolumeNodeResources:
    """How many volumes of a driver one node takes."""

    count: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CSINodeDriver:
    """A driver on one node."""

    name: str = wire(always=True, default="")
    node_id: str = wire("nodeID", always=True, default="")
    topology_keys: tuple[str, ...] = wire(always=True, default=())
    allocatable: VolumeNodeResources | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CSINodeSpec:
    """The drivers on one node."""

    drivers: tuple[CSINodeDriver, ...] = wire(always=True, default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CSINode(ApiObject):
    """Which CSI drivers run on the node of the same name."""

    API_VERSION: ClassVar[str] = "storage.k8s.io/v1"
    KIND: ClassVar[str] = "CSINode"

    spec: CSINodeSpec = wire(always=True, default=CSINodeSpec())


@attrs.frozen(kw_only=True)
class CSIStorageCapacity(ApiObject):
    """How much storage of a class can be had in one part of the cluster."""

    API_VERSION: ClassVar[str] = "storage.k8s.io/v1"
    KIND: ClassVar[str] = "CSIStorageCapacity"

    node_topology: LabelSelector | None = None
    storage_class_name: str = wire(always=True, default="")
    capacity: str | None = None
    maximum_volume_size: str | None = None

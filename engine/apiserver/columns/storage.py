"""The columns of volumes, storage classes, drivers and attachments.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

from engine.api.codec import encode
from engine.api.frozen import EMPTY
from engine.apiserver.columns.column import Columns, age, columns

ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _volume(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    spec, status = data.get("spec", EMPTY), data.get("status", EMPTY)
    claim = spec.get("claimRef") or EMPTY
    is_going = obj.metadata.deletion_timestamp is not None
    return (
        obj.metadata.name,
        str((spec.get("capacity") or EMPTY).get("storage", "")),
        ",".join(ACCESS_MODES.get(mode, mode) for mode in spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if is_going else status.get("phase", ""),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or "<unset>",
        status.get("reason", ""),
        age(obj.metadata.creation_timestamp, now),
        spec.get("volumeMode") or "<unset>",
    )


def _class(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    name = obj.metadata.name
    if obj.metadata.annotations.get(_DEFAULT_CLASS) == "true":
        name += " (default)"
    return (
        name,
        data.get("provisioner", ""),
        data.get("reclaimPolicy") or "Delete",
        data.get("volumeBindingMode") or "Immediate",
        bool(data.get("allowVolumeExpansion", False)),
        age(obj.metadata.creation_timestamp, now),
    )


def _driver(obj: Any, now: float) -> tuple[Any, ...]:
    spec: Mapping[str, Any] = encode(obj).get("spec", EMPTY)
    tokens = [str(one.get("audience", "")) for one in spec.get("tokenRequests") or ()]
    return (
        obj.metadata.name,
        bool(spec.get("attachRequired", True)),
        bool(spec.get("podInfoOnMount", False)),
        bool(spec.get("storageCapacity", False)),
        ",".join(tokens) or "<unset>",
        bool(spec.get("requiresRepublish", False)),
        ",".join(spec.get("volumeLifecycleModes") or ()) or "<none>",
        age(obj.metadata.creation_timestamp, now),
    )


def _node(obj: Any, now: float) -> tuple[Any, ...]:
    drivers = (encode(obj).get("spec") or EMPTY).get("drivers") or ()
    return obj.metadata.name, len(drivers), age(obj.metadata.creation_timestamp, now)


def _capacity(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    return (
        obj.metadata.name,
        data.get("storageClassName", ""),
        str(data.get("capacity") or "<unset>"),
        age(obj.metadata.creation_timestamp, now),
    )


def _attachment(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    spec, status = data.get("spec", EMPTY), data.get("status", EMPTY)
    return (
        obj.metadata.name,
        spec.get("attacher", ""),
        (spec.get("source") or EMPTY).get("persistentVolumeName", ""),
        spec.get("nodeName", ""),
        bool(status.get("attached", False)),
        age(obj.metadata.creation_timestamp, now),
    )


def _attributes_class(obj: Any, now: float) -> tuple[Any, ...]:
    return (
        obj.metadata.name,
        encode(obj).get("driverName", ""),
        age(obj.metadata.creation_timestamp, now),
    )


VOLUMES = Columns(
    columns(
        "Name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass",
        "VolumeAttributesClass", "Reason", "Age", wide=("VolumeMode",),
    ),
    _volume,
)  # fmt: skip
CLASSES = Columns(
    columns(
        "Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"
    ),
    _class,
)
DRIVERS = Columns(
    columns(
        "Name", "AttachRequired", "PodInfoOnMount", "StorageCapacity", "TokenRequests",
        "RequiresRepublish", "Modes", "Age",
    ),
    _driver,
)  # fmt: skip
NODES = Columns(columns("Name", "Drivers#", "Age"), _node)
CAPACITIES = Columns(columns("Name", "StorageClassName", "Capacity", "Age"), _capacity)
ATTACHMENTS = Columns(columns("Name", "Attacher", "PV", "Node", "Attached", "Age"), _attachment)
ATTRIBUTES_CLASSES = Columns(columns("Name", "DriverName", "Age"), _attributes_class)

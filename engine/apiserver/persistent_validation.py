"""Checks claims and volumes. All faults are found, none is raised.

Source: ValidatePersistentVolume and its neighbours, pkg/apis/core/validation, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api import quantity
from engine.api.codec import encode_part
from engine.api.persistent import (
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
)
from engine.apiserver.errors import Cause
from engine.apiserver.placement_validation import validate_node_selector
from engine.apiserver.resource_validation import quantity_causes
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.validation import (
    forbidden,
    invalid,
    invalid_all,
    one_of,
    required,
    subdomain_faults,
    unchanged,
    unsupported,
)

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_NO_SOURCE = frozenset(
    {
        "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
        "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName",
        "volumeMode",
    }
)  # fmt: skip


def validate_claim_spec(spec: PersistentVolumeClaimSpec, path: str) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    if not spec.access_modes:
        causes.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    causes += _access(spec.access_modes, f"{path}.accessModes")
    if spec.selector is not None:
        causes += validate_selector(spec.selector, f"{path}.selector")
    size = spec.resources.requests.get("storage")
    if size is None:
        causes.append(required(f"{path}.resources[storage]"))
    else:
        causes += _positive(size, f"{path}.resources[storage]")
    if spec.storage_class_name:
        faults = subdomain_faults(spec.storage_class_name)
        causes += invalid_all(f"{path}.storageClassName", spec.storage_class_name, faults)
    causes += one_of(f"{path}.volumeMode", spec.volume_mode, ("Block", "Filesystem"))
    source, reference = spec.data_source, spec.data_source_ref
    for field, given in (("dataSource", source), ("dataSourceRef", reference)):
        if given is not None:
            causes += [
                required(f"{path}.{field}.{name}")
                for name, value in (("name", given.name), ("kind", given.kind))
                if not value
            ]
    return causes


def validate_claim_update(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> list[Cause]:
    """All that *new* changes and may not."""
    spec, was = new.spec, old.spec
    kept = attrs.evolve(
        spec,
        volume_name=was.volume_name if not was.volume_name else spec.volume_name,
        storage_class_name=(None if was.storage_class_name is None else spec.storage_class_name),
    )
    if old.status.phase == "Bound":
        requests = was.resources.requests
        kept = attrs.evolve(
            kept,
            resources=attrs.evolve(spec.resources, requests=requests),
            volume_attributes_class_name=was.volume_attributes_class_name,
        )
    causes: list[Cause] = []
    if kept != was:
        message = (
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        causes.append(forbidden("spec", message))
    wanted = spec.resources.requests.get("storage", "0")
    least = old.status.capacity.get("storage", "0")
    # Down to what it has, but not to that: so one recovers from an expansion that fails.
    if _less(wanted, was.resources.requests.get("storage", "0")) and not _less(least, wanted):
        message = "field can not be less than status.capacity"
        causes.append(forbidden("spec.resources.requests.storage", message))
    return causes + unchanged("spec.volumeMode", spec.volume_mode, was.volume_mode)


def validate_volume(spec: PersistentVolumeSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    if not spec.access_modes:
        causes.append(required("spec.accessModes"))
    causes += _access(spec.access_modes, "spec.accessModes")
    if not spec.capacity:
        causes.append(required("spec.capacity"))
    elif list(spec.capacity) != ["storage"]:
        causes.append(unsupported("spec.capacity", spec.capacity, ("storage",)))
    else:
        causes += _positive(spec.capacity["storage"], "spec.capacity[storage]")
    policy = spec.persistent_volume_reclaim_policy
    place = "spec.persistentVolumeReclaimPolicy"
    causes += one_of(place, policy, ("Delete", "Recycle", "Retain"))
    if spec.node_affinity is not None and spec.node_affinity.required is not None:
        causes += validate_node_selector(spec.node_affinity.required, "spec.nodeAffinity.required")
    sources = _sources(spec)
    if not sources:
        causes.append(required("spec", "must specify a volume type"))
    causes += [
        forbidden(f"spec.{field}", "may not specify more than 1 volume type")
        for field in list(sources)[1:]
    ]
    causes += _source(spec)
    if spec.storage_class_name:
        faults = subdomain_faults(spec.storage_class_name)
        causes += invalid_all("spec.storageClassName", spec.storage_class_name, faults)
    return causes + one_of("spec.volumeMode", spec.volume_mode, ("Block", "Filesystem"))


def validate_volume_update(new: PersistentVolumeSpec, old: PersistentVolumeSpec) -> list[Cause]:
    """All that *new* changes and may not."""
    causes: list[Cause] = []
    if _sources(new) != _sources(old):
        message = "spec.persistentvolumesource is immutable after creation"
        causes.append(forbidden("spec.persistentvolumesource", message))
    causes += unchanged("spec.volumeMode", new.volume_mode, old.volume_mode)
    if old.node_affinity is not None:
        causes += unchanged("spec.nodeAffinity", new.node_affinity, old.node_affinity)
    return causes


def _access(modes: tuple[str, ...], path: str) -> list[Cause]:
    causes = [unsupported(path, mode, _MODES) for mode in modes if mode not in _MODES]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        message = "may not use ReadWriteOncePod with other access modes"
        causes.append(forbidden(path, message))
    return causes


def _positive(size: str, path: str) -> list[Cause]:
    causes = quantity_causes(size, path)
    if not causes and quantity.parse(size) == 0:
        return [invalid(path, size, "must be greater than zero")]
    return causes


def _less(one: str, other: str) -> bool:
    return quantity.parse(one) < quantity.parse(other)


def _sources(spec: PersistentVolumeSpec) -> dict[str, Any]:
    return {name: part for name, part in encode_part(spec).items() if name not in _NO_SOURCE}


def _source(spec: PersistentVolumeSpec) -> list[Cause]:
    causes: list[Cause] = []
    if spec.host_path is not None:
        where = spec.host_path.path
        if not where:
            causes.append(required("spec.hostPath.path"))
        elif ".." in where.split("/"):
            causes.append(invalid("spec.hostPath.path", where, "must not contain '..'"))
        elif where.rstrip("/") == "" and spec.persistent_volume_reclaim_policy == "Recycle":
            message = "may not be 'recycle' for a hostPath mount of '/'"
            causes.append(forbidden("spec.persistentVolumeReclaimPolicy", message))
    if spec.local is not None:
        if not spec.local.path:
            causes.append(required("spec.local.path"))
        if spec.node_affinity is None or spec.node_affinity.required is None:
            causes.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    if spec.csi is not None:
        causes += [
            required(f"spec.csi.{field}")
            for field, value in (
                ("driver", spec.csi.driver),
                ("volumeHandle", spec.csi.volume_handle),
            )
            if not value
        ]
    if spec.nfs is not None:
        causes += [
            required(f"spec.nfs.{field}")
            for field, value in (("server", spec.nfs.server), ("path", spec.nfs.path))
            if not value
        ]
    return causes

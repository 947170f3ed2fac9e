"""StorageClass, VolumeAttachment, CSIDriver, CSINode and CSIStorageCapacity.

Source: pkg/apis/storage/v1/defaults.go, pkg/registry/storage, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.apiserver.errors import Cause
from engine.apiserver.object_warnings import class_warnings
from engine.apiserver.strategy import WithoutGeneration, WithoutStatus
from engine.apiserver.validation import (
    forbidden,
    invalid_all,
    one_of,
    qualified_name_faults,
    required,
    unchanged,
)


class StorageClassStrategy(WithoutStatus):
    """StorageClasses."""

    def default(self, obj: Any) -> Any:
        """Volumes are deleted with their claims, and bound at once."""
        return attrs.evolve(
            obj,
            reclaim_policy=obj.reclaim_policy or "Delete",
            volume_binding_mode=obj.volume_binding_mode or "Immediate",
        )

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of old labels."""
        del old
        return class_warnings(new)

    def validate(self, obj: Any) -> list[Cause]:
        """Somebody who makes the volumes, and what becomes of them."""
        causes: list[Cause] = []
        if not obj.provisioner:
            causes.append(required("provisioner"))
        else:
            faults = qualified_name_faults(obj.provisioner.lower())
            causes += invalid_all("provisioner", obj.provisioner, faults)
        causes += one_of("reclaimPolicy", obj.reclaim_policy, ("Delete", "Retain"))
        modes = ("Immediate", "WaitForFirstConsumer")
        return causes + one_of("volumeBindingMode", obj.volume_binding_mode, modes)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Volumes have been made by it: what made them stays."""
        causes = [
            forbidden(field, f"updates to {field} are forbidden.")
            for field, value, before in (
                ("parameters", new.parameters, old.parameters),
                ("provisioner", new.provisioner, old.provisioner),
                ("reclaimPolicy", new.reclaim_policy, old.reclaim_policy),
            )
            if value != before
        ]
        return causes + unchanged(
            "volumeBindingMode", new.volume_binding_mode, old.volume_binding_mode
        )


class CSIDriverStrategy(WithoutStatus):
    """CSIDrivers."""

    def default(self, obj: Any) -> Any:
        """Volumes are attached, persistent, and changed in ownership when it makes sense."""
        spec = obj.spec
        spec = attrs.evolve(
            spec,
            attach_required=True if spec.attach_required is None else spec.attach_required,
            pod_info_on_mount=bool(spec.pod_info_on_mount),
            storage_capacity=bool(spec.storage_capacity),
            fs_group_policy=spec.fs_group_policy or "ReadWriteOnceWithFSType",
            volume_lifecycle_modes=spec.volume_lifecycle_modes or ("Persistent",),
            requires_republish=bool(spec.requires_republish),
            se_linux_mount=bool(spec.se_linux_mount),
        )
        return attrs.evolve(obj, spec=spec)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Whether volumes are attached stays."""
        return unchanged("spec.attachRequired", new.spec.attach_required, old.spec.attach_required)


class VolumeAttachmentStrategy(WithoutGeneration):
    """VolumeAttachments."""

    keeps_metadata = True

    def validate(self, obj: Any) -> list[Cause]:
        """What, where and by whom."""
        spec = obj.spec
        causes = [
            required(f"spec.{field}")
            for field, value in (("attacher", spec.attacher), ("nodeName", spec.node_name))
            if not value
        ]
        source = spec.source
        if source.persistent_volume_name is None and source.inline_volume_spec is None:
            message = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
            causes.append(required("spec.source", message))
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What is to be attached stays."""
        return unchanged("spec", new.spec, old.spec)

"""StorageClass, VolumeAttachment, CSIDriver, CSINode and CSIStorageCapacity.

Source: pkg/apis/storage/v1/defaults.go, pkg/registry/storage, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.apiserver.strategy import WithoutStatus


class StorageClassStrategy(WithoutStatus):
    """StorageClasses."""

    def default(self, obj: Any) -> Any:
        """Volumes are deleted with their claims, and bound at once."""
        return attrs.evolve(
            obj,
            reclaim_policy=obj.reclaim_policy or "Delete",
            volume_binding_mode=obj.volume_binding_mode or "Immediate",
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

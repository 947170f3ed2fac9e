"""PersistentVolume and PersistentVolumeClaim.

Source: pkg/apis/core/v1/defaults.go, pkg/registry/core/persistentvolume*, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.persistent import (
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
)
from engine.apiserver.errors import Cause
from engine.apiserver.object_warnings import claim_warnings, volume_warnings
from engine.apiserver.persistent_validation import (
    validate_claim_spec,
    validate_claim_update,
    validate_volume,
    validate_volume_update,
)
from engine.apiserver.strategy import Surroundings, WithoutGeneration


class ClaimStrategy(WithoutGeneration):
    """PersistentVolumeClaims."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Pending at first."""
        del around
        return attrs.evolve(obj, status=PersistentVolumeClaimStatus(phase="Pending"))

    def default(self, obj: Any) -> Any:
        """A file system; the source under both its names."""
        return default_claim(obj)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of old ways."""
        del old
        return claim_warnings(new)

    def validate(self, obj: Any) -> list[Cause]:
        """How it is to be reached, and how much."""
        return validate_claim_spec(obj.spec, "spec")

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What was asked for stays, its size excepted."""
        return validate_claim_update(new, old)


class VolumeStrategy(WithoutGeneration):
    """PersistentVolumes."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Pending at first."""
        status = PersistentVolumeStatus(phase="Pending", last_phase_transition_time=around.now)
        return attrs.evolve(obj, status=status)

    def prepare_for_status_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """A new phase is given its time."""
        new = super().prepare_for_status_update(new, old, around)
        if new.status.phase == old.status.phase:
            return new
        status = attrs.evolve(new.status, last_phase_transition_time=around.now)
        return attrs.evolve(new, status=status)

    def default(self, obj: Any) -> Any:
        """A file system, kept when it is released."""
        spec = obj.spec
        path = spec.host_path
        if path is not None and path.type is None:
            path = attrs.evolve(path, type="")
        spec = attrs.evolve(
            spec,
            host_path=path,
            volume_mode=spec.volume_mode or "Filesystem",
            persistent_volume_reclaim_policy=spec.persistent_volume_reclaim_policy or "Retain",
        )
        return attrs.evolve(obj, spec=spec)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of old ways."""
        del old
        return volume_warnings(new)

    def validate(self, obj: Any) -> list[Cause]:
        """Where it is, how big, how to be reached."""
        return validate_volume(obj.spec)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Where it is stays."""
        return validate_volume_update(new.spec, old.spec)


def default_claim(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    """*claim* with what a client may leave away."""
    spec = claim.spec
    source, reference = spec.data_source, spec.data_source_ref
    if source is None and reference is not None and reference.namespace is None:
        source = reference
    elif reference is None and source is not None:
        reference = source
    spec = attrs.evolve(
        spec,
        volume_mode=spec.volume_mode or "Filesystem",
        data_source=source,
        data_source_ref=reference,
    )
    return attrs.evolve(claim, spec=spec)

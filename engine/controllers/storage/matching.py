"""Which volume a claim gets. Pure.

Source: pkg/controller/volume/persistentvolume/index.go and FindMatchingVolume,
component-helpers/storage/volume, kubernetes v1.34.
"""

from collections.abc import Iterable

from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.selectors import matches
from engine.controllers.storage.claims import capacity, class_of, is_for, mode_of, requested


def find_match(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, is_delayed: bool
) -> PersistentVolume | None:
    """The volume for *claim*, or None.

    One that is reserved for it comes before all others; then, of those that can do the least
    beyond what is asked, the smallest. While binding *is_delayed* only a reserved one will do:
    the scheduler chooses among the others.
    """
    fitting = [
        volume
        for volume in volumes
        if (volume.spec.claim_ref is None or is_for(volume, claim))
        and capacity(volume) >= requested(claim)
        and mode_of(volume) == mode_of(claim)
        and volume.metadata.deletion_timestamp is None
        and set(claim.spec.access_modes) <= set(volume.spec.access_modes)
    ]
    reserved = [volume for volume in fitting if is_for(volume, claim)]
    if reserved or is_delayed:
        return min(reserved, key=_order) if reserved else None
    selector = claim.spec.selector
    free = [
        volume
        for volume in fitting
        if volume.status.phase == "Available"
        and class_of(volume) == class_of(claim)
        and (selector is None or matches(selector, volume.metadata.labels))
    ]
    return min(free, key=_order) if free else None


def mismatch(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str:
    """Why the volume that a claim names will not do for it; empty if it will.

    Source: checkVolumeSatisfyClaim, pv_controller.go, kubernetes v1.34.
    """
    if capacity(volume) < requested(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if mode_of(volume) != mode_of(claim):
        return "incompatible volumeMode"
    if not set(claim.spec.access_modes) <= set(volume.spec.access_modes):
        return "incompatible accessMode"
    return ""


def _order(volume: PersistentVolume) -> tuple[int, int, str]:
    return len(volume.spec.access_modes), capacity(volume), volume.metadata.name

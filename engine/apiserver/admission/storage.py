"""Admission for storage: the default class, protection while in use, and growing claims.

Source: plugin/pkg/admission/storage, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api import quantity
from engine.api.meta import ApiObject
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.scheme import SCHEME
from engine.api.storage import StorageClass
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.storage import ObjectStorage

IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION = "kubernetes.io/pv-protection"

_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_BETA_IS_DEFAULT = "storageclass.beta.kubernetes.io/is-default-class"
_CLASSES = SCHEME.resource_of(StorageClass)


class DefaultStorageClass:
    """Gives the default class to claims that name none."""

    kinds = (PersistentVolumeClaim,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The claim with its class, if there is a default; of several the newest."""
        claim = attributes.obj
        if not attributes.is_creation_of(PersistentVolumeClaim):
            return claim
        if claim.spec.storage_class_name is not None or _BETA_CLASS in claim.metadata.annotations:
            return claim
        marked = [item for item in objects_in(storage, _CLASSES) if is_default(item)]
        if not marked:
            return claim
        chosen = newest(marked)
        spec = attrs.evolve(claim.spec, storage_class_name=chosen.metadata.name)
        return attrs.evolve(claim, spec=spec)


class StorageObjectInUseProtection:
    """Keeps claims and volumes that are deleted while somebody uses them."""

    kinds = (PersistentVolumeClaim, PersistentVolume)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object with the finalizer that is taken away when it is free."""
        del storage
        obj = attributes.obj
        if attributes.is_creation_of(PersistentVolumeClaim):
            return _with_finalizer(obj, CLAIM_PROTECTION)
        if attributes.is_creation_of(PersistentVolume):
            return _with_finalizer(obj, VOLUME_PROTECTION)
        return obj


class PersistentVolumeClaimResize:
    """Lets claims grow only where their class says that volumes can."""

    kinds = (PersistentVolumeClaim,)

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Refuse what cannot grow."""
        old, new = attributes.old, attributes.obj
        if old is None or not attributes.is_write_of(PersistentVolumeClaim):
            return
        before, wanted = (
            quantity.parse(claim.spec.resources.requests.get("storage", "0"))
            for claim in (old, new)
        )
        if wanted <= before:
            return
        if old.status.phase != "Bound":
            raise attributes.forbidden("Only bound persistent volume claims can be expanded")
        found = storage.find(_CLASSES, "", old.spec.storage_class_name or "")
        if found is None or not found.allow_volume_expansion:
            raise attributes.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that "
                "provisions the pvc must support resize"
            )

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Nothing to note."""


def is_default(storage_class: StorageClass) -> bool:
    """Whether claims that name no class get this one."""
    annotations = storage_class.metadata.annotations
    return "true" in (annotations.get(IS_DEFAULT), annotations.get(_BETA_IS_DEFAULT))


def newest(objects: list[Any]) -> Any:
    """The object made last; of those made together the first by name."""
    return min(objects, key=lambda obj: (-(obj.metadata.creation_timestamp or 0), obj.key))


def _with_finalizer(obj: ApiObject, name: str) -> ApiObject:
    meta = obj.metadata
    if name in meta.finalizers:
        return obj
    return attrs.evolve(obj, metadata=attrs.evolve(meta, finalizers=(*meta.finalizers, name)))

"""Words that controllers, scheduler and provisioners share about claims and volumes. Pure.

Source: component-helpers/storage/volume, kubernetes v1.34.
"""

from engine.api.meta import ApiObject, ObjectReference
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.quantity import parse_int

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
WAIT_FOR_CONSUMER = "WaitForFirstConsumer"
EXTERNAL_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"


def class_of(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    """The name of the storage class; empty for none."""
    return obj.metadata.annotations.get(BETA_CLASS) or obj.spec.storage_class_name or ""


def requested(claim: PersistentVolumeClaim) -> int:
    """The bytes a claim asks for."""
    return parse_int(claim.spec.resources.requests.get("storage", "0"))


def capacity(volume: PersistentVolume) -> int:
    """The bytes a volume has."""
    return parse_int(volume.spec.capacity.get("storage", "0"))


def mode_of(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    """Filesystem or Block."""
    return obj.spec.volume_mode or "Filesystem"


def reference_to(claim: PersistentVolumeClaim) -> ObjectReference:
    """The claim as a volume's claimRef names it."""
    meta = claim.metadata
    return ObjectReference(
        kind=claim.KIND,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        api_version=claim.API_VERSION,
        resource_version=meta.resource_version,
    )


def claim_key(volume: PersistentVolume) -> str:
    """Key of the claim a volume belongs to; empty if it is free."""
    owner = volume.spec.claim_ref
    return f"{owner.namespace}/{owner.name}" if owner is not None else ""


def is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume is bound to the claim, or was reserved for one of its name."""
    owner = volume.spec.claim_ref
    if owner is None or claim_key(volume) != claim.key:
        return False
    return owner.uid in ("", claim.metadata.uid)


def has(obj: ApiObject, annotation: str) -> bool:
    """Whether *obj* carries an annotation."""
    return annotation in obj.metadata.annotations

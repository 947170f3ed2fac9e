"""Whether the claims of a StatefulSet go with it, or with the pods it no longer wants. Pure.

Source: pkg/controller/statefulset/stateful_set_utils.go (claim retention), kubernetes v1.34.
"""

from engine.api.meta import ApiObject, OwnerReference
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.stateful import StatefulSet
from engine.controllers.ownership import controller_reference


def wanted_owners(
    found: StatefulSet, pod: Pod | None, claim: PersistentVolumeClaim, *, is_condemned: bool
) -> tuple[OwnerReference, ...]:
    """The owners *claim* is to have: others stay, the set and its pod come and go.

    Args:
        found: the set.
        pod: the pod that uses the claim, if there is one.
        claim: the claim as it is.
        is_condemned: whether the pod is beyond the range of the set.
    """
    policy = found.spec.persistent_volume_claim_retention_policy
    goes_with_set = policy is not None and policy.when_deleted == "Delete"
    goes_with_scale = policy is not None and policy.when_scaled == "Delete"
    owners = tuple(
        reference
        for reference in claim.metadata.owner_references
        if not _is_of(reference, found) and not _is_pod_of(reference, claim)
    )
    if goes_with_scale and is_condemned:
        return owners if pod is None else (*owners, controller_reference(pod))
    return (*owners, controller_reference(found)) if goes_with_set else owners


def _is_of(reference: OwnerReference, owner: ApiObject) -> bool:
    return reference.uid == owner.metadata.uid


def _is_pod_of(reference: OwnerReference, claim: PersistentVolumeClaim) -> bool:
    """Whether the owner is the pod whose name the claim's ends with."""
    return reference.kind == Pod.KIND and claim.metadata.name.endswith(f"-{reference.name}")

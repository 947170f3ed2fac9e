"""Claims of generic ephemeral volumes: what they are called, and whose they have to be. Pure.

Source: component-helpers/storage/ephemeral, kubernetes v1.34.
"""

from engine.api.meta import controller_of
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.volume import Volume


def claim_name(pod: Pod, volume: Volume) -> str:
    """The claim that a volume of *pod* stands for; empty if it stands for none."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod.metadata.name}-{volume.name}" if volume.extra.get("ephemeral") else ""


def mismatch(claim: PersistentVolumeClaim, pod: Pod) -> str:
    """Why *claim* is not the one of a volume of *pod*: it has another owner; empty if it is."""
    owner = controller_of(claim)
    if owner is not None and owner.uid == pod.metadata.uid:
        return ""
    return f'PVC "{claim.key}" was not created for pod "{pod.key}" (pod is not owner)'

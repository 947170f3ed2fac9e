"""Which volume has to be on which node, and which may leave. Pure.

Source: pkg/controller/volume/attachdetach (reconciler, util), kubernetes v1.34.
"""

import hashlib
from collections.abc import Iterable, Mapping

import attrs

from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.persistent import PersistentVolume
from engine.api.pod import Pod
from engine.api.storage import VolumeAttachment
from engine.controllers.pod_state import is_terminal

FORCE_DETACH_SECONDS = 360.0
"""How long a volume is waited for that a node which fell silent says it has mounted."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


@attrs.frozen(kw_only=True)
class AttachmentPlan:
    """What to do about one volume.

    *blocked* are the nodes that want it while another one has it; *waiting* are the attachments
    that are to go once their node lets go, or has been silent for long enough.
    """

    attach: tuple[str, ...] = ()
    detach: tuple[VolumeAttachment, ...] = ()
    blocked: tuple[str, ...] = ()
    waiting: tuple[VolumeAttachment, ...] = ()


def unique_name(driver: str, handle: str) -> str:
    """What a volume is called in the status of nodes."""
    return f"kubernetes.io/csi/{driver}^{handle}"


def attachment_name(driver: str, handle: str, node: str) -> str:
    """The name of a VolumeAttachment. Source: csi getAttachmentName, kubernetes v1.34."""
    return "csi-" + hashlib.sha256(f"{handle}{driver}{node}".encode()).hexdigest()


def is_shared(volume: PersistentVolume) -> bool:
    """Whether several nodes may have it at a time."""
    return bool({"ReadWriteMany", "ReadOnlyMany"} & set(volume.spec.access_modes))


def needs_node(pod: Pod) -> bool:
    """Whether the pod's volumes have to be on its node: until it has ended."""
    return bool(pod.spec.node_name) and not is_terminal(pod)


def plan(
    volume: PersistentVolume,
    pods: Iterable[Pod],
    attachments: Iterable[VolumeAttachment],
    nodes: Mapping[str, Node],
    *,
    unwanted_since: Mapping[str, float],
    now: float,
) -> AttachmentPlan:
    """What to do about *volume*.

    *unwanted_since* says by name of an attachment since when it is to go.
    """
    wanted = list(dict.fromkeys(pod.spec.node_name for pod in pods if needs_node(pod)))
    present = {one.spec.node_name: one for one in attachments}
    leaving = [one for node, one in present.items() if node not in wanted]
    missing = [node for node in wanted if node not in present and node in nodes]
    assert volume.spec.csi is not None
    name = unique_name(volume.spec.csi.driver, volume.spec.csi.volume_handle)
    detach: list[VolumeAttachment] = []
    waiting: list[VolumeAttachment] = []
    for one in leaving:
        if one.metadata.deletion_timestamp is not None:
            continue
        node = nodes.get(one.spec.node_name)
        since = unwanted_since.get(one.metadata.name, now)
        may_go = node is None or may_leave(node, name, waited=now - since)
        (detach if may_go else waiting).append(one)
    is_taken = bool(present) and not is_shared(volume)
    if not is_shared(volume):
        taken_by_wish, missing = missing[1:], missing[:1]
    else:
        taken_by_wish = []
    return AttachmentPlan(
        attach=() if is_taken else tuple(missing),
        detach=tuple(detach),
        blocked=(*missing, *taken_by_wish) if is_taken else tuple(taken_by_wish),
        waiting=tuple(waiting),
    )


def may_leave(node: Node, name: str, *, waited: float) -> bool:
    """Whether the volume *name* may be taken from *node*."""
    if name not in (node.status.extra.get("volumesInUse") or ()):
        return True
    if any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints):
        return True
    ready = condition_of(node.status.conditions, "Ready")
    is_healthy = ready is not None and ready.status == "True"
    return not is_healthy and waited >= FORCE_DETACH_SECONDS

"""Lets deleted claims and volumes go once nobody uses them.

Source: pkg/controller/volume/pvcprotection and pvprotection, kubernetes v1.34.
"""

import attrs

from engine.api.ephemeral import claim_name, mismatch
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.apiserver.admission.storage import CLAIM_PROTECTION, VOLUME_PROTECTION
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.controllers.pod_state import is_terminal
from engine.kernel.loop import Loop


def claims_of(pod: Pod) -> list[str]:
    """The claims that *pod* mounts, as ``namespace/name``."""
    names = (claim_name(pod, volume) for volume in pod.spec.volumes)
    return [f"{pod.metadata.namespace}/{name}" for name in names if name]


def uses(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Whether *pod* keeps *claim* from going: it has a node, and a volume that stands for it.

    A claim of the pod's own is free once the pod's containers have ended for good.
    """
    if not pod.spec.node_name or claim.metadata.namespace != pod.metadata.namespace:
        return False
    for volume in pod.spec.volumes:
        if claim_name(pod, volume) != claim.metadata.name:
            continue
        if volume.persistent_volume_claim is not None:
            return True
        has_ended = pod.metadata.deletion_timestamp is not None and is_terminal(pod)
        if not has_ended and not mismatch(claim, pod):
            return True
    return False


@attrs.define(eq=False)
class ClaimProtectionController:
    """Takes the finalizer off deleted claims that no scheduled pod mounts."""

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="pvc-protection")
        self.queue.pause()
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._pods = self.informers.informer(Pod)
        self._claims.add_handler(self._on_claim)
        self._pods.add_handler(self._on_pod)

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()

    def reconcile(self, key: str) -> Result | None:
        """Let one claim go, if it is deleted and free."""
        claim = self._claims.lister.by_key(key)
        if claim is None or claim.metadata.deletion_timestamp is None:
            return None
        meta = claim.metadata
        if CLAIM_PROTECTION not in meta.finalizers:
            return None
        # The cache may be late: what is asked of the server is what counts.
        pods = self.client.list(Pod, namespace=meta.namespace).items
        if any(uses(pod, claim) for pod in pods):
            return None
        kept = tuple(name for name in meta.finalizers if name != CLAIM_PROTECTION)
        self.client.update(attrs.evolve(claim, metadata=attrs.evolve(meta, finalizers=kept)))
        return None

    def _on_claim(
        self, key: str, _old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self.queue.add(key)

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None and old is not None:
            for key in claims_of(old):
                self.queue.add(key)


@attrs.define(eq=False)
class VolumeProtectionController:
    """Takes the finalizer off deleted volumes that are bound to no claim."""

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="pv-protection")
        self.queue.pause()
        self._volumes = self.informers.informer(PersistentVolume)
        self._volumes.add_handler(lambda key, _old, _new: self.queue.add(key))

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()

    def reconcile(self, key: str) -> Result | None:
        """Let one volume go, if it is deleted and free."""
        volume = self._volumes.lister.by_key(key)
        if volume is None or volume.metadata.deletion_timestamp is None:
            return None
        meta = volume.metadata
        if VOLUME_PROTECTION not in meta.finalizers or volume.status.phase == "Bound":
            return None
        kept = tuple(name for name in meta.finalizers if name != VOLUME_PROTECTION)
        self.client.update(attrs.evolve(volume, metadata=attrs.evolve(meta, finalizers=kept)))
        return None

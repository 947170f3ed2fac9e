"""Binds claims to volumes, asks for new ones, and says what becomes of volumes left behind.

Source: pkg/controller/volume/persistentvolume/pv_controller.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.storage import StorageClass
from engine.apiserver.admission.storage import is_default, newest
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.pod_state import is_terminal
from engine.controllers.storage.claims import (
    BETA_CLASS,
    BETA_PROVISIONER,
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    NO_PROVISIONER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    WAIT_FOR_CONSUMER,
    claim_key,
    class_of,
    has,
    is_for,
    mode_of,
    reference_to,
)
from engine.controllers.storage.matching import find_match, mismatch
from engine.controllers.storage.recycler import Recycler, Scrub, volume_of
from engine.controllers.storage_protection import claims_of

RETRY_SECONDS = 15.0
"""The period after which unbound claims are looked at again."""


@attrs.define(eq=False)
class PersistentVolumeBinder(QueueController):
    """Brings claims and volumes together. Keys are ``claim/NAMESPACE/NAME`` and ``volume/NAME``."""

    QUEUE: ClassVar[str] = "persistentvolume-binder"

    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)
    _classes: Informer[StorageClass] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _recycler: Recycler = attrs.field(init=False)
    _retry_at: dict[str, float] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._volumes = self.informers.informer(PersistentVolume)
        self._classes = self.informers.informer(StorageClass)
        self._pods = self.informers.informer(Pod)
        self._recycler = Recycler(self.client, self.recorder, self._pods.lister)
        self._pods.add_handler(self._on_pod)
        self._claims.add_handler(self._on_claim)
        self._volumes.add_handler(self._on_volume)
        self._classes.add_handler(lambda _key, _old, _new: self._look_at_unbound())

    def reconcile(self, key: str) -> Result | None:
        """Look at one claim or one volume."""
        kind, _, name = key.partition("/")
        if kind == "volume":
            volume = self._volumes.lister.get(name)
            return self._sync_volume(volume) if volume is not None else None
        claim = self._claims.lister.by_key(name)
        if claim is None:
            return None
        if has(claim, BIND_COMPLETED):
            self._sync_bound(claim)
            return None
        return self._sync_unbound(claim)

    # Claims

    def _sync_unbound(self, claim: PersistentVolumeClaim) -> Result | None:
        claim = self._with_default_class(claim)
        if claim.spec.volume_name:
            return self._sync_named(claim)
        is_delayed = self._is_delayed(claim)
        found = find_match(claim, self._volumes.lister, is_delayed=is_delayed)
        if found is not None:
            self._bind(found, claim)
            return None
        if claim.metadata.deletion_timestamp is not None:
            return None
        if is_delayed:
            self._tell_what_is_awaited(claim)
        elif class_of(claim):
            self._ask_for_volume(claim)
        else:
            message = "no persistent volumes available for this claim and no storage class is set"
            self.recorder.normal(claim, "FailedBinding", message)
        self._set_claim_phase(claim, "Pending")
        return Result(requeue_after=RETRY_SECONDS)

    def _sync_named(self, claim: PersistentVolumeClaim) -> Result | None:
        volume = self._volumes.lister.get(claim.spec.volume_name)
        if volume is not None and volume.spec.claim_ref is None:
            problem = mismatch(claim, volume)
            if not problem:
                self._bind(volume, claim)
                return None
            message = f'Cannot bind to requested volume "{volume.metadata.name}": {problem}'
            self.recorder.warning(claim, "VolumeMismatch", message)
        elif volume is not None and is_for(volume, claim):
            self._bind(volume, claim)
            return None
        elif volume is not None:
            message = f'volume "{volume.metadata.name}" already bound to a different claim.'
            self.recorder.warning(claim, "FailedBinding", message)
        self._set_claim_phase(claim, "Pending")
        return Result(requeue_after=RETRY_SECONDS)

    def _sync_bound(self, claim: PersistentVolumeClaim) -> None:
        if not claim.spec.volume_name:
            self._lose(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume.")
            return
        volume = self._volumes.lister.get(claim.spec.volume_name)
        if volume is None:
            # The cache of volumes may be behind that of claims.
            try:
                volume = self.client.get(PersistentVolume, claim.spec.volume_name)
            except NotFoundError:
                self._lose(claim, "ClaimLost", "Bound claim has lost its PersistentVolume.")
                return
        if volume.spec.claim_ref is None or is_for(volume, claim):
            self._bind(volume, claim)
            return
        message = "Two claims are bound to the same volume, this one is bound incorrectly"
        self._lose(claim, "ClaimMisbound", message)

    def _lose(self, claim: PersistentVolumeClaim, reason: str, message: str) -> None:
        if claim.status.phase == "Lost":
            return
        self._set_claim_phase(claim, "Lost")
        suffix = " Data on the volume is lost!" if reason == "ClaimLost" else ""
        self.recorder.warning(claim, reason, message + suffix)

    def _with_default_class(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        """The claim with the default class, if one has come into being since it was made."""
        if claim.spec.storage_class_name is not None or has(claim, BETA_CLASS):
            return claim
        marked = [one for one in self._classes.lister if is_default(one)]
        if not marked:
            return claim
        spec = attrs.evolve(claim.spec, storage_class_name=newest(marked).metadata.name)
        return self.client.update(attrs.evolve(claim, spec=spec))

    def _is_delayed(self, claim: PersistentVolumeClaim) -> bool:
        if has(claim, SELECTED_NODE):
            return False
        found = self._classes.lister.get(class_of(claim))
        return found is not None and found.volume_binding_mode == WAIT_FOR_CONSUMER

    def _tell_what_is_awaited(self, claim: PersistentVolumeClaim) -> None:
        for pod in self._pods.lister.list(namespace=claim.metadata.namespace):
            if claim.key in claims_of(pod) and not pod.spec.node_name:
                message = f"waiting for pod {pod.metadata.name} to be scheduled"
                self.recorder.normal(claim, "WaitForPodScheduled", message)
                return
        message = "waiting for first consumer to be created before binding"
        self.recorder.normal(claim, "WaitForFirstConsumer", message)

    def _ask_for_volume(self, claim: PersistentVolumeClaim) -> None:
        name = class_of(claim)
        found = self._classes.lister.get(name)
        if found is None:
            message = f'storageclass.storage.k8s.io "{name}" not found'
            self.recorder.warning(claim, "ProvisioningFailed", message)
            return
        who = found.provisioner
        if who == NO_PROVISIONER:
            message = f"no volume plugin matched name: {who}"
            self.recorder.warning(claim, "ProvisioningFailed", message)
            return
        annotations = claim.metadata.annotations
        wanted = annotations.with_items({PROVISIONER: who, BETA_PROVISIONER: who})
        if wanted != annotations:
            metadata = attrs.evolve(claim.metadata, annotations=wanted)
            claim = self.client.update(attrs.evolve(claim, metadata=metadata))
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{who}' or "
            "manually by the system administrator. If volume creation is delayed, please verify "
            "that the provisioner is running and correctly registered."
        )
        self.recorder.normal(claim, "ExternalProvisioning", message)

    # Binding: four writes, each of which may be the first that is missing

    def _bind(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> None:
        volume = self._bind_volume(volume, claim)
        volume = self._set_volume_phase(volume, "Bound")
        meta, spec = claim.metadata, claim.spec
        added = {BIND_COMPLETED: "yes"}
        if not spec.volume_name:
            added[BOUND_BY_CONTROLLER] = "yes"
            spec = attrs.evolve(spec, volume_name=volume.metadata.name)
        annotations = meta.annotations.with_items(added)
        if annotations != meta.annotations or spec != claim.spec:
            metadata = attrs.evolve(meta, annotations=annotations)
            claim = self.client.update(attrs.evolve(claim, metadata=metadata, spec=spec))
        status = claim.status
        bound = attrs.evolve(status, phase="Bound", access_modes=volume.spec.access_modes)
        if status.phase != "Bound" or not status.capacity:
            # Once bound, what it has is for those to say who make it grow, or modify it.
            bound = attrs.evolve(
                bound,
                capacity=volume.spec.capacity,
                current_volume_attributes_class_name=volume.spec.volume_attributes_class_name,
            )
        if bound != status:
            self.client.update_status(attrs.evolve(claim, status=bound))

    def _bind_volume(
        self, volume: PersistentVolume, claim: PersistentVolumeClaim
    ) -> PersistentVolume:
        owner = volume.spec.claim_ref
        if owner is not None and owner.uid == claim.metadata.uid:
            return volume
        metadata = volume.metadata
        if owner is None:
            annotations = metadata.annotations.with_items({BOUND_BY_CONTROLLER: "yes"})
            metadata = attrs.evolve(metadata, annotations=annotations)
        spec = attrs.evolve(volume.spec, claim_ref=reference_to(claim))
        return self.client.update(attrs.evolve(volume, metadata=metadata, spec=spec))

    # Volumes

    def _sync_volume(self, volume: PersistentVolume) -> Result | None:
        owner = volume.spec.claim_ref
        if owner is None or not owner.uid:
            self._set_volume_phase(volume, "Available")
            if owner is not None:
                self.queue.add(f"claim/{claim_key(volume)}")
            return None
        claim = self._claims.lister.by_key(claim_key(volume))
        if claim is None or claim.metadata.uid != owner.uid:
            claim = self._latest_claim(volume)
        if claim is None:
            return self._release(volume)
        if not claim.spec.volume_name:
            if mode_of(claim) != mode_of(volume):
                message = (
                    f'Cannot bind PersistentVolume "{volume.metadata.name}" to requested '
                    f'PersistentVolumeClaim "{claim.metadata.name}" due to incompatible volumeMode.'
                )
                self.recorder.warning(volume, "VolumeMismatch", message)
                self.recorder.warning(claim, "VolumeMismatch", message)
                return None
            self.queue.add(f"claim/{claim.key}")
        elif claim.spec.volume_name == volume.metadata.name:
            self._set_volume_phase(volume, "Bound")
            if claim.status.phase != "Bound":
                self.queue.add(f"claim/{claim.key}")
        elif has(volume, PROVISIONED_BY):
            # Made for a claim that got another one meanwhile.
            return self._release(volume)
        else:
            self._unbind(volume)
        return None

    def _latest_claim(self, volume: PersistentVolume) -> PersistentVolumeClaim | None:
        owner = volume.spec.claim_ref
        assert owner is not None
        try:
            found = self.client.get(PersistentVolumeClaim, owner.name, namespace=owner.namespace)
        except NotFoundError:
            return None
        return found if found.metadata.uid == owner.uid else None

    def _release(self, volume: PersistentVolume) -> Result | None:
        """Its claim is gone: keep it, wipe it or have it deleted, as it says itself."""
        phase = volume.status.phase
        if phase not in {"Released", "Failed"}:
            volume = self._set_volume_phase(volume, "Released")
        policy = volume.spec.persistent_volume_reclaim_policy
        if policy == "Retain" or has(volume, PROVISIONED_BY):
            return None  # what a driver made, its provisioner deletes
        if policy == "Recycle":
            return self._recycle(volume)
        if phase != "Failed":
            message = (
                f'error getting deleter volume plugin for volume "{volume.metadata.name}": '
                "no deletable volume plugin matched"
            )
            self._fail(volume, "VolumeFailedDelete", message)
        return None

    def _recycle(self, volume: PersistentVolume) -> Result | None:
        """Have a released volume wiped, and then anybody may claim it; a failure is not final."""
        name = volume.metadata.name
        rest = self._retry_at.get(name, 0.0) - self.loop.now
        if rest > 0:
            return Result(requeue_after=rest)
        if users := self._users(volume):
            message = f"Volume is used by pods: {','.join(users)}"
            self.recorder.normal(volume, "VolumeFailedRecycle", message)
            return Result(requeue_after=RETRY_SECONDS)
        progress, why = self._recycler.scrub(volume)
        if progress is Scrub.DONE:
            self._retry_at.pop(name, None)
            self.recorder.normal(volume, "VolumeRecycled", "Volume recycled")
            self._unbind(volume)
        elif progress is Scrub.FAILED:
            self._retry_at[name] = self.loop.now + RETRY_SECONDS
            self._fail(volume, "VolumeFailedRecycle", why)
            return Result(requeue_after=RETRY_SECONDS)
        elif progress is Scrub.IMPOSSIBLE and volume.status.phase != "Failed":
            self._fail(volume, "VolumeFailedRecycle", why)
        return None

    def _users(self, volume: PersistentVolume) -> list[str]:
        """The pods that still have the claim of a released volume."""
        claim = claim_key(volume)
        return [
            pod.key for pod in self._pods.lister if claim in claims_of(pod) and not is_terminal(pod)
        ]

    def _fail(self, volume: PersistentVolume, reason: str, message: str) -> None:
        self._set_volume_phase(volume, "Failed", message)
        self.recorder.warning(volume, reason, message)

    def _unbind(self, volume: PersistentVolume) -> None:
        owner = volume.spec.claim_ref
        metadata = volume.metadata
        if has(volume, BOUND_BY_CONTROLLER):
            owner = None
            annotations = metadata.annotations.without(BOUND_BY_CONTROLLER)
            metadata = attrs.evolve(metadata, annotations=annotations)
        elif owner is not None:
            owner = attrs.evolve(owner, uid="", resource_version="")
        spec = attrs.evolve(volume.spec, claim_ref=owner)
        volume = self.client.update(attrs.evolve(volume, metadata=metadata, spec=spec))
        self._set_volume_phase(volume, "Available")

    # Phases and keys

    def _set_volume_phase(
        self, volume: PersistentVolume, phase: str, message: str = ""
    ) -> PersistentVolume:
        if volume.status.phase == phase:
            return volume
        status = attrs.evolve(volume.status, phase=phase, message=message)
        return self.client.update_status(attrs.evolve(volume, status=status))

    def _set_claim_phase(self, claim: PersistentVolumeClaim, phase: str) -> None:
        if claim.status.phase != phase:
            # Without a volume it has neither modes nor a size.
            status = attrs.evolve(claim.status, phase=phase, access_modes=(), capacity=EMPTY)
            self.client.update_status(attrs.evolve(claim, status=status))

    def _on_claim(
        self, key: str, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        self.queue.add(f"claim/{key}")
        gone = old if new is None else None
        if gone is not None and gone.spec.volume_name:
            self.queue.add(f"volume/{gone.spec.volume_name}")

    def _on_volume(
        self, key: str, old: PersistentVolume | None, new: PersistentVolume | None
    ) -> None:
        self.queue.add(f"volume/{key}")
        before = old.spec.claim_ref if old is not None else None
        after = new.spec.claim_ref if new is not None else None
        for owner in (before, after):
            if owner is not None and (new is None or before != after):
                self.queue.add(f"claim/{owner.namespace}/{owner.name}")
        if new is not None and new.status.phase == "Available" and after is None:
            self._look_at_unbound()

    def _on_pod(self, key: str, _old: Pod | None, _new: Pod | None) -> None:
        if name := volume_of(key):
            self.queue.add(f"volume/{name}")

    def _look_at_unbound(self) -> None:
        for claim in self._claims.lister:
            if not has(claim, BIND_COMPLETED):
                self.queue.add(f"claim/{claim.key}")

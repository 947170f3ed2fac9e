"""Makes the claims of generic ephemeral volumes: they live and end with their pod.

Source: pkg/controller/volume/ephemeral, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from engine.api.codec import decode_part
from engine.api.ephemeral import claim_name, mismatch
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.persistent import PersistentVolumeClaim, PersistentVolumeClaimSpec
from engine.api.pod import Pod
from engine.apiserver.errors import AlreadyExistsError, ApiError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.ownership import controller_reference


def claim_for(pod: Pod, volume: str, template: Mapping[str, Any]) -> PersistentVolumeClaim:
    """The claim of the pod's volume of that name."""
    meta = template.get("metadata") or EMPTY
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=f"{pod.metadata.name}-{volume}",
            namespace=pod.metadata.namespace,
            labels=FrozenDict(meta.get("labels") or {}),
            annotations=FrozenDict(meta.get("annotations") or {}),
            owner_references=(controller_reference(pod),),
        ),
        spec=decode_part(PersistentVolumeClaimSpec, template.get("spec") or {}),
    )


@attrs.define(eq=False)
class EphemeralVolumeController(QueueController):
    """Looks at every pod that has such volumes."""

    QUEUE: ClassVar[str] = "ephemeral-volume"

    _pods: Informer[Pod] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._pods = self.informers.informer(Pod)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._pods.add_handler(self._on_pod)
        self._claims.add_handler(self._on_claim)

    def reconcile(self, key: str) -> Result | None:
        """Make what is missing of one pod's claims."""
        pod = self._pods.lister.by_key(key)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return None
        for volume in pod.spec.volumes:
            source = volume.extra.get("ephemeral")
            if source:
                self._ensure(pod, volume.name, source.get("volumeClaimTemplate") or EMPTY)
        return None

    def _ensure(self, pod: Pod, volume: str, template: Mapping[str, Any]) -> None:
        wanted = claim_for(pod, volume, template)
        found = self._claims.lister.by_key(wanted.key)
        if found is not None:
            why = mismatch(found, pod)
            if why:
                self.recorder.warning(pod, "FailedBinding", f"ephemeral volume {volume}: {why}")
            return
        try:
            self.client.create(wanted)
        except AlreadyExistsError:
            return
        except ApiError as error:
            message = f"ephemeral volume {volume}: create PVC {wanted.metadata.name}: {error}"
            self.recorder.warning(pod, "FailedBinding", message)
            raise

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if (
            new is not None
            and old is None
            and any(v.extra.get("ephemeral") for v in new.spec.volumes)
        ):
            self.queue.add(key)

    def _on_claim(
        self, _key: str, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        if new is not None or old is None:
            return
        # Whoever deleted it, and whosever it was: the pods that need one of that name get theirs.
        for pod in self._pods.lister.list(namespace=old.metadata.namespace):
            if any(
                volume.extra.get("ephemeral") and claim_name(pod, volume) == old.metadata.name
                for volume in pod.spec.volumes
            ):
                self.queue.add(pod.key)

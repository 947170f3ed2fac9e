"""Makes volumes for claims of our drivers' classes, and deletes those that nobody needs.

It stands for the external-provisioner beside each CSI driver.

Source: sig-storage-lib-external-provisioner v11, external-provisioner v5.
"""

from typing import ClassVar

import attrs

from engine.api.node import Node
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.storage import StorageClass, VolumeAttachment
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.claims import (
    EXTERNAL_FINALIZER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    WAIT_FOR_CONSUMER,
    class_of,
)
from engine.controllers.storage.modification import VolumeAttributesClass, problem_of
from engine.controllers.storage.operations import StorageOperations
from engine.controllers.storage.provisioning import (
    ProvisionError,
    check,
    check_zone,
    choose_segment,
    handle_of,
    make_volume,
    name_of,
    parameter,
    segment_of,
    size_of,
)
from engine.controllers.storage.sources import find_content
from engine.cri.storage import DRIVERS, CreateVolume, DeleteVolume, Driver
from engine.kernel.backoff import Backoff

RETRY_SECONDS, RETRY_CAP_SECONDS = 1.0, 300.0


@attrs.define(eq=False)
class CsiProvisioner(QueueController):
    """Keys are ``claim/NAMESPACE/NAME`` and ``volume/NAME``."""

    QUEUE: ClassVar[str] = "csi-provisioner"

    operations: StorageOperations | None = None
    _backoff: Backoff[str] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)
    _classes: Informer[StorageClass] = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _attachments: Informer[VolumeAttachment] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._backoff = Backoff(base=RETRY_SECONDS, cap=RETRY_CAP_SECONDS)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._volumes = self.informers.informer(PersistentVolume)
        self._classes = self.informers.informer(StorageClass)
        self._nodes = self.informers.informer(Node)
        self._attachments = self.informers.informer(VolumeAttachment)
        self._claims.add_handler(lambda key, _old, _new: self.queue.add(f"claim/{key}"))
        self._volumes.add_handler(lambda key, _old, _new: self.queue.add(f"volume/{key}"))
        self._attachments.add_handler(self._on_attachment)

    def reconcile(self, key: str) -> Result | None:
        """Make the volume of one claim, or delete one volume."""
        if self.operations is None or self.operations.is_running(key):
            return None
        kind, _, name = key.partition("/")
        if kind == "claim":
            claim = self._claims.lister.by_key(name)
            return self._provision(key, claim) if claim is not None else None
        volume = self._volumes.lister.get(name)
        if volume is not None:
            self._delete_if_left(key, volume)
        return None

    # Making

    def _provision(self, key: str, claim: PersistentVolumeClaim) -> Result | None:
        driver = DRIVERS.get(claim.metadata.annotations.get(PROVISIONER, ""))
        storage_class = self._classes.lister.get(class_of(claim))
        if (
            driver is None
            or storage_class is None
            or claim.spec.volume_name
            or claim.metadata.deletion_timestamp is not None
            or self._volumes.lister.get(name_of(claim)) is not None
        ):
            return None
        selected = claim.metadata.annotations.get(SELECTED_NODE)
        if selected is None and storage_class.volume_binding_mode == WAIT_FOR_CONSUMER:
            return None
        message = f'External provisioner is provisioning volume for claim "{claim.key}"'
        self.recorder.normal(claim, "Provisioning", message)
        try:
            self._begin(key, claim, storage_class, driver, selected)
        except ProvisionError as error:
            return self._failed(key, claim, storage_class, error)
        return None

    def _begin(
        self,
        key: str,
        claim: PersistentVolumeClaim,
        storage_class: StorageClass,
        driver: Driver,
        selected: str | None,
    ) -> None:
        check(driver, claim, storage_class)
        self._check_attributes(driver, claim)
        content = find_content(self.client, driver, claim)
        if content is None:
            return
        node = self._nodes.lister.get(selected) if selected else None
        if selected and node is None:
            raise ProvisionError(f'failed to get target node: node "{selected}" not found')
        if content.node_volume is not None and node is None:
            segment = segment_of(content.node_volume)
        else:
            segment = choose_segment(driver, node, self._nodes.lister, storage_class, claim.key)
        check_zone(driver, storage_class, segment, self._volumes.lister)
        size = size_of(driver, claim)
        volume = make_volume(driver, claim, storage_class, segment=segment, size=size)
        request = CreateVolume(
            handle=handle_of(driver, claim), driver=driver.name, size=size, source=content.handle
        )

        def done(error: str) -> None:
            if error:
                failure = ProvisionError(error, elsewhere="ResourceExhausted" in error)
                again = self._failed(key, claim, storage_class, failure)
                self.queue.add_after(key, again.requeue_after or 0.0)
                return
            self._made(key, claim, volume)

        assert self.operations is not None
        seconds = parameter(storage_class, "provisionSeconds", driver.create_seconds)
        self.operations.run(key, request, seconds=seconds, done=done)

    def _check_attributes(self, driver: Driver, claim: PersistentVolumeClaim) -> None:
        """Raise if the volume cannot have what the claim's VolumeAttributesClass says."""
        name = claim.spec.volume_attributes_class_name
        if not name or not driver.modifiable:
            return
        try:
            problem = problem_of(driver, self.client.get(VolumeAttributesClass, name))
        except NotFoundError as error:
            raise ProvisionError(str(error)) from error
        if problem:
            raise ProvisionError(problem)

    def _made(self, key: str, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        self._backoff.forget(key)
        try:
            self.client.create(volume)
        except AlreadyExistsError:
            pass
        except ApiError:
            self.queue.add_after(key, RETRY_SECONDS)
            return
        message = f"Successfully provisioned volume {volume.metadata.name}"
        self.recorder.normal(claim, "ProvisioningSucceeded", message)

    def _failed(
        self,
        key: str,
        claim: PersistentVolumeClaim,
        storage_class: StorageClass,
        error: ProvisionError,
    ) -> Result:
        name = storage_class.metadata.name
        message = f'failed to provision volume with StorageClass "{name}": {error}'
        self.recorder.warning(claim, "ProvisioningFailed", message)
        if error.elsewhere and SELECTED_NODE in claim.metadata.annotations:
            # Another node may have room: the scheduler is to choose again.
            annotations = claim.metadata.annotations.without(SELECTED_NODE)
            metadata = attrs.evolve(claim.metadata, annotations=annotations)
            try:
                self.client.update(attrs.evolve(claim, metadata=metadata))
            except ApiError:
                return Result(requeue_after=RETRY_SECONDS)
        return Result(requeue_after=self._backoff.next_delay(key))

    # Deleting

    def _delete_if_left(self, key: str, volume: PersistentVolume) -> None:
        driver = DRIVERS.get(volume.metadata.annotations.get(PROVISIONED_BY, ""))
        csi = volume.spec.csi
        if driver is None or csi is None:
            return
        policy = volume.spec.persistent_volume_reclaim_policy
        is_going = volume.metadata.deletion_timestamp is not None
        is_free = volume.status.phase in {"Released", "Failed"} or (
            is_going and volume.status.phase != "Bound"
        )
        if not is_free or (policy != "Delete" and not is_going):
            return
        if policy != "Delete":
            self._let_go(volume)  # it was deleted by hand: what it holds stays where it is
            return
        if EXTERNAL_FINALIZER not in volume.metadata.finalizers and is_going:
            return
        for attachment in self._attachments.lister:
            if attachment.spec.source.persistent_volume_name == volume.metadata.name:
                message = (
                    f"persistentvolume {volume.metadata.name} is still attached to node "
                    f"{attachment.spec.node_name}"
                )
                self.recorder.warning(volume, "VolumeFailedDelete", message)
                return

        def done(error: str) -> None:
            if error:
                self.recorder.warning(volume, "VolumeFailedDelete", error)
                self.queue.add_after(key, self._backoff.next_delay(key))
                return
            self._deleted(key, volume)

        assert self.operations is not None
        request = DeleteVolume(handle=csi.volume_handle, driver=driver.name)
        seconds = float(csi.volume_attributes.get("deleteSeconds", driver.delete_seconds))
        self.operations.run(key, request, seconds=seconds, done=done)

    def _deleted(self, key: str, volume: PersistentVolume) -> None:
        self._backoff.forget(key)
        try:
            if volume.metadata.deletion_timestamp is None:
                self.client.delete(PersistentVolume, volume.metadata.name)
            self._let_go(self.client.get(PersistentVolume, volume.metadata.name))
        except NotFoundError:
            return
        except ApiError:
            self.queue.add_after(key, RETRY_SECONDS)

    def _let_go(self, volume: PersistentVolume) -> None:
        kept = tuple(name for name in volume.metadata.finalizers if name != EXTERNAL_FINALIZER)
        if kept != volume.metadata.finalizers:
            metadata = attrs.evolve(volume.metadata, finalizers=kept)
            self.client.update(attrs.evolve(volume, metadata=metadata))

    def _on_attachment(
        self, _key: str, old: VolumeAttachment | None, new: VolumeAttachment | None
    ) -> None:
        if new is None and old is not None and old.spec.source.persistent_volume_name:
            self.queue.add(f"volume/{old.spec.source.persistent_volume_name}")

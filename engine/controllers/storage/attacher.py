"""Attaches the volumes of our drivers, in the time that takes, and detaches them.

It stands for the external-attacher beside the cloud's driver. The disk itself needs nothing done:
every node is on this machine. What it holds up is the order: no mount before, no loss after.

Source: external-attacher v4, CSI specification 1.9.
"""

from typing import ClassVar

import attrs

from engine.api.frozen import FrozenDict
from engine.api.persistent import PersistentVolume
from engine.api.storage import CSINode, VolumeAttachment, VolumeError
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.operations import StorageOperations
from engine.cri.storage import DRIVERS, Driver
from engine.kernel.backoff import Backoff


def finalizer_of(driver: str) -> str:
    """What keeps an attachment until the driver has detached it."""
    return f"external-attacher/{driver.replace('.', '-')}"


@attrs.define(eq=False)
class CsiAttacher(QueueController):
    """Works off VolumeAttachments by name."""

    QUEUE: ClassVar[str] = "csi-attacher"

    operations: StorageOperations | None = None
    _backoff: Backoff[str] = attrs.field(init=False)
    _attachments: Informer[VolumeAttachment] = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)
    _csi_nodes: Informer[CSINode] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._backoff = Backoff(base=1.0, cap=60.0)
        self._attachments = self.informers.informer(VolumeAttachment)
        self._volumes = self.informers.informer(PersistentVolume)
        self._csi_nodes = self.informers.informer(CSINode)
        self._attachments.add_handler(self.enqueue)

    def reconcile(self, key: str) -> Result | None:
        """Attach or detach one volume."""
        one = self._attachments.lister.get(key)
        driver = DRIVERS.get(one.spec.attacher) if one is not None else None
        if one is None or driver is None or self.operations is None:
            return None
        if self.operations.is_running(f"attachment/{key}"):
            return None
        if one.metadata.deletion_timestamp is not None:
            self._detach(one, driver)
        elif not one.status.attached:
            return self._attach(one, driver)
        return None

    def _attach(self, one: VolumeAttachment, driver: Driver) -> Result | None:
        finalizer = finalizer_of(driver.name)
        if finalizer not in one.metadata.finalizers:
            metadata = attrs.evolve(one.metadata, finalizers=(*one.metadata.finalizers, finalizer))
            self.client.update(attrs.evolve(one, metadata=metadata))
            return None
        key = one.metadata.name
        problem = self._problem(one, driver)
        if problem:
            error = VolumeError(time=Time(self.loop.now), message=problem)
            if one.status.attach_error is None or one.status.attach_error.message != problem:
                status = attrs.evolve(one.status, attach_error=error)
                self.client.update_status(attrs.evolve(one, status=status))
            return Result(requeue_after=self._backoff.next_delay(key))

        def done(_error: str) -> None:
            self._backoff.forget(key)
            self._set_attached(key)

        assert self.operations is not None
        seconds = self._seconds(one, "attachSeconds", driver.attach_seconds)
        self.operations.pass_time(f"attachment/{key}", driver.name, seconds=seconds, done=done)
        return None

    def _set_attached(self, key: str) -> None:
        try:
            found = self.client.get(VolumeAttachment, key)
            if found.metadata.deletion_timestamp is None:
                status = attrs.evolve(
                    found.status,
                    attached=True,
                    attach_error=None,
                    attachment_metadata=FrozenDict({"devicePath": f"/dev/disk/by-id/{key[4:20]}"}),
                )
                self.client.update_status(attrs.evolve(found, status=status))
                return
        except NotFoundError:
            return
        except ApiError:
            pass
        self.queue.add_after(key, 1.0)

    def _detach(self, one: VolumeAttachment, driver: Driver) -> None:
        key = one.metadata.name
        if finalizer_of(driver.name) not in one.metadata.finalizers:
            return

        def done(_error: str) -> None:
            self._let_go(key, driver)

        assert self.operations is not None
        seconds = self._seconds(one, "detachSeconds", driver.detach_seconds)
        self.operations.pass_time(f"attachment/{key}", driver.name, seconds=seconds, done=done)

    def _let_go(self, key: str, driver: Driver) -> None:
        try:
            found = self.client.get(VolumeAttachment, key)
            gone = finalizer_of(driver.name)
            kept = tuple(name for name in found.metadata.finalizers if name != gone)
            metadata = attrs.evolve(found.metadata, finalizers=kept)
            self.client.update(attrs.evolve(found, metadata=metadata))
        except NotFoundError:
            return
        except ApiError:
            self.queue.add_after(key, 1.0)

    def _problem(self, one: VolumeAttachment, driver: Driver) -> str:
        name = one.spec.source.persistent_volume_name or ""
        volume = self._volumes.lister.get(name)
        if volume is None:
            return f'failed to get persistent volume "{name}": not found'
        assert self.operations is not None
        csi = volume.spec.csi
        told = csi.volume_attributes.get("failAttach") if csi is not None else None
        if told:
            return f"rpc error: code = Internal desc = {told}"
        outage = self.operations.outages.get(driver.name)
        if outage is not None:
            return outage
        others = sum(
            other.spec.node_name == one.spec.node_name and other.spec.attacher == driver.name
            for other in self._attachments.lister
        )
        limit = self._limit(one.spec.node_name, driver)
        if limit and others > limit:
            return (
                "rpc error: code = ResourceExhausted desc = node "
                f"{one.spec.node_name} takes no more than {limit} volumes"
            )
        return ""

    def _limit(self, node: str, driver: Driver) -> int:
        found = self._csi_nodes.lister.get(node)
        for one in found.spec.drivers if found is not None else ():
            if one.name == driver.name and one.allocatable is not None:
                return one.allocatable.count or 0
        return driver.node_limit

    def _seconds(self, one: VolumeAttachment, name: str, otherwise: float) -> float:
        volume = self._volumes.lister.get(one.spec.source.persistent_volume_name or "")
        if volume is None or volume.spec.csi is None:
            return otherwise
        return float(volume.spec.csi.volume_attributes.get(name, otherwise))

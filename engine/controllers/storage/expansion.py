"""Lets volumes grow when their claims ask for more; the file system grows on the node.

It stands for the external-resizer and the expand controller.

Source: external-resizer v1.14, pkg/controller/volume/expand, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.frozen import FrozenDict
from engine.api.meta import Condition
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.quantity import format_bytes, parse_int
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.claims import capacity, mode_of, requested
from engine.controllers.storage.operations import StorageOperations
from engine.cri.storage import DRIVERS, GrowVolume
from engine.kernel.backoff import Backoff

RESIZING = "Resizing"
FILE_SYSTEM_PENDING = "FileSystemResizePending"


def without(conditions: tuple[Condition, ...], *types: str) -> tuple[Condition, ...]:
    """*conditions* but those of *types*."""
    return tuple(one for one in conditions if one.type not in types)


@attrs.define(eq=False)
class ExpandController(QueueController):
    """Works off claims by key."""

    QUEUE: ClassVar[str] = "volume-expand"

    operations: StorageOperations | None = None
    _backoff: Backoff[str] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._backoff = Backoff(base=1.0, cap=300.0)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._volumes = self.informers.informer(PersistentVolume)
        self._claims.add_handler(self.enqueue)

    def reconcile(self, key: str) -> Result | None:
        """Let the volume of one claim grow, if the claim asks for more than it has."""
        claim = self._claims.lister.by_key(key)
        if claim is None or claim.status.phase != "Bound" or self.operations is None:
            return None
        have = parse_int(claim.status.capacity.get("storage", "0"))
        if requested(claim) <= have or self.operations.is_running(f"grow/{key}"):
            return None
        volume = self._volumes.lister.get(claim.spec.volume_name)
        csi = volume.spec.csi if volume is not None else None
        driver = DRIVERS.get(csi.driver) if csi is not None else None
        if volume is None or csi is None or driver is None:
            return None
        if capacity(volume) >= requested(claim):
            if not any(one.type == FILE_SYSTEM_PENDING for one in claim.status.conditions):
                self._volume_has_grown(claim, volume)
            return None
        message = f"External resizer is resizing volume {volume.metadata.name}"
        self.recorder.normal(claim, RESIZING, message)
        claim = self._mark(claim, RESIZING, "ControllerResizeInProgress")
        unit = 1 << 30 if driver.is_attached and requested(claim) > 1 << 30 else 1 << 20
        size = -(-requested(claim) // unit) * unit

        def done(error: str) -> None:
            self._grown(key, size, error)

        request = GrowVolume(handle=csi.volume_handle, driver=driver.name, size=size)
        self.operations.run(f"grow/{key}", request, seconds=driver.create_seconds, done=done)
        return None

    def _grown(self, key: str, size: int, error: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            claim = self.client.get(PersistentVolumeClaim, name, namespace=namespace)
            if error:
                volume = claim.spec.volume_name
                message = f'resize volume "{volume}" by resizer failed: {error}'
                self.recorder.warning(claim, "VolumeResizeFailed", message)
                self.queue.add_after(key, self._backoff.next_delay(key))
                return
            self._backoff.forget(key)
            volume_now = self.client.get(PersistentVolume, claim.spec.volume_name)
            sizes = volume_now.spec.capacity.with_items({"storage": format_bytes(size)})
            spec = attrs.evolve(volume_now.spec, capacity=sizes)
            volume_now = self.client.update(attrs.evolve(volume_now, spec=spec))
            self._volume_has_grown(claim, volume_now)
        except NotFoundError:
            return
        except ApiError:
            self.queue.add_after(key, 1.0)

    def _volume_has_grown(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        csi = volume.spec.csi
        driver = DRIVERS.get(csi.driver) if csi is not None else None
        if mode_of(claim) == "Block" or (driver is not None and driver.is_shared):
            status = attrs.evolve(
                claim.status,
                capacity=volume.spec.capacity,
                conditions=without(claim.status.conditions, RESIZING, FILE_SYSTEM_PENDING),
                allocated_resource_statuses=FrozenDict(),
            )
            claim = self.client.update_status(attrs.evolve(claim, status=status))
            message = "Resize volume succeeded"
            self.recorder.normal(claim, "VolumeResizeSuccessful", message)
            return
        message = "Require file system resize of volume on node"
        claim = self._mark(
            claim,
            FILE_SYSTEM_PENDING,
            "NodeResizePending",
            message="Waiting for user to (re-)start a pod to finish file system resize of volume "
            "on node.",
        )
        self.recorder.normal(claim, "FileSystemResizeRequired", message)

    def _mark(
        self,
        claim: PersistentVolumeClaim,
        type_: str,
        state: str,
        *,
        message: str = "",
    ) -> PersistentVolumeClaim:
        now = Time(float(int(self.loop.now)))
        condition = Condition(type=type_, status="True", message=message, last_transition_time=now)
        others = without(claim.status.conditions, RESIZING, FILE_SYSTEM_PENDING)
        status = attrs.evolve(
            claim.status,
            conditions=(*others, condition),
            allocated_resources=claim.spec.resources.requests,
            allocated_resource_statuses=FrozenDict({"storage": state}),
        )
        return self.client.update_status(attrs.evolve(claim, status=status))

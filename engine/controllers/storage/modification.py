"""Gives volumes other attributes when their claims name another VolumeAttributesClass.

It stands for the modifying part of the external-resizer beside a driver that can do it.

Source: external-resizer v1.14 (pkg/modifycontroller), KEP-3751, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from engine.api.frozen import EMPTY, freeze
from engine.api.meta import Condition
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.scheme import SCHEME
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.expansion import without
from engine.controllers.storage.operations import StorageOperations
from engine.cri.storage import DRIVERS, Driver
from engine.kernel.backoff import Backoff

VolumeAttributesClass: Any = SCHEME.class_for("storage.k8s.io/v1", "VolumeAttributesClass")
MODIFYING, FAILED = "ModifyingVolume", "ModifyVolumeError"
PENDING, IN_PROGRESS, INFEASIBLE = "Pending", "InProgress", "Infeasible"


def problem_of(driver: Driver, attributes: Any) -> str:
    """Why a volume of *driver* cannot have the *attributes* of a class; empty if it can."""
    name, whose = attributes.metadata.name, attributes.extra.get("driverName")
    if whose != driver.name:
        return f"volumeAttributesClass {name} is of driver {whose}, the volume of {driver.name}"
    given: Mapping[str, str] = attributes.extra.get("parameters") or EMPTY
    unknown = [key for key in given if key not in driver.modifiable]
    if unknown:
        names = ", ".join(unknown)
        return f"rpc error: code = InvalidArgument desc = invalid mutable parameters: {names}"
    return ""


@attrs.define(eq=False)
class CsiModifier(QueueController):
    """Works off claims by key."""

    QUEUE: ClassVar[str] = "csi-modifier"

    operations: StorageOperations | None = None
    _backoff: Backoff[str] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._backoff = Backoff(base=1.0, cap=300.0)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._claims.add_handler(self.enqueue)
        self.informers.informer(VolumeAttributesClass).add_handler(self._on_class)

    def reconcile(self, key: str) -> Result | None:
        """Have the volume of one claim modified, if the claim names another class."""
        claim = self._claims.lister.by_key(key)
        if claim is None or claim.status.phase != "Bound" or self.operations is None:
            return None
        target = claim.spec.volume_attributes_class_name
        if not target or target == claim.status.current_volume_attributes_class_name:
            return None
        if self.operations.is_running(f"modify/{key}"):
            return None
        try:
            volume = self.client.get(PersistentVolume, claim.spec.volume_name)
        except NotFoundError:
            return None
        driver = DRIVERS.get(volume.spec.csi.driver) if volume.spec.csi is not None else None
        if driver is None or not driver.modifiable:
            return None
        try:
            attributes = self.client.get(VolumeAttributesClass, target)
        except NotFoundError:
            self._mark(claim, target, PENDING)
            message = f'volumeattributesclass.storage.k8s.io "{target}" not found'
            self.recorder.warning(claim, "VolumeModifyFailed", message)
            return Result(requeue_after=self._backoff.next_delay(key))
        problem = problem_of(driver, attributes)
        if problem:
            self._mark(claim, target, INFEASIBLE, error=problem)
            self.recorder.warning(claim, "VolumeModifyFailed", problem)
            return Result(requeue_after=self._backoff.next_delay(key))
        message = f"external resizer is modifying volume {claim.metadata.name} with vac {target}"
        self.recorder.normal(claim, "VolumeModify", message)
        self._mark(claim, target, IN_PROGRESS)
        seconds = driver.create_seconds
        self.operations.pass_time(
            f"modify/{key}",
            driver.name,
            seconds=seconds,
            done=lambda _error: self._modified(key, target),
        )
        return None

    def _modified(self, key: str, target: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            claim = self.client.get(PersistentVolumeClaim, name, namespace=namespace)
            volume = self.client.get(PersistentVolume, claim.spec.volume_name)
            spec = attrs.evolve(volume.spec, volume_attributes_class_name=target)
            self.client.update(attrs.evolve(volume, spec=spec))
            status = attrs.evolve(
                claim.status,
                current_volume_attributes_class_name=target,
                modify_volume_status=None,
                conditions=without(claim.status.conditions, MODIFYING, FAILED),
            )
            claim = self.client.update_status(attrs.evolve(claim, status=status))
        except NotFoundError:
            return
        except ApiError:
            self.queue.add_after(key, 1.0)
            return
        self._backoff.forget(key)
        message = f"external resizer modified volume {name} with vac {target} successfully"
        self.recorder.normal(claim, "VolumeModifySuccessful", message)

    def _mark(
        self, claim: PersistentVolumeClaim, target: str, state: str, *, error: str = ""
    ) -> None:
        """Write how far the modification is, unless that is there already."""
        wanted = freeze({"targetVolumeAttributesClassName": target, "status": state})
        if claim.status.modify_volume_status == wanted:
            return
        conditions = without(claim.status.conditions, MODIFYING, FAILED)
        if state != PENDING:
            now = Time(float(int(self.loop.now)))
            type_, message = (FAILED, error) if error else (MODIFYING, "")
            condition = Condition(
                type=type_, status="True", message=message, last_transition_time=now
            )
            conditions = (*conditions, condition)
        status = attrs.evolve(claim.status, modify_volume_status=wanted, conditions=conditions)
        self.client.update_status(attrs.evolve(claim, status=status))

    def _on_class(self, key: str, _old: Any, new: Any) -> None:
        if new is None:
            return
        for claim in self._claims.lister:
            if claim.spec.volume_attributes_class_name == key:
                self.queue.add(claim.key)

"""Runs a group of faults: stages one after the other, the faults of a stage together."""

import logging
from collections.abc import Callable

import attrs

from engine.api.kubarium import Fault, FaultPart, FaultSpec
from engine.api.meta import ObjectMeta, OwnerReference
from engine.apiserver.errors import ApiError
from engine.faults.fault import Levers
from engine.kernel.loop import Timer

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
PARENT = "kubarium.dev/part-of"


@attrs.define(eq=False)
class Sequence:
    """One fault with stages, under way. Its faults are objects of their own, owned by it."""

    fault: Fault
    levers: Levers
    ended: Callable[[Fault, str, str], None]
    _stage: int = attrs.field(default=-1, init=False)
    _open: dict[str, None] = attrs.field(factory=dict, init=False)
    _made: list[str] = attrs.field(factory=list, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _is_stopped: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Begin with the first stage."""
        self._next()

    def stop(self) -> None:
        """Begin nothing more, and end what is active."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for name in reversed(self._made):
            if name in self._open:
                self._delete(name)
        self._open.clear()

    def child_changed(self, fault: Fault) -> None:
        """Take note of a fault that may be one of ours."""
        name = fault.metadata.name
        if name not in self._open or not is_over(fault):
            return
        del self._open[name]
        if fault.status.phase == "Failed" and not self._is_stopped:
            message = f"{name} failed: {fault.status.message}"
            self.levers.loop.call_soon(self.ended, self.fault, message, "Failed")
        else:
            self._go_on()

    def child_gone(self, fault: Fault) -> None:
        """Take note of a fault that was deleted."""
        if self._open.pop(fault.metadata.name, self) is None:
            self._go_on()

    def _go_on(self) -> None:
        if not self._open and not self._is_stopped and self._timer is None:
            self.levers.loop.call_soon(self._next)

    def _next(self) -> None:
        if self._is_stopped or self._timer is not None or self._open:
            return
        self._stage += 1
        stages = self.fault.spec.sequence
        if self._stage >= len(stages):
            self._is_stopped = True
            self.ended(self.fault, "all its stages are done", "Recovered")
            return
        delay = stages[self._stage].delay_seconds
        self._timer = self.levers.loop.call_later(delay, self._begin)

    def _begin(self) -> None:
        self._timer = None
        stage = self.fault.spec.sequence[self._stage]
        for number, part in enumerate(stage.faults, 1):
            label = part.name or f"{self._stage + 1}-{number}"
            made = child(self.fault, part, label)
            name = made.metadata.name
            if name in self._made:
                continue
            try:
                self.levers.client.create(made)
            except ApiError as error:
                log.info("fault=%s of a sequence waits: %s", name, error)
                self._timer = self.levers.loop.call_later(RETRY_SECONDS, self._begin)
                return
            self._made.append(name)
            if stage.is_waiting:
                self._open[name] = None
        self._go_on()

    def _delete(self, name: str) -> None:
        try:
            self.levers.client.delete(Fault, name)
        except ApiError as error:
            if error.code not in (403, 404):
                self.levers.loop.call_later(RETRY_SECONDS, self._delete, name)


def child(parent: Fault, part: FaultPart | FaultSpec, label: str) -> Fault:
    """The Fault object for *part* of *parent*, owned by it."""
    meta = parent.metadata
    owner = OwnerReference(
        api_version=Fault.API_VERSION, kind=Fault.KIND, name=meta.name, uid=meta.uid
    )
    if isinstance(part, FaultPart):
        spec = FaultSpec(
            type=part.type,
            target=part.target,
            params=part.params,
            duration_seconds=part.duration_seconds,
            seed=parent.spec.seed,
        )
    else:
        spec = part
    return Fault(
        metadata=ObjectMeta(
            name=f"{meta.name}-{label}",
            labels=meta.labels.with_items({PARENT: meta.name}),
            owner_references=(owner,) if meta.uid else (),
        ),
        spec=spec,
    )


def is_over(fault: Fault) -> bool:
    """Whether the fault has ended, one way or another."""
    return fault.status.phase in ("Recovered", "Aborted", "Failed", "Previewed")

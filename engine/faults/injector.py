"""Injects Fault objects and undoes them: at their deadline, when deleted, or all at once."""

import logging

import attrs

from engine.api.kubarium import Fault, FaultStatus
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import InformerFactory
from engine.faults.fault import FaultError, Levers, Recovery
from engine.faults.registry import FAULTS
from engine.faults.target import resolve
from engine.kernel.loop import Timer

log = logging.getLogger(__name__)


@attrs.define(eq=False, repr=False)
class _Active:
    fault: Fault
    recovery: Recovery | None
    timer: Timer | None = None


@attrs.define(eq=False, repr=False)
class Injector:
    """Watches Faults and pulls their levers.

    Promises:
        * a fault is injected once, and undone once, however it ends;
        * what ended stays recorded in its status until somebody deletes it;
        * the injector has a link of its own that no fault cuts.
    """

    levers: Levers
    informers: InformerFactory
    _active: dict[str, _Active] = attrs.field(factory=dict, init=False)

    def start(self) -> None:
        """Act on Faults from now on. Those that were active when Kubarium ended are over."""
        self.informers.informer(Fault).add_handler(self._on_change)

    def stop(self) -> None:
        """Undo everything that is active, newest first."""
        self.recover_all()

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults in force, oldest first."""
        return tuple(entry.fault for entry in self._active.values())

    def recover_all(self) -> None:
        """The panic key: undo every active fault, newest first."""
        for uid in reversed(tuple(self._active)):
            self._recover(uid, "undone together with all others")

    def _on_change(self, _key: str, old: Fault | None, new: Fault | None) -> None:
        if new is None:
            if old is not None:
                self._recover(old.metadata.uid, "deleted", is_deleted=True)
        elif new.status.phase == "":
            self.levers.loop.call_soon(self._inject, new)
        elif new.status.phase == "Active" and new.metadata.uid not in self._active:
            self.levers.loop.call_soon(self._report_over, new, "Kubarium was restarted")

    def _inject(self, fault: Fault) -> None:
        uid = fault.metadata.uid
        if uid in self._active:
            return
        loop = self.levers.loop
        try:
            apply = FAULTS.get(fault.spec.type)
            if apply is None:
                known = ", ".join(FAULTS)
                msg = f'"{fault.spec.type}" is not a fault; spec.type is one of {known}'
                raise FaultError(msg)  # noqa: TRY301 - the answer is the same for all of them
            target = resolve(fault, self.levers)
            recovery = apply(fault, target, self.levers)
        except (FaultError, ApiError) as error:
            self._report(fault, FaultStatus(phase="Failed", message=str(error)))
            return
        log.info("injected fault=%s type=%s", fault.key, fault.spec.type)
        touched = target.nodes + tuple(pod.key for pod in target.pods)
        if target.component:
            touched += (target.component,)
        now = Time(float(int(loop.now)))
        if recovery is None:
            status = FaultStatus(
                phase="Recovered", touched=touched, started_at=now, ended_at=now, message="done"
            )
            self._report(fault, status)
            return
        entry = self._active[uid] = _Active(fault, recovery)
        if fault.spec.duration_seconds is not None:
            entry.timer = loop.call_later(
                fault.spec.duration_seconds, self._recover, uid, "its time was over"
            )
        self._report(fault, FaultStatus(phase="Active", touched=touched, started_at=now))

    def _recover(self, uid: str, why: str, *, is_deleted: bool = False) -> None:
        entry = self._active.pop(uid, None)
        if entry is None:
            return
        if entry.timer is not None:
            entry.timer.cancel()
        if entry.recovery is not None:
            entry.recovery()
        log.info("recovered fault=%s why=%s", entry.fault.key, why)
        if not is_deleted:
            self._report_over(entry.fault, why)

    def _report_over(self, fault: Fault, why: str) -> None:
        now = Time(float(int(self.levers.loop.now)))
        status = attrs.evolve(fault.status, phase="Recovered", message=why, ended_at=now)
        self._report(fault, status)

    def _report(self, fault: Fault, status: FaultStatus) -> None:
        client = self.levers.client
        try:
            current = client.get(Fault, fault.metadata.name)
            client.update_status(attrs.evolve(current, status=status))
        except NotFoundError:
            return
        except ApiError as error:
            # The API server may be what the fault broke; say it when it is back.
            log.debug("status of fault=%s not written: %s", fault.key, error)
            self.levers.loop.call_later(1.0, self._report, fault, status)

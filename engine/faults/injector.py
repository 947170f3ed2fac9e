"""Injects Fault objects and undoes them: at their deadline, when deleted, or all at once."""

import logging

import attrs

from engine.api.cron import parse_schedule
from engine.api.fault_catalogue import CATALOGUE
from engine.api.kubarium import Fault, FaultStatus, HypothesisResult
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import InformerFactory
from engine.faults.fault import FaultError, Levers, Recovery, Target
from engine.faults.hypothesis import Watched
from engine.faults.registry import FAULTS
from engine.faults.sequence import Sequence, child, is_over
from engine.faults.target import is_gone, resolve, touched
from engine.kernel.loop import Timer

log = logging.getLogger(__name__)

END_ALL = "faults/end-all"
"""The journal's channel of the panic key."""
UNDONE_TOGETHER = "undone together with all others"
LOOK_SECONDS = 1.0
OURSELVES_SECONDS = 60.0


@attrs.define(eq=False, repr=False)
class _Active:
    """A fault in force: how to undo it, and what ends it."""

    fault: Fault
    recovery: Recovery | None
    watched: list[Watched] = attrs.field(factory=list)
    sequence: Sequence | None = None
    timers: list[Timer] = attrs.field(factory=list)
    failures: int = 0
    touched: tuple[str, ...] = ()
    pods: tuple[Pod, ...] = ()
    look: Timer | None = None


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
    _schedules: dict[str, tuple[Timer, Fault]] = attrs.field(factory=dict, init=False)
    _known: dict[str, None] = attrs.field(factory=dict, init=False)

    def start(self) -> None:
        """Act on Faults from now on. Those that were active when Kubarium ended are over."""
        self.informers.informer(Fault).add_handler(self._on_change)
        for node in self.levers.nodes.values():
            node.runtime.on_failed = self._disturbance_failed

    def stop(self) -> None:
        """Undo everything that is active, newest first."""
        for timer, _ in self._schedules.values():
            timer.cancel()
        self.recover_all()

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults in force, oldest first."""
        return tuple(entry.fault for entry in self._active.values())

    def panic(self) -> int:
        """The panic key: nothing is in force or to come; how many faults that ended."""
        count = len(self._active) + len(self._schedules)
        self.recover_all()
        for uid in tuple(self._schedules):
            timer, fault = self._schedules.pop(uid)
            timer.cancel()
            self._report_over(fault, UNDONE_TOGETHER)
        return count

    def recover_all(self) -> None:
        """Undo every active fault, newest first; sequences begin nothing more."""
        why = UNDONE_TOGETHER
        for uid, entry in tuple(self._active.items()):
            if entry.sequence is not None:
                self._recover(uid, why)
        for uid in reversed(tuple(self._active)):
            self._recover(uid, why)

    def _on_change(self, _key: str, old: Fault | None, new: Fault | None) -> None:
        if new is None:
            if old is not None:
                self._forget(old)
            return
        uid = new.metadata.uid
        for entry in tuple(self._active.values()):
            if entry.sequence is not None:
                entry.sequence.child_changed(new)
        phase = new.status.phase
        if phase == "" and uid not in self._known:
            self._known[uid] = None
            self.levers.loop.call_soon(self._begin, new)
        elif phase == "Active" and uid not in self._active:
            self.levers.loop.call_soon(self._report_over, new, "Kubarium was restarted")
        elif phase == "Scheduled" and uid not in self._schedules:
            self._arm(new)

    def _forget(self, fault: Fault) -> None:
        uid = fault.metadata.uid
        self._known.pop(uid, None)
        scheduled = self._schedules.pop(uid, None)
        if scheduled is not None:
            scheduled[0].cancel()
        for entry in tuple(self._active.values()):
            if entry.sequence is not None:
                entry.sequence.child_gone(fault)
        self._recover(uid, "deleted", is_deleted=True)

    # --- from an object to an effect ---

    def _begin(self, fault: Fault) -> None:
        try:
            if fault.spec.is_dry_run:
                self._preview(fault)
            elif fault.spec.schedule:
                parse_schedule(fault.spec.schedule)
                self._report(fault, FaultStatus(phase="Scheduled", message=fault.spec.schedule))
                self._arm(fault)
            else:
                self._inject(fault)
        except (FaultError, ApiError, ValueError) as error:
            now = self._now()
            failed = FaultStatus(
                phase="Failed", message=str(error), started_at=now, ended_at=now, is_undone=True
            )
            self._report(fault, failed)

    def _preview(self, fault: Fault) -> None:
        """Say what would be hit, and hit nothing."""
        parts = [part for stage in fault.spec.sequence for part in stage.faults]
        faults = [child(fault, part, "") for part in parts] or [fault]
        found: dict[str, None] = {}
        for one in faults:
            found |= dict.fromkeys(touched(resolve(one, self.levers)))
        count = len(found)
        message = f"would touch {count} object{'s' if count != 1 else ''}; nothing was done"
        status = FaultStatus(
            phase="Previewed", touched=tuple(found), message=message, ended_at=self._now()
        )
        self._report(fault, status)

    def _inject(self, fault: Fault) -> None:
        watched = [Watched(hypothesis) for hypothesis in fault.spec.steady_state]
        before = self._look(watched)
        for result in before:
            if not result.holds:
                message = f"not begun: {result.title} does not hold before ({result.found})"
                raise FaultError(message)
        entry = _Active(fault, None, watched)
        seconds = fault.spec.duration_seconds
        self._active[fault.metadata.uid] = entry
        try:
            if fault.spec.sequence:
                entry.sequence = Sequence(fault, self.levers, self._sequence_ended)
            else:
                seconds = self._apply(entry)
        except BaseException:
            del self._active[fault.metadata.uid]
            raise
        log.info("injected fault=%s type=%s", fault.key, fault.spec.type or "sequence")
        now = self._now()
        status = FaultStatus(
            phase="Active", touched=entry.touched, started_at=now, steady_state=before
        )
        if entry.recovery is None and entry.sequence is None:
            del self._active[fault.metadata.uid]
            over = attrs.evolve(
                status, phase="Recovered", ended_at=now, message="done", is_undone=True
            )
            self._report(fault, over)
            return
        if seconds is not None:
            status = attrs.evolve(status, ends_at=Time(now + float(int(seconds))))
        entry.fault = attrs.evolve(fault, status=status)
        self._set_timers(entry, seconds)
        self._report(fault, status)
        if entry.sequence is not None:
            entry.sequence.start()

    def _set_timers(self, entry: _Active, seconds: float | None) -> None:
        loop, uid = self.levers.loop, entry.fault.metadata.uid
        if seconds is not None:
            entry.timers.append(loop.call_later(seconds, self._recover, uid, "its time was over"))
        if entry.watched:
            entry.timers.append(loop.call_later(LOOK_SECONDS, self._check_steady_state, uid))
        if entry.pods:
            entry.look = loop.call_later(LOOK_SECONDS, self._check_target, uid)

    def _apply(self, entry: _Active) -> float | None:
        """Pull the lever; for how many seconds, or None for until it is deleted."""
        fault = entry.fault
        spec = fault.spec
        kind, apply = CATALOGUE.get(spec.type), FAULTS.get(spec.type)
        if apply is None or kind is None:
            known = ", ".join(FAULTS)
            raise FaultError(f'"{spec.type}" is not a fault; spec.type is one of {known}')
        target = resolve(fault, self.levers)
        entry.touched = touched(target)
        entry.pods = target.pods
        entry.recovery = apply(fault, target, self.levers)
        if not kind.is_lasting and spec.duration_seconds is None:
            return self._at_once(entry)
        return spec.duration_seconds or kind.default_duration or self._before_it_is_too_late(target)

    def _before_it_is_too_late(self, target: Target) -> float | None:
        """When the API server goes down with its node, nobody can end the fault: a minute then."""
        nodes = self.levers.nodes
        hits_us = any(nodes[name].runtime.has_apiserver for name in target.nodes if name in nodes)
        return OURSELVES_SECONDS if hits_us else None

    def _at_once(self, entry: _Active) -> float | None:
        """How long a fault without a duration of its own holds its lever."""
        spec = entry.fault.spec
        kind = CATALOGUE[spec.type]
        parameter = kind.parameter("seconds")
        if parameter is None:
            return 30.0
        return float(parameter.read(spec.params.get("seconds", parameter.default)))

    # --- what ends it ---

    def _check_steady_state(self, uid: str) -> None:
        entry = self._active.get(uid)
        if entry is None:
            return
        now = self.levers.loop.now
        results = self._look(entry.watched)
        broken = [watched.is_broken(now) for watched in entry.watched]
        if any(broken):
            result = results[broken.index(True)]
            self._recover(uid, f"{result.title} did not hold ({result.found})", phase="Aborted")
            return
        entry.timers.append(
            self.levers.loop.call_later(LOOK_SECONDS, self._check_steady_state, uid)
        )

    def _check_target(self, uid: str) -> None:
        """A fault of pods ends when the last of them is gone: there is nothing left to break."""
        entry = self._active.get(uid)
        if entry is None:
            return
        if all(is_gone(pod, self.levers.client) for pod in entry.pods):
            more = f" and {len(entry.touched) - 3} more" if len(entry.touched) > 3 else ""
            self._recover(uid, f"its target is gone: {', '.join(entry.touched[:3])}{more}")
            return
        entry.look = self.levers.loop.call_later(LOOK_SECONDS, self._check_target, uid)

    def _look(self, watched: list[Watched]) -> tuple[HypothesisResult, ...]:
        now = self.levers.loop.now
        return tuple(one.look(self.levers.client, now) for one in watched)

    def _sequence_ended(self, fault: Fault, message: str, phase: str) -> None:
        self._recover(fault.metadata.uid, message, phase=phase)

    def _disturbance_failed(self, disturbance_id: str, message: str) -> None:
        uid = disturbance_id.rpartition(".")[0]
        entry = self._active.get(uid)
        if entry is None:
            return
        entry.failures += 1
        if entry.failures >= max(1, len(entry.touched)):
            self._recover(uid, message, phase="Failed")

    def _recover(
        self, uid: str, why: str, *, is_deleted: bool = False, phase: str = "Recovered"
    ) -> None:
        entry = self._active.pop(uid, None)
        if entry is None:
            return
        for timer in (*entry.timers, *([entry.look] if entry.look is not None else [])):
            timer.cancel()
        if entry.sequence is not None:
            entry.sequence.stop()
        if entry.recovery is not None:
            entry.recovery()
        log.info("recovered fault=%s why=%s", entry.fault.key, why)
        if not is_deleted:
            self._report_over(entry.fault, why, phase, entry.watched)

    def _report_over(
        self,
        fault: Fault,
        why: str,
        phase: str = "Recovered",
        watched: list[Watched] | None = None,
    ) -> None:
        status = attrs.evolve(
            fault.status,
            phase=phase,
            message=why,
            ended_at=self._now(),
            ends_at=None,
            is_undone=True,
        )
        if watched and phase != "Aborted":
            status = attrs.evolve(status, steady_state=self._look(watched))
        self._report(fault, status)

    # --- schedules ---

    def _arm(self, fault: Fault) -> None:
        """Wait for the next time of the fault's schedule."""
        loop = self.levers.loop
        when = parse_schedule(fault.spec.schedule).next_after(loop.now)
        if when is not None:
            uid = fault.metadata.uid
            timer = loop.call_at(when, self._begin_scheduled, fault)
            self._schedules[uid] = (timer, fault)

    def _begin_scheduled(self, fault: Fault) -> None:
        self._arm(fault)
        name = f"{fault.metadata.name}-"
        running = [one for one in self.active if one.metadata.name.startswith(name)]
        client = self.levers.client
        if running:
            return  # one at a time
        number = int(self.levers.loop.now)
        spec = attrs.evolve(fault.spec, schedule="")
        try:
            client.create(child(fault, spec, str(number)))
            old = [
                one
                for one in client.list(Fault).items
                if one.metadata.name.startswith(name) and is_over(one)
            ]
            for one in sorted(old, key=lambda found: found.metadata.name)[:-3]:
                client.delete(Fault, one.metadata.name)
        except ApiError as error:
            log.warning("scheduled fault=%s not begun: %s", fault.key, error)
            return
        status = FaultStatus(
            phase="Scheduled", message=fault.spec.schedule, last_schedule_at=self._now()
        )
        self._report(fault, status)

    # --- telling ---

    def _now(self) -> Time:
        return Time(float(int(self.levers.loop.now)))

    def _report(self, fault: Fault, status: FaultStatus) -> None:
        client = self.levers.client
        try:
            current = client.get(Fault, fault.metadata.name)
            if current.metadata.uid != fault.metadata.uid:
                return
            if is_over(current) and status.phase in ("", "Active"):
                return
            client.update_status(attrs.evolve(current, status=status))
        except NotFoundError:
            return
        except ApiError as error:
            # The API server may be what the fault broke; say it when it is back.
            log.debug("status of fault=%s not written: %s", fault.key, error)
            self.levers.loop.call_later(1.0, self._report, fault, status)

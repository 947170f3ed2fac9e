"""Faults of the store: its history, its disk, its process."""

from collections.abc import Callable

import attrs

from engine.api.kubarium import Fault
from engine.faults.control_plane import hold_apiserver
from engine.faults.fault import FaultError, Levers, Recovery, Target, settings, undo_all
from engine.kernel.loop import Timer

READ_ONLY = "etcdserver: mvcc: database space exceeded (a fault keeps the store read-only)"
DIES_WITHIN_SECONDS = 0.05


def compact(fault: Fault, _target: Target, levers: Levers) -> None:
    """Forget history now."""
    store = levers.store
    revision = store.revision - int(settings(fault)["keep"])
    if revision <= store.compact_revision:
        raise FaultError(
            f"there is no history before revision {revision}: the store is compacted at"
            f" {store.compact_revision}"
        )
    store.compact(revision)


def slow_down(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """Writes are durable, and answered, later."""
    seconds = float(settings(fault)["latency"])
    levers.store.write_latency += seconds

    def quicken() -> None:
        levers.store.write_latency = max(0.0, levers.store.write_latency - seconds)

    return quicken


def refuse_writes(_fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """The store raises an alarm and takes no writes."""
    store = levers.store
    if store.alarm is not None and store.alarm != READ_ONLY:
        raise FaultError(f"the store takes no writes already: {store.alarm}")

    def allow() -> None:
        if store.alarm == READ_ONLY:
            store.set_alarm(None)

    return levers.hold("readonly", lambda: store.set_alarm(READ_ONLY), allow)


def crash(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """The store dies at the next write (or in a moment): all watches end, its log is closed.

    Later it is opened again and everything is read from it. ``before-fsync`` loses the write under
    way; ``after-fsync`` keeps it, and whoever wrote is told that it failed all the same.
    """
    given = settings(fault)
    alarm = levers.store.alarm
    if alarm is not None and alarm != READ_ONLY:
        raise FaultError(f"the store takes no writes already: {alarm}")
    crash_ = _Crash(levers, str(given["when"]))
    crash_.begin(float(given["seconds"]))
    return crash_.end


@attrs.define(eq=False)
class _Crash:
    """One death of the store, and its return."""

    levers: Levers
    when: str
    _timers: list[Timer] = attrs.field(factory=list, init=False)
    _recoveries: list[Recovery] = attrs.field(factory=list, init=False)
    _on_write: Callable[[str], None] = attrs.field(init=False)

    def begin(self, seconds: float) -> None:
        """Die at the next write, and be back after *seconds*."""

        def on_write(stage: str) -> None:
            if stage == self.when:
                self._die()

        self._on_write = on_write
        loop = self.levers.loop
        # The first turn is over once it is written that the fault is in force.
        self._timers += [
            loop.call_soon(self._arm),
            loop.call_later(DIES_WITHIN_SECONDS, self._die),
            loop.call_later(seconds, self.end),
        ]

    def end(self) -> None:
        """Be back now. Twice is once."""
        self._disarm()
        for timer in self._timers:
            timer.cancel()
        undo_all(self._recoveries)()

    def _arm(self) -> None:
        self.levers.store.on_write = self._on_write

    def _disarm(self) -> None:
        if self.levers.store.on_write is self._on_write:
            self.levers.store.on_write = None

    def _die(self) -> None:
        self._disarm()
        self._timers[1].cancel()
        if not self._recoveries:
            store = self.levers.store
            self._recoveries.append(self.levers.hold("store", store.crash, store.recover))
            # After the answer to the write under way.
            self._timers.append(self.levers.loop.call_soon(self._refuse))

    def _refuse(self) -> None:
        self._recoveries.append(hold_apiserver(self.levers))

"""Checks the invariants at every revision of a running cluster."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.coordination import Lease
from engine.api.events import Event
from engine.api.frozen import freeze
from engine.api.kubarium import Invariant as InvariantObject
from engine.api.meta import ObjectMeta
from engine.apiserver.computed import ReadOnly
from engine.apiserver.fields import Predicate
from engine.cri.runtime import Runtime
from engine.faults.invariants.registry import make_invariants
from engine.faults.invariants.violation import Invariant, Violation, violation
from engine.faults.invariants.watching import OrderedWatch
from engine.kernel.loop import Loop, Timer
from engine.store.kv import FROM_KEY, Change
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch

log = logging.getLogger(__name__)

KEPT = 100
SWEEP_SECONDS = 10.0
QUIET_SECONDS = 60.0


@attrs.define(eq=False, repr=False)
class Monitor:
    """The invariants of one cluster, live.

    *is_disturbed* says whether a fault is in force: what takes its time is judged only when none
    has been for a minute.

    Promises:
        * every change is looked at once, in order, and nothing is ever changed by looking;
        * a violation names the revision, the objects, who did it and what led to it.
    """

    loop: Loop
    store: Store[Any]
    runtimes: Mapping[str, Runtime]
    is_disturbed: Callable[[], bool]
    violations: deque[Violation] = attrs.field(factory=lambda: deque(maxlen=KEPT), init=False)
    counts: dict[str, int] = attrs.field(factory=dict, init=False)
    invariants: tuple[Invariant, ...] = attrs.field(init=False)
    revision: int = attrs.field(default=0, init=False)
    on_violation: Callable[[Violation], object] = attrs.field(default=bool, init=False)
    listeners: list[Callable[[Change[Any]], object]] = attrs.field(factory=list, init=False)
    _change: Change[Any] | None = attrs.field(default=None, init=False)
    _reporters: tuple[Callable[..., None], ...] = attrs.field(init=False)
    _looking: dict[type, tuple[tuple[Invariant, Callable[..., None]], ...]] = attrs.field(
        factory=dict, init=False
    )
    _quiet_since: float = attrs.field(default=0.0, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _cancel: Callable[[], object] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.invariants = make_invariants(self._running)
        self._reporters = tuple(self._reporter(invariant) for invariant in self.invariants)

    def start(self) -> None:
        """Look at what there is, then at every change."""
        if self._cancel is not None:
            return
        found = self.store.range(b"\0", FROM_KEY)
        for kv in found.kvs:
            self._look(Change(kv.mod_revision, 0, "put", kv), is_present=True)
        watcher = self.store.watch(
            b"\0",
            FROM_KEY,
            deliver=self._on_batch,
            start_revision=self.store.revision + 1,
            prev_kv=True,
            name="invariants",
        )
        self._cancel = watcher.cancel
        self._quiet_since = self.loop.now
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Look no more."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        if self._timer is not None:
            self._timer.cancel()

    def broken(self, invariant: str) -> tuple[str, ...]:
        """How *invariant* (``*`` for any) was broken so far, each in words."""
        return tuple(str(found) for found in self.violations if invariant in ("*", found.invariant))

    def _on_batch(self, batch: WatchBatch[Any]) -> None:
        for change in batch.changes:
            self._look(change)
            for listener in self.listeners:
                listener(change)
        self.revision = batch.revision

    def _look(self, change: Change[Any], *, is_present: bool = False) -> None:
        self._change = change
        if change.type != "delete" or change.prev_kv is None:
            obj = change.kv.value
            is_repeated = isinstance(obj, Lease) and change.prev_kv is not None
            if is_repeated or (isinstance(obj, Event) and not obj.metadata.owner_references):
                # Heartbeats and Events are most of all changes, and concern one invariant.
                if not is_present:
                    self.invariants[0].on_change(change, self._reporters[0])
                return
        else:
            obj = change.prev_kv.value
        for invariant, reporter in self._looking_at(type(obj)):
            if not is_present or not isinstance(invariant, OrderedWatch):
                invariant.on_change(change, reporter)

    def _looking_at(self, cls: type) -> tuple[tuple[Invariant, Callable[..., None]], ...]:
        """The invariants that look at changes of *cls*, each with its reporter, in order."""
        found = self._looking.get(cls)
        if found is None:
            pairs = zip(self.invariants, self._reporters, strict=True)
            found = tuple(pair for pair in pairs if issubclass(cls, pair[0].kinds))
            self._looking[cls] = found
        return found

    def _reporter(self, invariant: Invariant) -> Callable[..., None]:
        def broken(message: str, *objects: str) -> None:
            found = violation(invariant.name, message, objects, self._change, self.loop.now)
            if not found.revision:
                found = attrs.evolve(found, revision=self.store.revision)
            self.counts[invariant.name] = self.counts.get(invariant.name, 0) + 1
            self.violations.append(found)
            log.warning("invariant broken %s", found)
            self.on_violation(found)

        return broken

    def _sweep(self) -> None:
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        now = self.loop.now
        if self.is_disturbed():
            self._quiet_since = now
        if now - self._quiet_since < QUIET_SECONDS:
            return
        self._change = None
        for invariant, reporter in zip(self.invariants, self._reporters, strict=True):
            invariant.on_quiet(now, reporter)

    def _running(self) -> Any:
        for node, runtime in self.runtimes.items():
            for sandbox in runtime.list_sandboxes():
                states = [container.state for container in sandbox.containers]
                if "running" in states:
                    pod = sandbox.pod
                    yield node, f"{pod.namespace}/{pod.name}", pod.uid, "running"


@attrs.frozen(eq=False)
class InvariantAnswers(ReadOnly):
    """`Invariant` objects: how each stands now."""

    monitor: Monitor

    def get(self, name: str, namespace: str) -> InvariantObject | None:
        """One invariant."""
        del namespace
        return next((one for one in self.list("") if one.metadata.name == name), None)

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[InvariantObject, ...]:
        """All of them, in the order they are checked."""
        del namespace
        monitor = self.monitor
        made = []
        for invariant in monitor.invariants:
            mine = [found for found in monitor.violations if found.invariant == invariant.name]
            status: dict[str, Any] = {
                "holds": not mine,
                "violations": monitor.counts.get(invariant.name, 0),
                "checkedRevision": monitor.revision,
            }
            if mine:
                last = mine[-1]
                status |= {
                    "revision": last.revision,
                    "message": last.message,
                    "objects": list(last.objects),
                    "actor": last.actor,
                    "cause": last.cause,
                }
            made.append(
                InvariantObject(
                    metadata=ObjectMeta(name=invariant.name),
                    spec=freeze({"promise": invariant.promise}),
                    status=freeze(status),
                )
            )
        return tuple(one for one in made if selects is None or selects(one))

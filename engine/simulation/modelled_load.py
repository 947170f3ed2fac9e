"""Requests in virtual time: they follow the service rules to simulated pods and use their CPU.

A backend is a queue in front of a CPU: what waits there is latency, what waits too long an error.
What faults do to the network in between delays, loses, slows or resets requests.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from engine.api.load import Load
from engine.kernel.loop import Loop, Timer
from engine.load.profile import Profile
from engine.load.stats import LoadStats
from engine.proxy.rules import Backend, RuleSet
from engine.simulation.behaviors import BROKEN_DEMO, DEMO_PORT
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.images import split_reference
from engine.simulation.runtime import SimulatedRuntime
from engine.simulation.way import Group, Journey

TICK_SECONDS = 0.1
NETWORK_SECONDS = 0.0008
REQUEST_BYTES = 1500
"""A request and its answer with all headers, in both directions."""
FREE_CPU = 1000
"""Millicores that a container without a limit can have."""

Reach = Callable[[str], SimulatedRuntime | None]
"""The runtime of a node by name, if there is one."""


@attrs.define(eq=False, repr=False)
class ModelledLoad:
    """`engine.load.controller.Traffic` against simulated pods, from *node* or from outside."""

    loop: Loop
    load: Load
    profile: Profile
    rules: Callable[[], RuleSet]
    reach: Reach
    node: str = ""
    journey: Journey = attrs.field(factory=Journey)
    stats: LoadStats = attrs.field(factory=LoadStats, init=False)
    _began: float = attrs.field(init=False)
    _sent: int = attrs.field(default=0, init=False)
    _turn: int = attrs.field(default=0, init=False)
    _waiting: dict[Backend, float] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _ticks: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._began = self.loop.now
        self._timer = self.loop.call_later(TICK_SECONDS, self._tick)

    @property
    def age(self) -> float:
        """Seconds since the first request, at most the duration."""
        return min(self.loop.now - self._began, self.profile.duration)

    def status(self) -> dict[str, Any]:
        """How it stands."""
        is_over = self.age >= self.profile.duration
        return self.stats.as_status(age=self.age, phase="Done" if is_over else "Running")

    def stop(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        backends = self._backends()
        if self.profile.is_unpaced:
            # Each connection asks again as soon as it has its answer.
            due = max(1, int(self.load.spec.concurrency * TICK_SECONDS / self._shortest(backends)))
        else:
            due = int(self.profile.due(self.age)) - self._sent
        self._sent += due
        self._send(backends, due)
        self._ticks += 1
        if self._ticks % round(1 / TICK_SECONDS) == 0:
            self.stats.turn(self.age)
        if self.age < self.profile.duration:
            self._timer = self.loop.call_later(TICK_SECONDS, self._tick)

    def _shortest(self, backends: tuple[Backend, ...]) -> float:
        waits = [self._waiting.get(backend, 0.0) * self._cost for backend in backends]
        return self._cost + NETWORK_SECONDS + min(waits, default=0.0)

    @property
    def _cost(self) -> float:
        return max(self.load.spec.cpu_millis, 0.01) / 1000

    def _backends(self) -> tuple[Backend, ...]:
        spec, namespace = self.load.spec, self.load.metadata.namespace
        found = self.rules().services.get(f"{namespace}/{spec.service}")
        if found is None:
            return ()
        for frontend, target in found.frontends.items():
            if frontend.port == spec.port and frontend.protocol == "tcp":
                return target.backends_on(self.node)
        return ()

    def _send(self, backends: tuple[Backend, ...], due: int) -> None:
        if not self.journey.has_names:
            if due:
                self.stats.failed("(no name)", "name resolution timed out", due)
            return
        if not backends:
            if due:
                self.stats.failed("(no endpoint)", "connection refused", due)
            return
        share, rest = divmod(due, len(backends))
        for place, backend in enumerate(backends):
            extra = (place - self._turn) % len(backends) < rest
            self._serve(backend, share + int(extra))
        self._turn = (self._turn + rest) % len(backends)

    def _serve(self, backend: Backend, sent: int) -> None:
        """One tick of one backend: *sent* requests leave for it, some of them arrive."""
        runtime = self.reach(backend.node)
        sandbox = _sandbox_at(runtime, backend.ip) if runtime is not None else None
        name = sandbox.command.pod.name if sandbox else f"{backend.ip}:{backend.port}"

        def failed(why: str, count: int) -> None:
            if count:
                self.stats.failed(name, why, count)

        way = self.journey.to(backend.ip, backend.port)
        timeout = self.load.spec.timeout_seconds
        groups = tuple(self.journey.groups(sent, way, timeout=timeout, failed=failed))
        count = sum(group.count for group in groups)
        if sandbox is None or runtime is None:
            # A pod that has gone, or a node without power: nobody answers at that address.
            failed("timeout", count)
            return
        container = next((c for c in sandbox.containers.values() if c.is_running), None)
        if container is None or _refuses(container, backend.port):
            failed("connection refused", count)
            return
        if runtime.disturbances.is_frozen(container.id):
            failed("timeout", count)
            return
        cpu = container.command.resources.cpu_limit or FREE_CPU
        per_second = cpu / 1000 / self._cost
        if way.rate:
            per_second = min(per_second, way.rate / REQUEST_BYTES)
        before = self._waiting.get(backend, 0.0)
        waiting = before + count
        served = min(waiting, per_second * TICK_SECONDS)
        left = waiting - served
        lost = max(0, int(left - timeout * per_second))
        left -= lost
        failed("timeout", lost)
        runtime.work(sandbox.command.pod.uid, served * self._cost * 1000)
        self._waiting[backend] = left
        answered = int(waiting - lost) - int(left)
        if answered > 0:
            wait = left / per_second + served / per_second / 4
            latency = NETWORK_SECONDS + self._cost * 1000 / cpu + wait
            for group in _split(answered, groups):
                late = latency + group.delay
                self.stats.answered(name, late, status=_status(container), count=group.count)


def _split(count: int, groups: Sequence[Group]) -> list[Group]:
    """*count* answers with the delays of those that arrive now, and the rest with the least."""
    found = []
    for group in groups:
        part = min(count, group.count)
        if part:
            found.append(Group(part, group.delay))
            count -= part
    if count:
        found.append(Group(count, min((group.delay for group in groups), default=0.0)))
    return found


def _sandbox_at(runtime: SimulatedRuntime, address: str) -> SimulatedSandbox | None:
    return next((found for found in runtime.sandboxes.values() if found.ip == address), None)


def _refuses(container: SimulatedContainer, port: int) -> bool:
    return container.behavior.is_demo and port != DEMO_PORT


def _status(container: SimulatedContainer) -> int:
    is_broken = split_reference(container.command.image)[1] == BROKEN_DEMO
    return 500 if container.behavior.is_demo and is_broken else 200

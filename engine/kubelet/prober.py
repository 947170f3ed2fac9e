"""Asks containers whether they have started, are ready and alive, as often as their probes say.

Source: kubelet prober/worker.go, kubernetes v1.34.
"""

from collections.abc import Callable
from typing import Protocol

import attrs

from engine.api.container import Container, Probe
from engine.api.wire import IntOrString
from engine.cri.events import CheckFinished
from engine.kernel.loop import Loop, Timer
from engine.kubelet.checks import CheckRunner, make_check

LIVENESS, READINESS, STARTUP = "liveness", "readiness", "startup"

FIRST_SPREAD_SECONDS = 0.5


class Chance(Protocol):
    """A random stream."""

    def random(self) -> float:
        """A number from 0 to below 1."""
        ...


@attrs.frozen(kw_only=True)
class ProbeTarget:
    """Which run of which container."""

    pod_uid: str
    container: Container
    container_id: str
    started_at: float


Verdict = Callable[[ProbeTarget, str, bool], None]
"""Called with (target, kind, success) when a threshold has been reached."""

Report = Callable[[ProbeTarget, str, str], None]
"""Called with (target, reason, message) for every check that is worth an Event."""


@attrs.define(eq=False, kw_only=True)
class _Worker:
    """One probe of one container's run."""

    target: ProbeTarget
    kind: str
    probe: Probe
    succeeded: int = 0
    failed: int = 0
    timer: Timer | None = None
    token: str = ""


@attrs.define(eq=False, kw_only=True)
class Prober:
    """Runs the probes of this node's containers.

    A container without a start-up probe begins with the other two; one with it begins with them
    when it has passed. A check that is still open is not asked again.
    """

    loop: Loop
    checks: CheckRunner
    random: Chance
    verdict: Verdict
    report: Report
    _workers: dict[str, list[_Worker]] = attrs.field(factory=dict, init=False)

    def start(self, target: ProbeTarget, *, has_started: bool = False) -> None:
        """Probe this run of a container from now on; with *has_started* not for its start-up."""
        container = target.container
        self.stop(target.container_id)
        self._workers[target.container_id] = []
        if container.startup_probe is not None and not has_started:
            self._add(target, STARTUP, container.startup_probe)
        else:
            self._add_regular(target)

    def stop(self, container_id: str) -> None:
        """Probe that run no more."""
        for worker in self._workers.pop(container_id, ()):
            self._halt(worker)

    def stop_all(self) -> None:
        """Probe nothing any more."""
        for container_id in tuple(self._workers):
            self.stop(container_id)

    def is_probed(self, container_id: str) -> bool:
        """Whether `start` was called for that run and `stop` was not."""
        return container_id in self._workers

    def _add_regular(self, target: ProbeTarget) -> None:
        container = target.container
        if container.liveness_probe is not None:
            self._add(target, LIVENESS, container.liveness_probe)
        if container.readiness_probe is not None:
            self._add(target, READINESS, container.readiness_probe)

    def _add(self, target: ProbeTarget, kind: str, probe: Probe) -> None:
        worker = _Worker(target=target, kind=kind, probe=probe)
        self._workers[target.container_id].append(worker)
        first = target.started_at + probe.initial_delay_seconds
        spread = FIRST_SPREAD_SECONDS * (0.5 + 0.5 * self.random.random())
        worker.timer = self.loop.call_at(max(first, self.loop.now) + spread, self._ask, worker)

    def _ask(self, worker: _Worker) -> None:
        probe, target = worker.probe, worker.target
        worker.timer = self.loop.call_later(max(1, probe.period_seconds), self._ask, worker)
        if worker.token:
            return
        check = make_check(
            target.container,
            command=probe.exec,
            http_get=probe.http_get,
            tcp_socket=probe.tcp_socket,
            grpc=probe.extra.get("grpc"),
        )
        if check is None:
            self._err(worker, f'strconv.Atoi: parsing "{_port_of(probe)}": invalid syntax')
            return

        def answer(event: CheckFinished) -> None:
            worker.token = ""
            if event.is_unknown:
                self._err(worker, event.message)
                return
            if event.warns:
                said = f"{worker.kind.capitalize()} probe warning: {event.message}"
                self.report(target, "ProbeWarning", said)
            self._count(worker, success=event.success, message=event.message)

        worker.token = self.checks.run(
            target.container_id,
            check,
            timeout=float(max(1, probe.timeout_seconds)),
            answer=answer,
            kind=worker.kind.lower(),
        )

    def _err(self, worker: _Worker, why: str) -> None:
        """The check could not be made, which says nothing of the container."""
        kind = worker.kind.capitalize()
        said = f"{kind} probe errored and resulted in unknown state: {why}"
        self.report(worker.target, "Unhealthy", said)

    def _count(self, worker: _Worker, *, success: bool, message: str) -> None:
        probe, kind, target = worker.probe, worker.kind, worker.target
        if success:
            worker.succeeded, worker.failed = worker.succeeded + 1, 0
            if worker.succeeded != max(1, probe.success_threshold):
                return
        else:
            worker.succeeded, worker.failed = 0, worker.failed + 1
            self.report(target, "Unhealthy", f"{kind.capitalize()} probe failed: {message}")
            if worker.failed != max(1, probe.failure_threshold):
                return
        if kind == STARTUP and success:
            self._halt(worker)
            self._workers[target.container_id].remove(worker)
            self._add_regular(target)
        elif not success and kind != READINESS:
            self.stop(target.container_id)  # it is about to be killed
        self.verdict(target, kind, success)

    def _halt(self, worker: _Worker) -> None:
        if worker.timer is not None:
            worker.timer.cancel()
        if worker.token:
            self.checks.forget(worker.token)


def _port_of(probe: Probe) -> IntOrString:
    """The port that *probe* names."""
    action = probe.http_get or probe.tcp_socket
    return action.port if action is not None else ""

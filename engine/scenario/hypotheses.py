"""Steady state while a scenario runs: probes with a tolerance, looked at every so often."""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from engine.apiserver.errors import ApiError
from engine.scenario.checks import evaluate, look_up
from engine.scenario.duration import seconds
from engine.scenario.schema import HypothesisSpec
from engine.scenario.stage import Moment, Stage


@attrs.frozen(kw_only=True)
class Violation:
    """A hypothesis that did not hold: in which phase, since which moment, and what was found."""

    hypothesis: str
    phase: str
    time: float
    revision: int
    found: str


@attrs.define(eq=False, repr=False)
class Monitor:
    """One hypothesis; *on_violation* is called when it begins to fail in one of its phases."""

    spec: HypothesisSpec
    stage: Stage
    phase: Callable[[], str]
    on_violation: Callable[[HypothesisSpec, Violation], None]
    samples: deque[tuple[float, bool]] = attrs.field(factory=deque, init=False)
    violations: list[Violation] = attrs.field(factory=list, init=False)
    is_stopped: bool = attrs.field(default=False, init=False)
    _is_broken: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Look from now on."""
        self.stage.loop.call_soon(self._look)

    def stop(self) -> None:
        """Look no more."""
        self.is_stopped = True

    def _look(self) -> None:
        if self.is_stopped:
            return
        self.stage.loop.call_later(seconds(self.spec.probe.every), self._look)
        phase = self.phase()
        if phase not in self.spec.phases:
            self.samples.clear()
            self._is_broken = False
            return
        holds, found = self._probe()
        if holds is None:
            return
        moment = self.stage.now()
        if self._within(moment.time, holds=holds):
            self._is_broken = False
        elif not self._is_broken:
            self._is_broken = True
            self._report(phase, moment, found)

    def _report(self, phase: str, moment: Moment, found: str) -> None:
        violation = Violation(
            hypothesis=self.spec.id,
            phase=phase,
            time=moment.time,
            revision=moment.revision,
            found=found,
        )
        self.violations.append(violation)
        self.on_violation(self.spec, violation)

    def _probe(self) -> tuple[bool | None, str]:
        probe, tolerance = self.spec.probe, self.spec.tolerance
        try:
            if tolerance.min is not None or tolerance.max is not None:
                return self._bounds()
            outcome = evaluate(probe, self.stage.view)
        except ApiError as error:
            # An API server that does not answer says nothing of the application.
            return None, str(error)
        return (None if outcome.is_pending else outcome.holds), outcome.found

    def _bounds(self) -> tuple[bool, str]:
        probe, tolerance = self.spec.probe, self.spec.tolerance
        obj = self.stage.view.find(probe.object or "", probe.namespace)
        value: Any = look_up(obj, probe.path or "")
        number = float(value) if isinstance(value, int | float) else 0.0
        holds = (tolerance.min is None or number >= tolerance.min) and (
            tolerance.max is None or number <= tolerance.max
        )
        return holds, f"{probe.object} {probe.path} is {value if value is not None else 'not set'}"

    def _within(self, now: float, *, holds: bool) -> bool:
        ratio = self.spec.tolerance.success_ratio_min
        if ratio is None:
            return holds
        window = seconds(self.spec.tolerance.window)
        self.samples.append((now, holds))
        while self.samples and self.samples[0][0] < now - window:
            self.samples.popleft()
        good = sum(sample for _, sample in self.samples)
        # Too few answers say too little: a window must be half full.
        needed = window / seconds(self.spec.probe.every) / 2
        return len(self.samples) < needed or good >= ratio * len(self.samples)

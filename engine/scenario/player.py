"""Plays a scenario on a cluster: one step after the other, by the cluster's own time.

The player is callbacks on the loop, so it runs the same in virtual time as by the wall clock.
"""

from collections.abc import Callable

import attrs

from engine.api.kubarium import Fault
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.kernel.loop import Timer
from engine.scenario import actions
from engine.scenario.checks import View
from engine.scenario.duration import seconds
from engine.scenario.hypotheses import Monitor, Violation
from engine.scenario.report import Report, StepResult
from engine.scenario.running import POLL_SECONDS, Running
from engine.scenario.schema import HypothesisSpec, Scenario, ScenarioError, StepBase
from engine.scenario.stage import NoScreen, Screen, Stage
from engine.scenario.steps import FaultStep, NoteStep, SnapshotStep, flatten

__all__ = ["POLL_SECONDS", "Player"]


@attrs.define(eq=False, repr=False)
class Player:
    """Runs the steps of one scenario in file order and keeps the results.

    Promises:
        * the first step that fails ends the run; the others are reported as skipped;
        * faults and loads that the scenario began are over when it ends, however it ends;
        * `on_change` is called whenever a step begins or ends, or tells something new.

    With *keeps_faults* they last on: what prepares a lab is over at once, its faults are not.
    With *is_interactive* it pauses where the file says so, and types at the file's pace. *enter*
    brings a control (pause, resume, advance) in from outside, by the journal.
    """

    scenario: Scenario
    client: Client
    view: View
    on_change: Callable[["Player"], None] = lambda _player: None
    screen: Screen = attrs.field(factory=NoScreen)
    enter: Callable[[str], object] | None = None
    is_interactive: bool = False
    keeps_faults: bool = False
    results: list[StepResult] = attrs.field(factory=list, init=False)
    violations: list[Violation] = attrs.field(factory=list, init=False)
    current: int = attrs.field(default=-1, init=False)
    is_done: bool = attrs.field(default=False, init=False)
    is_paused: bool = attrs.field(default=False, init=False)
    message: str = attrs.field(default="", init=False)
    stage: Stage = attrs.field(init=False)
    _running: Running | None = attrs.field(default=None, init=False)
    _started_at: float = attrs.field(default=0.0, init=False)
    _ended_at: float | None = attrs.field(default=None, init=False)
    _step_began: float = attrs.field(default=0.0, init=False)
    _began_revision: int = attrs.field(default=0, init=False)
    _limit: Timer | None = attrs.field(default=None, init=False)
    _monitors: list[Monitor] = attrs.field(factory=list, init=False)
    _is_stepping: bool = attrs.field(default=False, init=False)
    _goal: int = attrs.field(default=-1, init=False)
    _is_ending: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        scenario = self.scenario
        self.stage = Stage(
            scenario.id,
            self.client,
            self.view,
            scenario.manifest,
            self.screen,
            seconds(scenario.playback.typing) if self.is_interactive else 0.0,
        )

    def start(self) -> None:
        """Begin with the first step."""
        loop = self.stage.loop
        self._started_at = loop.now
        self.stage.screen = self.screen
        self._limit = loop.call_later(
            seconds(self.scenario.clock.limit), self._fail_run, "the scenario's limit was reached"
        )
        self._monitors = [
            Monitor(spec, self.stage, self._phase, self._on_violation)
            for spec in self.scenario.hypothesis
        ]
        for monitor in self._monitors:
            monitor.start()
        loop.call_soon(self._watch_invariants)
        if self.scenario.playback.view:
            self.screen.show(self.scenario.playback.view, "", "")
        loop.call_soon(self._next)

    def control(self, action: str) -> None:
        """Do ``pause``, ``resume`` or ``advance`` as an input from outside."""
        if self.enter is None:
            getattr(self, action)()
        else:
            self.enter(action)

    def pause(self) -> None:
        """Finish the current step and begin no other."""
        self.is_paused = True
        self.on_change(self)

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.is_paused:
            self.is_paused = False
            self._is_stepping = False
            self._proceed()

    def advance(self) -> None:
        """Play one step, then pause."""
        self._is_stepping = True
        if self.is_paused:
            self.is_paused = False
            self._proceed()

    def go_to(self, number: int) -> None:
        """Show the step *number* (from 0): one that was played as it was, one to come when it is.

        For a step to come, the run goes on without pausing and pauses before it. Looking back
        changes what is shown and nothing else, so it is no part of the run's history.
        """
        if number <= self.current:
            moment = self._moments().get(number)
            if moment is not None:
                self.screen.seek(moment)
            return
        self.screen.seek(None)
        self._goal = number
        self.resume()

    def stop(self) -> None:
        """End the run because the audience wants it."""
        self.abort("stopped from the keyboard")

    def abort(self, why: str) -> None:
        """End the run now: undo what was begun, and report it as failed."""
        if not self.is_done:
            self._fail_run(why)

    @property
    def progress(self) -> str:
        """What the step under way tells."""
        return self._running.progress if self._running is not None else ""

    @property
    def step(self) -> StepBase | None:
        """The step under way, or None before the first and after the last."""
        if self.is_done or not 0 <= self.current < len(self.scenario.step):
            return None
        return self.scenario.step[self.current]

    def report(self) -> Report:
        """What has been played so far, or all of it."""
        ended = self._ended_at if self._ended_at is not None else self.stage.loop.now
        return Report(
            scenario=self.scenario.id,
            title=self.scenario.title,
            seed=self.scenario.seed,
            passed=self.is_done and not self.message,
            message=self.message,
            started_at=self._started_at,
            ended_at=ended,
            steps=tuple(self.results),
            violations=tuple(self.violations),
            variables=dict(self.scenario.vars),
        )

    def _moments(self) -> dict[int, int]:
        """The revision at which each step that was played began, by number."""
        began = [result.began_revision for result in self.results]
        return dict(enumerate(began))

    def _proceed(self) -> None:
        self.on_change(self)
        if self._running is None:
            self.stage.loop.call_soon(self._next)

    def _next(self) -> None:
        if self.is_done or self.is_paused or self._running is not None:
            return
        if self._goal == self.current + 1:
            self._goal = -1
            self.pause()
            return
        self.current += 1
        step = self.step
        if step is None:
            self._finish(self._broken_invariant())
            return
        moment = self.stage.now()
        self._step_began = moment.time
        self._began_revision = moment.revision
        self._running = Running(self.stage, step, self._end_step, lambda: self.on_change(self))
        self._running.start()
        self.on_change(self)

    def _end_step(self, state: str, message: str) -> None:
        step = self.step
        if step is None:
            return
        self._running = None
        self._add_result(self.current, step, state, message)
        if state == "failed":
            self.on_change(self)
            self._finish(f"step {self.current + 1} ({step.id or step.do}) failed: {message}")
            return
        if self._is_stepping or self._pauses_after(step):
            self._is_stepping = False
            self.is_paused = True
        self.on_change(self)
        self.stage.loop.call_soon(self._next)

    def _pauses_after(self, step: StepBase) -> bool:
        if not self.is_interactive or self._goal > self.current:
            return False
        kinds = self.scenario.playback.pause_on
        return (
            "step" in kinds
            or ("note" in kinds and isinstance(step, NoteStep))
            or ("snapshot" in kinds and isinstance(step, SnapshotStep))
        )

    def _add_result(self, number: int, step: StepBase, state: str, message: str) -> None:
        moment = self.stage.now()
        is_skipped = state == "skipped"
        self.results.append(
            StepResult(
                number=number + 1,
                id=step.id,
                do=step.do,
                title=step.title,
                state=state,
                message=message,
                started_at=moment.time if is_skipped else self._step_began,
                ended_at=moment.time,
                revision=moment.revision,
                began_revision=moment.revision if is_skipped else self._began_revision,
            )
        )

    # Steady state

    def _phase(self) -> str:
        """Before the first fault, during (one is in force or to come back), or after the last."""
        if not self.stage.faults:
            return "before"
        if self.view.active_faults():
            return "during"
        later = flatten(self.scenario.step[max(self.current, 0) :])
        return "during" if any(isinstance(step, FaultStep) for step in later) else "after"

    def _on_violation(self, spec: HypothesisSpec, violation: Violation) -> None:
        self.violations.append(violation)
        why = f"hypothesis {spec.id} did not hold {violation.phase}: {violation.found}"
        is_cause = f"hypothesis:{spec.id}" in self.scenario.abort.on
        if violation.phase == "before":
            # Until it is up it cannot be steady; what counts is the moment of the fault.
            step = self.step
            if not isinstance(step, FaultStep):
                self.violations.remove(violation)
                return
            self._fail_run(f"{why} (revision {violation.revision}); nothing was broken yet")
        elif spec.on_violation == "abort" or is_cause or "violation" in self.scenario.abort.on:
            self._fail_run(f"{why} (revision {violation.revision})")
        elif self.is_interactive and (
            spec.on_violation == "pause" or "violation" in self.scenario.playback.pause_on
        ):
            self.pause()
        self.on_change(self)

    def _watch_invariants(self) -> None:
        if self.is_done or not self.scenario.invariants.enable:
            return
        broken = self._broken_invariant()
        if broken:
            self._fail_run(broken)
        else:
            self.stage.loop.call_later(POLL_SECONDS, self._watch_invariants)

    def _broken_invariant(self) -> str:
        """Which invariant that the scenario requires was broken and how; empty if none was."""
        for name in self.scenario.invariants.enable:
            found = self.view.violations(name)
            if found:
                return f"invariant {name} was broken: {found[0]}"
        return ""

    # The end

    def _fail_run(self, message: str) -> None:
        if self.is_done or self._is_ending:
            return
        step = self.step
        if self._running is not None and step is not None:
            self._running.cancel()
            self._running = None
            self._add_result(self.current, step, "failed", message)
            message = f"step {self.current + 1} ({step.id or step.do}) failed: {message}"
        self._finish(message)

    def _finish(self, message: str) -> None:
        if self.is_done or self._is_ending:
            return
        self._is_ending = True
        for monitor in self._monitors:
            monitor.stop()
        if self._limit is not None:
            self._limit.cancel()
        for number in range(len(self.results), len(self.scenario.step)):
            self._add_result(number, self.scenario.step[number], "skipped", "")
        self.message = message
        if not self.keeps_faults:
            self._undo()
        grace = seconds(self.scenario.abort.grace) if message else 0.0
        self._ended_at = self.stage.loop.now
        if grace:
            self.stage.loop.call_later(grace, self._close)
        else:
            self._close()

    def _close(self) -> None:
        self.is_done = True
        self.on_change(self)

    def _undo(self) -> None:
        """End every fault and load, in the order the file says, until the API server takes it."""
        faults = list(self.stage.faults.values())
        if self.scenario.abort.revert == "newest-first":
            faults.reverse()
        left = False
        for name in faults:
            try:
                if self.client.get(Fault, name).status.ended_at is None:
                    actions.end_fault(self.client, name)
            except NotFoundError:
                continue
            except (ApiError, ScenarioError):
                left = True
        for name, namespace in self.stage.loads.values():
            try:
                actions.end_load(self.client, name, namespace)
            except (ApiError, ScenarioError):
                left = True
        if left:
            # The API server may be what a fault broke: its time will be over.
            self.stage.loop.call_later(1.0, self._undo)

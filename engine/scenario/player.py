"""Plays a scenario on a cluster: one step after the other, by the cluster's own time.

The player is callbacks on the loop, so it runs the same in virtual time as by the wall clock.
"""

from collections.abc import Callable

import attrs

from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.kernel.loop import Timer
from engine.scenario import actions
from engine.scenario.checks import Outcome, View, evaluate
from engine.scenario.loader import seconds
from engine.scenario.report import Report, StepResult
from engine.scenario.schema import (
    CheckStep,
    EndFaultStep,
    FaultStep,
    NoteStep,
    Predicate,
    Scenario,
    ScenarioError,
    SleepStep,
    StepBase,
    WaitStep,
)

POLL_SECONDS = 0.25
"""How often a wait looks again, in the cluster's time."""


@attrs.define(eq=False, repr=False)
class Player:
    """Runs the steps of one scenario in file order and keeps the results.

    Promises:
        * the first step that fails ends the run; the others are reported as skipped;
        * faults that the scenario began are over when it ends, however it ends, unless
          *keeps_faults* leaves them to their time (what prepares a lab is over at once);
        * `on_change` is called whenever a step begins or ends.
    """

    scenario: Scenario
    client: Client
    view: View
    on_change: Callable[["Player"], None] = lambda _player: None
    keeps_faults: bool = False
    results: list[StepResult] = attrs.field(factory=list, init=False)
    current: int = attrs.field(default=-1, init=False)
    is_done: bool = attrs.field(default=False, init=False)
    is_paused: bool = attrs.field(default=False, init=False)
    message: str = attrs.field(default="", init=False)
    progress: str = attrs.field(default="", init=False)
    _started_at: float = attrs.field(default=0.0, init=False)
    _step_began: float = attrs.field(default=0.0, init=False)
    _holds_since: float | None = attrs.field(default=None, init=False)
    _limit: Timer | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Begin with the first step."""
        loop = self.client.link.loop
        self._started_at = loop.now
        self._limit = loop.call_later(
            seconds(self.scenario.clock.limit), self._fail_run, "the scenario's limit was reached"
        )
        loop.call_soon(self._next)

    def pause(self) -> None:
        """Finish the current step and begin no other."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.is_paused:
            self.is_paused = False
            self.client.link.loop.call_soon(self._next)

    @property
    def step(self) -> StepBase | None:
        """The step under way, or None before the first and after the last."""
        if self.is_done or not 0 <= self.current < len(self.scenario.step):
            return None
        return self.scenario.step[self.current]

    def report(self) -> Report:
        """What has been played so far, or all of it."""
        now = self.client.link.loop.now
        return Report(
            scenario=self.scenario.id,
            title=self.scenario.title,
            seed=self.scenario.seed,
            passed=self.is_done and not self.message,
            message=self.message,
            started_at=self._started_at,
            ended_at=now,
            steps=tuple(self.results),
        )

    def _next(self) -> None:
        if self.is_done or self.is_paused:
            return
        self.current += 1
        self.progress = ""
        step = self.step
        if step is None:
            self._finish("")
            return
        self._step_began = self.client.link.loop.now
        self._holds_since = None
        self.on_change(self)
        delay = seconds(step.delay) if step.delay is not None else 0.0
        self.client.link.loop.call_later(delay, self._gate, self.current)

    def _gate(self, number: int) -> None:
        """Begin the step once its `when` holds."""
        step = self.step
        if step is None or number != self.current:
            return
        if step.when is not None and not self._holds(step.when):
            self.client.link.loop.call_later(POLL_SECONDS, self._gate, number)
            return
        self._step_began = self.client.link.loop.now
        try:
            self._perform(step)
        except (ApiError, ScenarioError, ValueError) as error:
            self._end_step("failed", str(error))

    def _perform(self, step: StepBase) -> None:
        loop = self.client.link.loop
        match step:
            case WaitStep():
                self._look(self.current)
            case CheckStep():
                self._check(step)
            case NoteStep():
                pause = seconds(step.pause) if step.pause is not None else 0.0
                loop.call_later(pause, self._end_step, "passed", step.text)
            case SleepStep():
                loop.call_later(seconds(step.seconds), self._end_step, "passed", "")
            case FaultStep():
                fault = actions.fault_of(self.scenario, step, self.current)
                self.client.create(fault)
                self._confirm_fault(self.current, fault.metadata.name)
            case EndFaultStep():
                ended = next(
                    (number, began)
                    for number, began in enumerate(self.scenario.step)
                    if began.id == step.step
                )
                name = actions.fault_name(self.scenario, ended[1], ended[0])
                self._end_step("passed", actions.end_fault(self.client, name))
            case _:
                act = actions.ACTIONS[type(step)]
                self._end_step("passed", act(step, self.client, self.scenario))

    def _confirm_fault(self, number: int, name: str) -> None:
        """Wait until the injector has said how it went."""
        if number != self.current or self.is_done:
            return
        found = self.view.find(f"fault/{name}", "")
        status = (found or {}).get("status", {})
        if not status.get("phase"):
            self.client.link.loop.call_later(POLL_SECONDS, self._confirm_fault, number, name)
        elif status["phase"] == "Failed":
            self._end_step("failed", status.get("message", ""))
        else:
            self._end_step("passed", "hit " + ", ".join(status.get("touched", ())))

    def _look(self, number: int) -> None:
        step = self.step
        if number != self.current or not isinstance(step, WaitStep):
            return
        loop = self.client.link.loop
        try:
            holds = self._holds(step.until)
        except (ScenarioError, ValueError) as error:
            self._end_step("failed", str(error))
            return
        if not holds:
            self._holds_since = None
        elif self._holds_since is None:
            self._holds_since = loop.now
        hold = seconds(step.hold) if step.hold is not None else 0.0
        if self._holds_since is not None and loop.now - self._holds_since >= hold:
            self._end_step("passed", self.progress)
        elif loop.now - self._step_began >= seconds(step.timeout):
            why = step.until.say or self.progress
            self._end_step("failed", f"not within {step.timeout}: {why}")
        else:
            self.on_change(self)
            loop.call_later(POLL_SECONDS, self._look, number)

    def _check(self, step: CheckStep, number: int = 0, failed: tuple[str, ...] = ()) -> None:
        """Look at one claim after the other, waiting for answers that are under way."""
        while number < len(step.checks):
            claim = step.checks[number]
            outcome = self._evaluate(claim)
            if outcome.is_pending:
                loop = self.client.link.loop
                loop.call_later(POLL_SECONDS, self._check, step, number, failed)
                return
            if not outcome.holds:
                why = f"{claim.say} ({outcome.found})" if claim.say else outcome.found
                failed = (*failed, why)
            number += 1
        if failed:
            self._end_step("failed", "; ".join(failed))
        else:
            self._end_step("passed", f"{number} of {number} hold")

    def _evaluate(self, claim: Predicate) -> Outcome:
        try:
            return evaluate(claim, self.view)
        except ApiError as error:
            return Outcome(holds=False, found=str(error))

    def _holds(self, claim: Predicate) -> bool:
        outcome = self._evaluate(claim)
        if not outcome.is_pending or not self.progress:
            self.progress = outcome.found
        return outcome.holds

    def _end_step(self, state: str, message: str) -> None:
        step = self.step
        if step is None:
            return
        self._add_result(self.current, step, state, message)
        self.on_change(self)
        if state == "failed":
            self._finish(f"step {self.current + 1} ({step.id or step.do}) failed: {message}")
        else:
            self.client.link.loop.call_soon(self._next)

    def _add_result(self, number: int, step: StepBase, state: str, message: str) -> None:
        now = self.client.link.loop.now
        self.results.append(
            StepResult(
                number=number + 1,
                id=step.id,
                do=step.do,
                title=step.title,
                state=state,
                message=message,
                started_at=self._step_began if state != "skipped" else now,
                ended_at=now,
                revision=self._revision(),
            )
        )

    def _revision(self) -> int:
        revision = getattr(self.client.server, "revision", 0)
        return int(revision)

    def _fail_run(self, message: str) -> None:
        if self.step is not None:
            self._end_step("failed", message)

    def _finish(self, message: str) -> None:
        if self.is_done:
            return
        for number in range(len(self.results), len(self.scenario.step)):
            self._add_result(number, self.scenario.step[number], "skipped", "")
        if self._limit is not None:
            self._limit.cancel()
        for number, step in enumerate(self.scenario.step):
            if isinstance(step, FaultStep) and not self.keeps_faults:
                self._end_fault_quietly(actions.fault_name(self.scenario, step, number))
        self.message = message
        self.is_done = True
        self.on_change(self)

    def _end_fault_quietly(self, name: str) -> None:
        try:
            actions.end_fault(self.client, name)
        except ApiError:
            # Nobody can be told any more; the injector undoes it when the cluster stops.
            return

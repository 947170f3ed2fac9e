"""One step under way: its delay, its gate, what it does, and how it ends. Callbacks on the loop."""

from collections.abc import Callable

import attrs

from engine.api.kubarium import Fault
from engine.apiserver.errors import ApiError, NotFoundError
from engine.scenario import actions
from engine.scenario.checks import Outcome, evaluate
from engine.scenario.duration import seconds
from engine.scenario.schema import Predicate, ScenarioError, StepBase
from engine.scenario.stage import Stage
from engine.scenario.steps import (
    CheckStep,
    EndStep,
    FaultStep,
    GroupStep,
    KeysStep,
    KubectlStep,
    NoteStep,
    ParallelStep,
    PromptStep,
    SeekStep,
    SleepStep,
    WaitStep,
)

POLL_SECONDS = 0.25
"""How often a wait looks again, in the cluster's time."""

Done = Callable[[str, str], None]
"""Called once with passed or failed, and what happened in words."""


@attrs.define(eq=False, repr=False)
class Running:
    """A step from its start to its end; *done* is called once, unless `cancel` comes first."""

    stage: Stage
    step: StepBase
    done: Done
    on_progress: Callable[[], None] = lambda: None
    progress: str = attrs.field(default="", init=False)
    is_over: bool = attrs.field(default=False, init=False)
    _began: float = attrs.field(default=0.0, init=False)
    _holds_since: float | None = attrs.field(default=None, init=False)
    _inner: list["Running"] = attrs.field(factory=list, init=False)

    def start(self) -> None:
        """Begin, after the step's delay and once its gate is open."""
        delay = seconds(self.step.delay) if self.step.delay is not None else 0.0
        self._later(delay, self._gate)

    def cancel(self) -> None:
        """Go no further and say nothing."""
        self.is_over = True
        for inner in self._inner:
            inner.cancel()

    def _later(self, delay: float, callback: Callable[..., object], *args: object) -> None:
        def run() -> None:
            if self.is_over:
                return
            try:
                callback(*args)
            except (ApiError, ScenarioError, ValueError) as error:
                self._end("failed", str(error))

        self.stage.loop.call_later(delay, run)

    def _gate(self) -> None:
        step = self.step
        waiting = [name for name in step.after if name not in self.stage.ended]
        if waiting:
            self._tell(f"waits for {', '.join(waiting)}")
        elif step.when is None or self._holds(step.when):
            moment = self.stage.now()
            self._began = moment.time
            if step.id:
                self.stage.began[step.id] = moment
            self._perform(step)
            return
        self._later(POLL_SECONDS, self._gate)

    def _perform(self, step: StepBase) -> None:  # noqa: C901 - one case a kind of step
        match step:
            case WaitStep():
                self._look(step)
            case CheckStep():
                self._check(step)
            case NoteStep():
                pause = seconds(step.pause) if step.pause is not None else 0.0
                self._later(pause, self._end, "passed", step.text)
            case SleepStep():
                self._later(seconds(step.seconds), self._end, "passed", "")
            case FaultStep():
                self._begin_fault(step)
            case EndStep():
                self._end("passed", self._end_of(step.step))
            case KeysStep():
                every = seconds(step.every)
                self.stage.screen.press(step.keys, every)
                took = every * len(step.keys)
                self._later(took, self._end, "passed", "pressed " + " ".join(step.keys))
            case SeekStep():
                self._seek(step)
            case PromptStep():
                self._ask(step)
            case ParallelStep():
                self._together(step)
            case GroupStep():
                self._in_turn(step, 0)
            case KubectlStep():
                self._tell(f"$ kubectl {step.run}")
                self._later(self.stage.typing * len(step.run), self._act, step)
            case _:
                self._act(step)

    def _act(self, step: StepBase) -> None:
        self._end("passed", actions.ACTIONS[type(step)](step, self.stage))

    # Waits and checks

    def _look(self, step: WaitStep) -> None:
        now = self.stage.loop.now
        if not self._holds(step.until):
            self._holds_since = None
        elif self._holds_since is None:
            self._holds_since = now
        hold = seconds(step.hold) if step.hold is not None else 0.0
        if self._holds_since is not None and now - self._holds_since >= hold:
            self._end("passed", self.progress)
        elif now - self._began >= seconds(step.timeout):
            said = step.until.say
            why = f"{said} ({self.progress})" if said else self.progress
            self._end("failed", f"not within {step.timeout}: {why}")
        else:
            self.on_progress()
            self._later(POLL_SECONDS, self._look, step)

    def _check(self, step: CheckStep, number: int = 0, failed: tuple[str, ...] = ()) -> None:
        """Look at one claim after the other, waiting for answers that are under way."""
        while number < len(step.checks):
            claim = step.checks[number]
            outcome = self._evaluate(claim)
            if outcome.is_pending:
                self._later(POLL_SECONDS, self._check, step, number, failed)
                return
            if not outcome.holds:
                why = f"{claim.say} ({outcome.found})" if claim.say else outcome.found
                failed = (*failed, why)
            number += 1
        if failed:
            self._end("failed", "; ".join(failed))
        else:
            self._end("passed", f"{number} of {number} hold")

    def _evaluate(self, claim: Predicate) -> Outcome:
        try:
            return evaluate(claim, self.stage.view)
        except ApiError as error:
            return Outcome(holds=False, found=str(error))

    def _holds(self, claim: Predicate) -> bool:
        outcome = self._evaluate(claim)
        if not outcome.is_pending or not self.progress:
            self.progress = outcome.found
        return outcome.holds

    # Faults and loads

    def _begin_fault(self, step: FaultStep) -> None:
        name = self.stage.unique(step.id)
        if step.preview:
            preview = actions.fault_of(step, f"{name}-preview", is_dry_run=True)
            self.stage.client.create(preview)
            self._await_fault(preview.metadata.name, lambda hit: self._previewed(step, name, hit))
        else:
            self._inject(step, name)

    def _previewed(self, step: FaultStep, name: str, hit: str) -> None:
        self._tell(f"will hit {hit}")
        actions.end_fault(self.stage.client, f"{name}-preview")
        self._inject(step, name)

    def _inject(self, step: FaultStep, name: str) -> None:
        self.stage.client.create(actions.fault_of(step, name))
        self.stage.faults[step.id or name] = name
        self._await_fault(name, lambda hit: self._end("passed", f"hit {hit}"))

    def _await_fault(self, name: str, then: Callable[[str], None]) -> None:
        """Wait until the injector has said how it went."""
        try:
            status = self.stage.client.get(Fault, name).status
        except NotFoundError:
            self._end("failed", f"fault {name} was deleted by somebody else")
            return
        except ApiError:
            # The API server may be what the fault broke: it began, or nothing would refuse us.
            then("the API server")
            return
        if status.phase in ("", "Scheduled"):
            self._later(POLL_SECONDS, self._await_fault, name, then)
        elif status.phase in ("Failed", "Aborted"):
            self._end("failed", status.message)
        else:
            then(", ".join(status.touched) or "nothing")

    def _end_of(self, step_id: str) -> str:
        stage = self.stage
        if step_id in stage.faults:
            return actions.end_fault(stage.client, stage.faults[step_id])
        if step_id in stage.loads:
            return actions.end_load(stage.client, *stage.loads[step_id])
        raise ScenarioError(f'step "{step_id}" has begun nothing yet')

    # The screen

    def _seek(self, step: SeekStep) -> None:
        screen = self.stage.screen
        revision = self.stage.moment_of(step)
        screen.seek(revision)
        screen.press(step.keys, 0.3)
        if revision is None:
            self._end("passed", "back at the present")
            return

        def back() -> None:
            screen.seek(None)
            self._end("passed", f"looked back at revision {revision}")

        self._later(seconds(step.stay) + 0.3 * len(step.keys), back)

    def _ask(self, step: PromptStep) -> None:
        self._tell(step.text)

        def answered(answer: str) -> None:
            if self.is_over:
                return
            if step.expect is not None and answer.strip() != step.expect:
                self._end("failed", f'"{answer}" was answered, not "{step.expect}"')
            else:
                self._end("passed", f"answered: {answer}")

        self._later(seconds(step.timeout), self._end, "failed", f"no answer within {step.timeout}")
        self.stage.screen.ask(step, answered)

    # Steps inside of steps

    def _together(self, step: ParallelStep) -> None:
        if not step.steps:
            self._end("passed", "nothing to do")
        self._inner = [
            Running(self.stage, inner, self._one_of, self.on_progress) for inner in step.steps
        ]
        for running in self._inner:
            running.start()

    def _one_of(self, state: str, message: str) -> None:
        if state == "failed":
            self._end("failed", message)
        elif all(inner.is_over for inner in self._inner):
            self._end("passed", f"{len(self._inner)} steps at once")

    def _in_turn(self, step: GroupStep, number: int) -> None:
        total = len(step.steps) * step.repeat
        if number >= total:
            self._end("passed", f"{total} steps")
            return

        def following(state: str, message: str) -> None:
            if state == "failed":
                self._end("failed", message)
            else:
                self._later(0.0, self._in_turn, step, number + 1)

        inner = Running(
            self.stage, step.steps[number % len(step.steps)], following, self.on_progress
        )
        self._inner = [inner]
        inner.start()

    def _tell(self, text: str) -> None:
        self.progress = text
        self.on_progress()

    def _end(self, state: str, message: str) -> None:
        if self.is_over:
            return
        self.cancel()
        moment = self.stage.now()
        if self.step.id:
            self.stage.ended[self.step.id] = moment
        self.done(state, message)

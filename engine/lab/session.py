"""A lab being done: watches the current task's claims, counts points, gives hints, resets.

Callbacks on the loop, as the scenario player is; in virtual time it runs the same.
"""

import re
from collections.abc import Callable
from math import ceil

import attrs

from engine.api.core import Namespace
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.kernel.loop import Timer
from engine.lab import state as states
from engine.lab.reset import Baseline
from engine.lab.schema import Lab, LabError, Task
from engine.lab.state import LabState, TaskState
from engine.scenario.checks import Outcome, View, evaluate
from engine.scenario.duration import seconds
from engine.scenario.player import Player
from engine.scenario.schema import FORMAT, Predicate, Scenario, ScenarioError, StepBase

LOOK_SECONDS = 0.5


@attrs.define(eq=False, repr=False)
class LabSession:
    """One learner's lab on one cluster.

    Promises:
        * tasks come in file order; a task is passed when all its claims hold for its `hold`, its
          answer is right, and none of its `fail` claims has come true;
        * points are given once; hints, wrong answers and an opened solution count as the file says;
        * `on_change` is called whenever the state differs from before.
    """

    lab: Lab
    client: Client
    view: View
    state: LabState
    on_change: Callable[["LabSession"], None] = lambda _session: None
    make_player: Callable[[Scenario], Player] = attrs.field(init=False)
    problem: str = attrs.field(default="", init=False)
    is_ready: bool = attrs.field(default=False, init=False)
    _baseline: Baseline = attrs.field(init=False)
    _held: dict[int, bool] = attrs.field(factory=dict, init=False)
    _holds_since: float | None = attrs.field(default=None, init=False)
    _has_passed_once: bool = attrs.field(default=False, init=False)
    _is_answered: bool = attrs.field(default=False, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _player: Player | None = attrs.field(default=None, init=False)
    _began: float = attrs.field(default=0.0, init=False)
    _shown: LabState | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._baseline = Baseline(self.client)
        self.make_player = lambda scenario: Player(
            scenario, self.client, self.view, keeps_faults=True
        )

    # What others ask

    @property
    def task(self) -> Task | None:
        """The task to do now; None before the start and after the last."""
        index = self.index
        return self.lab.task[index] if self.is_ready and index is not None else None

    @property
    def index(self) -> int | None:
        """The number of the first task that is not passed, from 0."""
        for number, task in enumerate(self.state.tasks):
            if not task.is_over:
                return number
        return None

    @property
    def busy(self) -> bool:
        """Whether steps of the lab's own are being done."""
        return self._player is not None

    def start(self) -> None:
        """Prepare the cluster and begin with the first task."""
        loop = self.client.link.loop
        self._began = loop.now
        self.state = attrs.evolve(self.state, is_running=True, started_at=loop.now)
        self._baseline.take()
        self._do(self.lab.start.step, self._prepared)

    def stop(self) -> None:
        """Look no more; what was reached stays."""
        if self._timer is not None:
            self._timer.cancel()
        self.state = attrs.evolve(self.state, is_running=False)
        self._tell()

    def answer(self, text: str) -> bool:
        """Whether *text* is what the current task asks for; a wrong one costs what the file says.

        Raises:
            LabError: the task asks for no answer.
        """
        task = self._current()
        if task.answer is None:
            raise LabError("the task asks for no answer: it is done in the cluster")
        is_right = re.search(task.answer.regex, text.strip()) is not None
        found = self._task_state()
        penalty = found.penalty + (0 if is_right else -self.lab.score.wrong_answer)
        self._set_task(attrs.evolve(found, attempts=found.attempts + 1, penalty=penalty))
        self._is_answered = is_right
        self.look()
        return is_right

    def offered_hints(self) -> tuple[int, ...]:
        """The numbers of the current task's hints that can be taken now."""
        task, found = self.task, self._task_state()
        if task is None:
            return ()
        age = self.client.link.loop.now - (found.began_at or 0.0)
        return tuple(
            number
            for number, hint in enumerate(task.hint)
            if number not in found.hints
            and (hint.after is None or age >= seconds(hint.after))
            and (hint.when is None or self._evaluate(hint.when).holds)
        )

    def hint(self) -> str:
        """The next hint, paid for when the task is passed.

        Raises:
            LabError: there is none, or none yet.
        """
        task, offered = self._current(), self.offered_hints()
        if not offered:
            left = len(task.hint) - len(self._task_state().hints)
            raise LabError(
                "no hint yet: try a little longer" if left else "there are no more hints"
            )
        found = self._task_state()
        self._set_task(attrs.evolve(found, hints=(*found.hints, offered[0])))
        self._tell()
        return task.hint[offered[0]].text

    def open_solution(self) -> str:
        """How the current task is done; with "zero-task" it is worth nothing from now on."""
        task = self._current()
        self._set_task(attrs.evolve(self._task_state(), is_solution_open=True))
        self._tell()
        return task.solution.text or "\n".join(step.do for step in task.solution.steps)

    def carry_out_solution(self) -> None:
        """Do the steps of the current task's solution."""
        task = self._current()
        self.open_solution()
        self._do(task.solution.steps, self.look)
        if task.answer is not None:
            self._is_answered = True

    def reset(self) -> None:
        """Put the cluster back to what the current task begins with; points and hints stay."""
        if self.busy:
            raise LabError("the lab is still preparing the cluster")
        self.state = attrs.evolve(self.state, resets=self.state.resets + 1)
        self.is_ready = False
        self._baseline.restore()
        self._await_restored()

    # The course of things

    def _await_restored(self) -> None:
        if self._baseline.is_restored():
            # Tasks build on one another: what was solved before must be there again.
            steps = list(self.lab.start.step)
            for number in range(self.index or 0):
                steps += [*self.lab.task[number].start, *self.lab.task[number].solution.steps]
            self._do(tuple(steps), self._prepared)
        else:
            self.client.link.loop.call_later(LOOK_SECONDS, self._await_restored)

    def _prepared(self) -> None:
        self.is_ready = True
        self._begin_task()
        self._schedule()

    def _begin_task(self) -> None:
        index = self.index
        if index is None:
            self._finish()
            return
        self._held, self._holds_since = {}, None
        self._has_passed_once = self._is_answered = False
        found = self._task_state()
        began = self.client.link.loop.now if found.began_at is None else found.began_at
        self._set_task(attrs.evolve(found, state=states.ACTIVE, began_at=began))
        self._do(self.lab.task[index].start, self.look)

    def _schedule(self) -> None:
        if self._timer is None or not self._timer.is_pending:
            self._timer = self.client.link.loop.call_later(LOOK_SECONDS, self._tick)

    def _tick(self) -> None:
        self.look()
        if self.state.is_running and not self.state.is_done:
            self._schedule()

    def look(self) -> None:
        """Look at the current task's claims now."""
        task = self.task
        now = self.client.link.loop.now
        self.state = attrs.evolve(self.state, seconds=now - self._began)
        if task is None or self.busy or self._task_state().state == states.FAILED:
            self._tell()
            return
        for claim in task.fail:
            outcome = self._evaluate(claim)
            if outcome.holds:
                said = claim.say or outcome.found
                self._set_task(
                    attrs.evolve(self._task_state(), state=states.FAILED, missing=(said,))
                )
                self._tell()
                return
        missing = []
        for number, claim in enumerate(task.check):
            outcome = self._evaluate(claim)
            if not outcome.is_pending:
                self._held[number] = outcome.holds
            if not self._held.get(number, False):
                missing.append(claim.say or outcome.found)
        if task.answer is not None and not self._is_answered:
            missing.append(self._words("answer"))
        held = tuple(self._held.get(number, False) for number in range(len(task.check)))
        self._judge(task, tuple(missing), held, now)
        self._tell()

    def _judge(
        self, task: Task, missing: tuple[str, ...], held: tuple[bool, ...], now: float
    ) -> None:
        if missing:
            self._holds_since = None
            self._set_task(attrs.evolve(self._task_state(), missing=missing, held=held))
            return
        if self._holds_since is None:
            self._holds_since = now
        if not self._has_passed_once and task.on_first_pass:
            self._has_passed_once = True
            self._do(task.on_first_pass, self.look)
        hold = seconds(task.hold) if task.hold is not None else 0.0
        left = hold - (now - self._holds_since)
        if left > 0:
            said = f"{self._words('hold')} {ceil(left)} s"
            self._set_task(attrs.evolve(self._task_state(), missing=(said,), held=held))
            return
        if not self.busy:
            self._pass(task, held, now)

    def _words(self, what: str) -> str:
        is_korean = any("가" <= sign <= "힣" for sign in self.lab.title)
        if what == "answer":
            return "답을 입력하세요." if is_korean else "Type your answer."
        return (
            "조건이 유지되어야 하는 시간:" if is_korean else "Everything holds; it must stay so for"
        )

    def _pass(self, task: Task, held: tuple[bool, ...], now: float) -> None:
        found = self._task_state()
        is_free = self.lab.score.solution == "free"
        self._set_task(
            attrs.evolve(
                found,
                state=states.SHOWN if found.is_solution_open else states.PASSED,
                points=states.points_for(task, found, is_free=is_free),
                missing=(),
                held=held,
                ended_at=now,
                revision=self.client.list(Namespace).revision,
            )
        )
        self._begin_task()

    def _finish(self) -> None:
        self.state = attrs.evolve(self.state, bonus=states.bonus_for(self.lab, self.state))
        self._tell()

    def _do(self, steps: tuple[StepBase, ...], then: Callable[[], None]) -> None:
        """Do *steps* as a scenario, then call *then*; a step that fails is the lab's problem."""
        if not steps:
            then()
            return
        scenario = Scenario(
            format=FORMAT, id=f"lab-{self.lab.id}", title=self.lab.title, step=steps
        )
        player = self._player = self.make_player(scenario)

        def changed(played: Player) -> None:
            if not played.is_done or self._player is not played:
                return
            self._player = None
            self.problem = played.message
            then()

        player.on_change = changed
        player.start()

    def _evaluate(self, claim: Predicate) -> Outcome:
        try:
            return evaluate(claim, self.view)
        except (ApiError, ScenarioError, ValueError) as error:
            return Outcome(holds=False, found=str(error))

    def _current(self) -> Task:
        task = self.task
        if task is None:
            raise LabError("there is no task to do: the lab is over, or not ready yet")
        return task

    def _task_state(self) -> TaskState:
        index = self.index
        return self.state.tasks[-1 if index is None else index]

    def _set_task(self, new: TaskState) -> None:
        tasks = tuple(new if task.id == new.id else task for task in self.state.tasks)
        self.state = attrs.evolve(self.state, tasks=tasks)

    def _tell(self) -> None:
        if self.state != self._shown:
            self._shown = self.state
            self.on_change(self)

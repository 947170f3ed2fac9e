"""How far a learner is: per task and in all, as values that can be saved and exported."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import attrs

from engine.lab.schema import Lab, Task
from engine.scenario.duration import seconds

WAITING, ACTIVE, PASSED, FAILED, SHOWN = "waiting", "active", "passed", "failed", "shown"
"""States of a task; *shown* is passed after its solution was opened."""


@attrs.frozen(kw_only=True)
class TaskState:
    """One task.

    Attributes:
        missing: what does not hold yet, in words.
        hints: the numbers of the hints that were taken.
        attempts: how many answers were given, right or wrong.
        penalty: points lost by wrong answers.
        seconds: of the cluster's time, from the task's begin to its end.
    """

    id: str
    state: str = WAITING
    points: int = 0
    missing: tuple[str, ...] = ()
    held: tuple[bool, ...] = ()
    hints: tuple[int, ...] = ()
    attempts: int = 0
    penalty: int = 0
    is_solution_open: bool = False
    began_at: float | None = None
    ended_at: float | None = None
    revision: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the task is passed."""
        return self.state in (PASSED, SHOWN)

    @property
    def seconds(self) -> float:
        """How long it took."""
        if self.began_at is None or self.ended_at is None:
            return 0.0
        return self.ended_at - self.began_at


@attrs.frozen(kw_only=True)
class LabState:
    """A whole lab of one learner."""

    lab: str
    learner: str
    seed: int
    title: str = ""
    tasks: tuple[TaskState, ...] = ()
    started_at: float = 0.0
    seconds: float = 0.0
    resets: int = 0
    is_running: bool = False
    bonus: int = 0
    total: int = 100
    pass_mark: int = 70
    kubeconfig: str = ""

    @property
    def points(self) -> int:
        """The score."""
        return max(0, sum(task.points for task in self.tasks) + self.bonus)

    @property
    def is_done(self) -> bool:
        """Whether every task is passed."""
        return bool(self.tasks) and all(task.is_over for task in self.tasks)

    @property
    def is_passed(self) -> bool:
        """Whether all is done with enough points."""
        return self.is_done and self.points >= self.pass_mark

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return attrs.asdict(self) | {"points": self.points, "passed": self.is_passed}


def fresh(lab: Lab, *, learner: str, seed: int) -> LabState:
    """A lab that nobody has begun."""
    return LabState(
        lab=lab.id,
        learner=learner,
        seed=seed,
        title=lab.title,
        tasks=tuple(TaskState(id=task.id) for task in lab.task),
        total=lab.score.total,
        pass_mark=lab.score.pass_,
    )


def from_json(data: dict[str, Any]) -> LabState:
    """What `LabState.as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    known = {field.name for field in attrs.fields(LabState)}
    of_task = {field.name for field in attrs.fields(TaskState)}
    tasks = []
    for task in data["tasks"]:
        known_part: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in task.items()
            if key in of_task
        }
        tasks.append(TaskState(**known_part))
    plain: dict[str, Any] = {
        key: value for key, value in data.items() if key in known and key != "tasks"
    }
    return LabState(**plain, tasks=tuple(tasks))


def points_for(task: Task, state: TaskState, *, is_free: bool) -> int:
    """What a passed task is worth after hints, wrong answers and a solution that was opened."""
    if state.is_solution_open and not is_free:
        return 0
    cost = sum(task.hint[number].cost for number in state.hints)
    return max(0, task.points - cost - state.penalty)


def bonus_for(lab: Lab, state: LabState) -> int:
    """The time bonus, if all was done in time and without opening a solution."""
    bonus = lab.score.time_bonus
    if bonus is None or any(task.state == SHOWN for task in state.tasks):
        return 0
    return bonus.points if state.seconds <= seconds(bonus.under) else 0


def rows(states: Iterable[LabState], fields: Iterable[str]) -> list[dict[str, Any]]:
    """One row a task, with the *fields* a teacher asked for."""
    found = []
    for state in states:
        for task in state.tasks:
            row = {
                "lab": state.lab,
                "learner": state.learner,
                "seed": state.seed,
                "task": task.id,
                "state": task.state,
                "points": task.points,
                "hints": len(task.hints),
                "attempts": task.attempts,
                "solution": task.is_solution_open,
                "seconds": round(task.seconds, 1),
                "revision": task.revision,
            }
            found.append({field: row.get(field, "") for field in fields})
    return found


def as_csv(table: list[dict[str, Any]]) -> str:
    """Rows as CSV with a head."""
    out = io.StringIO()
    if table:
        writer = csv.DictWriter(out, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return out.getvalue()

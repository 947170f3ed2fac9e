"""The lab format as frozen types: what a lab file may say, and nothing else."""

from typing import Any

import attrs

from engine.scenario.schema import NodeSpec, Predicate, ScenarioError, StepBase

FORMAT = "kubarium.lab/1"
PER_LEARNER = "per-learner"
LEVELS = ("beginner", "intermediate", "advanced")


class LabError(ScenarioError):
    """A lab that cannot be used; the message names the file, the line and what to change."""


@attrs.frozen(kw_only=True)
class TimeBonus:
    """Points for who is done within a time."""

    under: str
    points: int


@attrs.frozen(kw_only=True)
class ScoreSpec:
    """How points are counted.

    Attributes:
        total: the points of all tasks together.
        pass_: how many are needed to pass (``pass`` in files).
        wrong_answer: what a wrong answer costs, as a negative number.
        solution: "zero-task" if opening a solution forfeits the task's points, else "free".
    """

    total: int = 100
    pass_: int = 70
    wrong_answer: int = 0
    solution: str = "zero-task"
    time_bonus: TimeBonus | None = None


@attrs.frozen(kw_only=True)
class ExportSpec:
    """What a teacher gets."""

    formats: tuple[str, ...] = ("json", "csv")
    fields: tuple[str, ...] = (
        "learner",
        "task",
        "state",
        "points",
        "hints",
        "attempts",
        "seconds",
        "revision",
    )


@attrs.frozen(kw_only=True)
class StartSpec:
    """The cluster as the learner finds it."""

    view: str = "labs"
    node: tuple[NodeSpec, ...] = ()
    step: tuple[StepBase, ...] = ()


@attrs.frozen(kw_only=True)
class Hint:
    """Help that costs points; offered *after* a time or *when* a claim holds, else at once."""

    text: str
    cost: int = 0
    after: str | None = None
    when: Predicate | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """What a typed answer must look like."""

    regex: str


@attrs.frozen(kw_only=True)
class Solution:
    """How it is done, in words and as steps."""

    text: str = ""
    steps: tuple[StepBase, ...] = ()


@attrs.frozen(kw_only=True)
class Task:
    """One thing to find out or to do.

    Attributes:
        start: steps that prepare the cluster when the task begins.
        needs: the tasks that come first; tasks are done in file order all the same.
        check: claims that must all hold, for *hold* without a break.
        answer: what must be typed instead, or as well.
        fail: claims none of which may come true.
        on_first_pass: steps done when all checks hold for the first time; *hold* counts on.
        why: what there is to learn, told once the task is passed.
    """

    id: str
    title: str
    text: str
    points: int = 0
    needs: tuple[str, ...] = ()
    start: tuple[StepBase, ...] = ()
    check: tuple[Predicate, ...] = ()
    answer: Answer | None = None
    hold: str | None = None
    fail: tuple[Predicate, ...] = ()
    hint: tuple[Hint, ...] = ()
    on_first_pass: tuple[StepBase, ...] = ()
    solution: Solution = Solution()
    why: str = ""


@attrs.frozen(kw_only=True)
class Lab:
    """A whole file. *vars* are drawn anew for each learner; ``${name}`` stands for them."""

    format: str
    id: str
    title: str
    summary: str = ""
    level: str = "beginner"
    minutes: int = 15
    objectives: tuple[str, ...] = ()
    seed: Any = PER_LEARNER
    needs: tuple[str, ...] = ()
    vars: dict[str, Any] = attrs.field(factory=dict)
    score: ScoreSpec = ScoreSpec()
    export: ExportSpec = ExportSpec()
    start: StartSpec = StartSpec()
    task: tuple[Task, ...] = ()

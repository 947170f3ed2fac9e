"""TOML in, `Lab` out. Every mistake is reported with file and line, all of them at once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cattrs import ClassValidationError

from engine.api.quantity import parse_int, parse_millis
from engine.lab.schema import FORMAT, LEVELS, PER_LEARNER, Lab, LabError, Task
from engine.lab.variables import draw, seed_of
from engine.scenario.check import claim_mistakes, steps_mistakes
from engine.scenario.duration import seconds
from engine.scenario.positions import Path as Place
from engine.scenario.positions import line_at, lines_of
from engine.scenario.schema import Predicate
from engine.scenario.structure import mistakes_of, structure
from engine.scenario.words import VariableError, fill

_FAULT_NAMES = {"node.down": "node.crash"}


def load_lab(
    path: Path | str, *, learner: str = "", translation: Mapping[str, Any] | None = None
) -> Lab:
    """The lab in the file *path* as *learner* gets it, its prose taken from *translation*.

    Raises:
        LabError: the file cannot be read or is no lab; all mistakes are listed, each with its line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file}: cannot be read: {error}") from error
    return parse_lab(text, name=str(file), learner=learner, translation=translation)


def parse_lab(
    text: str,
    *,
    name: str = "lab",
    learner: str = "",
    translation: Mapping[str, Any] | None = None,
) -> Lab:
    """The lab in a TOML text; *name* is what messages call it.

    Raises:
        LabError: see `load_lab`.
    """
    try:
        data = _renamed(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise LabError(f"{name}:{line}: not TOML: {error}") from error
    lines = lines_of(text)

    def at(place: Place, message: str) -> str:
        return f"{name}:{line_at(lines, place)}: {_in_place(place, data)}{message}"

    if data.get("format") != FORMAT:
        raise LabError(at(("format",), f'must be "{FORMAT}", not {data.get("format")!r}'))
    declared = data.get("vars", {})
    try:
        seed = seed_of(data.get("seed", PER_LEARNER), str(data.get("id", "")), learner)
        values = draw(declared if isinstance(declared, dict) else {}, seed)
    except LabError as error:
        raise LabError(at(("vars",), str(error))) from error
    try:
        filled = fill({key: value for key, value in data.items() if key != "vars"}, values)
        if translation is not None:
            filled = translated(filled, fill(dict(translation), values))
    except VariableError as error:
        raise LabError(at(error.path, str(error))) from error
    try:
        lab: Lab = structure({**filled, "vars": values}, Lab)
    except ClassValidationError as error:
        mistakes = list(mistakes_of(error))
    else:
        mistakes = list(_mistakes(lab))
    if mistakes:
        mistakes.sort(key=lambda found: line_at(lines, found[0]))
        raise LabError("\n".join(at(place, message) for place, message in mistakes))
    return lab


def translated(data: dict[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """A lab's data with its prose in another language, as far as *words* has it.

    *words* has title, summary, objectives, and by task id title, text, why, solution, and in order
    ``hint`` and ``say``.
    """
    out = dict(data)
    out |= {key: words[key] for key in ("title", "summary", "objectives") if key in words}
    tasks = []
    for task in data.get("task", ()):
        found = words.get("task", {}).get(task.get("id"), {})
        new = dict(task)
        new |= {key: found[key] for key in ("title", "text", "why") if key in found}
        if "solution" in found and isinstance(task.get("solution"), dict):
            new["solution"] = {**task["solution"], "text": found["solution"]}
        if "hint" in found:
            pairs = zip(task.get("hint", ()), found["hint"], strict=False)
            new["hint"] = [{**hint, "text": text} for hint, text in pairs]
        said = list(found.get("say", ()))
        for key in ("check", "fail"):
            if key in task:
                new[key] = [
                    {**claim, "say": said.pop(0)} if said and "say" in claim else claim
                    for claim in task[key]
                ]
        tasks.append(new)
    return out | {"task": tasks}


def _mistakes(lab: Lab) -> Iterable[tuple[Place, str]]:  # noqa: C901 - one case a field
    if lab.level not in LEVELS:
        yield ("level",), f"must be one of {', '.join(LEVELS)}, not {lab.level!r}"
    if not lab.task:
        yield ("task",), "a lab needs at least one [[task]]"
    points = sum(task.points for task in lab.task)
    if points != lab.score.total:
        yield ("score", "total"), f"is {lab.score.total}, but the tasks have {points} points"
    if lab.score.pass_ > lab.score.total:
        yield ("score", "pass"), "is more than there are points"
    if lab.score.solution not in ("zero-task", "free"):
        yield ("score", "solution"), f'must be "zero-task" or "free", not {lab.score.solution!r}'
    if lab.score.time_bonus is not None:
        yield from _duration(("score", "time_bonus"), lab.score.time_bonus.under)
    for number, node in enumerate(lab.start.node):
        try:
            parse_millis(node.cpu)
            parse_int(node.memory)
        except ValueError as error:
            yield ("start", "node", number), str(error)
    yield from steps_mistakes(lab.start.step, ("start", "step"))
    seen: dict[str, bool] = {}
    for index, task in enumerate(lab.task):
        if task.id in seen:
            yield ("task", index, "id"), f"{task.id!r} is taken by an earlier task"
        for needed in task.needs:
            if needed == task.id:
                yield ("task", index, "needs"), f"task {task.id!r} needs itself"
            elif needed not in seen:
                yield ("task", index, "needs"), f"no task before it has the id {needed!r}"
        seen[task.id] = True
        yield from _task_mistakes(("task", index), task)


def _task_mistakes(place: Place, task: Task) -> Iterable[tuple[Place, str]]:  # noqa: C901 - one case a field
    if not task.check and task.answer is None:
        yield place, f"task {task.id!r} has neither check nor answer: nothing could pass it"
    if task.answer is not None:
        try:
            re.compile(task.answer.regex)
        except re.error as error:
            yield (*place, "answer"), f"regex: {error}"
    if task.hold is not None:
        yield from _duration((*place, "hold"), task.hold)
    for key in ("check", "fail"):
        for number, claim in enumerate(getattr(task, key)):
            yield from _claim((*place, key, number), claim)
    for number, hint in enumerate(task.hint):
        if hint.after is not None:
            yield from _duration((*place, "hint", number), hint.after)
        if hint.when is not None:
            yield from _claim((*place, "hint", number), hint.when)
    if task.answer is None and not task.solution.steps:
        yield (*place, "solution"), f"task {task.id!r} has no solution.steps to prove it by"
    yield from steps_mistakes(task.start, (*place, "start"))
    yield from steps_mistakes(task.on_first_pass, (*place, "on_first_pass"))
    yield from steps_mistakes(task.solution.steps, (*place, "solution", "steps"))


def _claim(place: Place, claim: Predicate) -> Iterable[tuple[Place, str]]:
    for inner, message in claim_mistakes(claim, has_custom=False):
        yield (*place, *inner), message


def _duration(place: Place, text: str) -> Iterable[tuple[Place, str]]:
    try:
        seconds(text)
    except ValueError as error:
        yield place, str(error)


def _renamed(data: Any) -> Any:
    """*data* with today's names of faults, where a file uses those of an earlier format."""
    if isinstance(data, dict):
        return {
            key: _FAULT_NAMES.get(value, value)
            if key == "fault" and isinstance(value, str)
            else _renamed(value)
            for key, value in data.items()
        }
    return [_renamed(item) for item in data] if isinstance(data, list) else data


def _in_place(path: Place, data: Any) -> str:
    """Where *path* is, in words: ``task 3 (up): check 2: op: ``."""
    words: list[str] = []
    here, names = data, ""
    for part in path:
        if isinstance(part, int):
            item = here[part] if isinstance(here, list) and part < len(here) else None
            key = item.get("id") if isinstance(item, dict) else None
            words.append(f"{names} {part + 1}" + (f" ({key})" if isinstance(key, str) else ""))
            names, here = "", item
        else:
            names = f"{names}.{part}" if names else part
            here = here.get(part) if isinstance(here, dict) else None
    return "".join(f"{word}: " for word in [*words, *([names] if names else [])])

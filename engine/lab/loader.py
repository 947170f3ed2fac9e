"""TOML in, `Lab` out. Every mistake is reported with file and line, all of them at once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml
from cattrs import ClassValidationError, transform_error
from cattrs.v import format_exception

from engine.api.quantity import parse_int, parse_millis
from engine.lab.lines import line_numbers, line_of
from engine.lab.schema import FORMAT, LEVELS, Lab, LabError, Task
from engine.lab.variables import draw, fill, seed_of
from engine.scenario.loader import seconds, structure
from engine.scenario.schema import Predicate, ScenarioError, StepBase

Place = tuple[str | int, ...]
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


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
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise LabError(f"{name}:{found[1] if found else 1}: not TOML: {error}") from error
    numbers = line_numbers(text)

    def at(place: Place, message: str) -> str:
        where = ".".join(str(part) for part in place if not isinstance(part, int))
        return f"{name}:{line_of(numbers, place)}: {where}: {message}".replace(": : ", ": ")

    if data.get("format") != FORMAT:
        raise LabError(at(("format",), f'must be "{FORMAT}", not {data.get("format")!r}'))
    try:
        values = draw(
            data.get("vars", {}), seed_of(data.get("seed", ""), data.get("id", ""), learner)
        )
    except LabError as error:
        raise LabError(at(("vars",), str(error))) from error
    try:
        filled = fill({key: value for key, value in data.items() if key != "vars"}, values)
    except LabError as error:
        raise LabError(at(_place_of(data, str(error)), str(error))) from error
    if translation is not None:
        filled = translated(filled, fill(dict(translation), values))
    try:
        lab: Lab = structure({**filled, "vars": values}, Lab)
    except ClassValidationError as error:
        faults = [_reworded(line) for line in transform_error(error, "file", _in_words)]
        raise LabError("\n".join(at(place, message) for place, message in faults)) from error
    mistakes = [at(place, message) for place, message in _mistakes(lab)]
    if mistakes:
        raise LabError("\n".join(mistakes))
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
    yield from _steps(("start", "step"), lab.start.step)
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
    yield from _steps((*place, "start"), task.start)
    yield from _steps((*place, "on_first_pass"), task.on_first_pass)
    yield from _steps((*place, "solution", "steps"), task.solution.steps)


def _steps(place: Place, steps: tuple[StepBase, ...]) -> Iterable[tuple[Place, str]]:
    for number, step in enumerate(steps):
        for field in attrs.fields(type(step)):
            value = getattr(step, field.name)
            if isinstance(value, Predicate):
                yield from _claim((*place, number), value)
            elif (
                field.name in ("delay", "timeout", "hold", "for_", "seconds") and value is not None
            ):
                yield from _duration((*place, number), str(value))
            elif field.name == "yaml" and value is not None:
                try:
                    list(yaml.safe_load_all(value))
                except yaml.YAMLError as error:
                    yield (*place, number), f"not YAML: {' '.join(str(error).split())}"


def _claim(place: Place, claim: Predicate) -> Iterable[tuple[Place, str]]:
    asked = [
        getattr(claim, field.name)
        for field in attrs.fields(Predicate)
        if field.default is None and field.name not in ("path", "value", "as_", "say", "expect")
    ]
    if all(value is None for value in asked):
        yield place, "a claim needs an object, rollout, events, http or another thing to look at"
    if claim.object is not None:
        from engine.scenario.actions import find_resource  # noqa: PLC0415 - actions load labs' schema

        try:
            find_resource(claim.object)
        except ScenarioError as error:
            yield place, str(error)


def _duration(place: Place, text: str) -> Iterable[tuple[Place, str]]:
    try:
        seconds(text)
    except ValueError as error:
        yield place, str(error)


def _reworded(line: str) -> tuple[Place, str]:
    message, _, where = line.rpartition(" @ ")
    message = message.replace("extra fields found (", "unknown key (")
    place: list[str | int] = []
    for name, index in _PART.findall(where.removeprefix("file")):
        place.append(int(index) if index else name.rstrip("_"))
    unknown = re.search(r"unknown key \((\w+)", message)
    if unknown:
        place.append(unknown[1])
    return tuple(place), message or line


def _place_of(data: Any, message: str) -> Place:
    """Where the text is that names a variable nobody knows."""
    name = message.partition("}")[0] + "}"

    def search(part: Any, place: Place) -> Place | None:
        if isinstance(part, str):
            return place if name in part else None
        items = part.items() if isinstance(part, dict) else enumerate(part)
        if isinstance(part, dict | list):
            for key, value in items:
                found = search(value, (*place, key))
                if found is not None:
                    return found
        return None

    return search(data, ()) or ()


def _in_words(error: BaseException, type_: type | None) -> str:
    if isinstance(error, ValueError) and type(error).__module__.startswith("engine"):
        return str(error)
    return str(format_exception(error, type_))

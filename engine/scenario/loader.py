"""TOML in, `Scenario` out. Every mistake is reported with its place, all of them at once."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import attrs
import yaml
from cattrs import ClassValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override
from cattrs.v import format_exception

from engine.api.quantity import parse_int, parse_millis
from engine.scenario.schema import (
    FORMAT,
    STEPS,
    ApplyStep,
    EndFaultStep,
    Scenario,
    ScenarioError,
    StepBase,
)


T = TypeVar("T")


class _WrongValueError(ValueError):
    """A value of ours to explain; cattrs collects it with its place."""


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def load_scenario(path: Path | str) -> Scenario:
    """The scenario in the file *path*.

    Raises:
        ScenarioError: the file cannot be read or is not a scenario; all mistakes are listed.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: cannot be read: {error}") from error
    return parse_scenario(text, name=str(file))


def parse_scenario(text: str, *, name: str = "scenario") -> Scenario:
    """The scenario in a TOML text; *name* is what messages call it.

    Raises:
        ScenarioError: see `load_scenario`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: not TOML: {error}") from error
    if data.get("format") != FORMAT:
        msg = f'{name}: format must be "{FORMAT}", not {data.get("format")!r}'
        raise ScenarioError(msg)
    try:
        scenario = _CONVERTER.structure(data, Scenario)
    except ClassValidationError as error:
        faults = [
            _reword(line, data)
            for line in transform_error(error, path="file", format_exception=_in_words)
        ]
        raise ScenarioError("\n".join(f"{name}: {fault}" for fault in faults)) from error
    faults = _cross_check(scenario)
    if faults:
        raise ScenarioError("\n".join(f"{name}: {fault}" for fault in faults))
    return scenario


def structure(data: Any, cls: type[T]) -> T:
    """*data* as a part of the format, unknown keys and wrong types refused.

    Raises:
        ClassValidationError: it is none; the groups inside name every place.
    """
    return _CONVERTER.structure(data, cls)


def seconds(text: str) -> float:
    """A duration such as ``1m30s``, ``500ms`` or ``5s`` in seconds.

    Raises:
        ValueError: *text* is not a duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        msg = f'"{text}" is not a duration such as 500ms, 5s or 1m30s'
        raise ValueError(msg)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _cross_check(scenario: Scenario) -> list[str]:
    faults = []
    for manifest in scenario.manifest:
        try:
            list(yaml.safe_load_all(manifest.yaml))
        except yaml.YAMLError as error:
            faults.append(f"manifest {manifest.id}: not YAML: {error}")
    for node in scenario.node:
        try:
            parse_millis(node.cpu)
            parse_int(node.memory)
        except ValueError as error:
            faults.append(f"node {node.name}: {error}")
    if scenario.clock.mode not in {"wall", "virtual"}:
        faults.append(f'clock: mode must be "wall" or "virtual", not {scenario.clock.mode!r}')
    faults += _duration_fault("clock", "limit", scenario.clock.limit)
    return faults + _cross_check_steps(scenario)


def _cross_check_steps(scenario: Scenario) -> list[str]:
    faults = []
    manifests = {manifest.id for manifest in scenario.manifest}
    seen: set[str] = set()
    for number, step in enumerate(scenario.step, 1):
        place = f"step {number}" + (f" ({step.id})" if step.id else "")
        if isinstance(step, ApplyStep):
            faults += [
                f"{place}: there is no manifest with id {wanted!r}"
                for wanted in step.manifests
                if wanted not in manifests
            ]
        if isinstance(step, EndFaultStep) and step.step not in seen:
            faults.append(f"{place}: no step before it has the id {step.step!r}")
        if step.id and step.id in seen:
            faults.append(f"{place}: the id is taken by an earlier step")
        seen.add(step.id)
        for field in ("delay", "timeout", "hold", "for_", "pause", "seconds"):
            text = getattr(step, field, None)
            if text is not None:
                faults += _duration_fault(place, field.rstrip("_"), text)
    return faults


def _duration_fault(place: str, field: str, text: str) -> list[str]:
    try:
        seconds(text)
    except ValueError as error:
        return [f"{place}: {field}: {error}"]
    return []


def _reword(line: str, data: dict[str, Any]) -> str:
    """A line of cattrs in our words, with steps called by number and id."""
    match = re.search(r"@ file\.step\[(\d+)\]", line)
    if match:
        index = int(match[1])
        step = data["step"][index] if index < len(data.get("step", ())) else {}
        name = f" ({step.get('id')})" if isinstance(step, dict) and step.get("id") else ""
        line = line.replace(match[0], f"@ step {index + 1}{name}")
    line = line.replace("extra fields found (", "unknown key (")
    message, _, place = line.rpartition(" @ ")
    return f"{place.removeprefix('file.')}: {message}" if message else line


def _in_words(error: BaseException, type_: type | None) -> str:
    if isinstance(error, _WrongValueError):
        return str(error)
    return str(format_exception(error, type_))


def _structure_step(data: Any, _type: Any) -> StepBase:
    kind = data.get("do") if isinstance(data, dict) else None
    cls = STEPS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        msg = f"do must be one of {', '.join(STEPS)}, not {kind!r}"
        raise _WrongValueError(msg)
    return _CONVERTER.structure(data, cls)


def _strict(cls: type[Any]) -> Any:
    renames = {
        field.name: override(rename=field.name.rstrip("_"))
        for field in attrs.fields(cls)
        if field.name.endswith("_")
    }
    return make_dict_structure_fn(
        cls,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        **renames,  # type: ignore[arg-type]  # keyed by attribute name
    )


def _structure_text(value: Any, _type: Any) -> str:
    if not isinstance(value, str):
        msg = f"text was expected, not {value!r}"
        raise _WrongValueError(msg)
    return value


def _structure_names(value: Any, _type: Any) -> Any:
    return tuple(value) if isinstance(value, list) else str(value)


_CONVERTER = Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook(str, _structure_text)
_CONVERTER.register_structure_hook_factory(
    lambda type_: attrs.has(type_) and type_ is not StepBase, _strict
)
_CONVERTER.register_structure_hook_func(lambda type_: type_ is StepBase, _structure_step)
_CONVERTER.register_structure_hook_func(
    lambda type_: type_ == str | tuple[str, ...], _structure_names
)

"""Fault: checked against the catalogue before it is stored, so that no wrong one waits to act."""

from typing import Any

from engine.api.cron import parse_schedule
from engine.api.fault_catalogue import CATALOGUE
from engine.api.fault_kind import FaultKind, parameter_faults
from engine.api.kubarium import FaultPart, FaultSpec, FaultTarget, Hypothesis
from engine.api.selectors import parse_selector
from engine.apiserver.errors import Cause
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.strategy import Strategy
from engine.apiserver.validation import invalid, required, unsupported

MODES = ("", "one", "all", "fixed", "fixed-percent", "random-max-percent")
OPERATORS = ("==", "!=", ">", ">=", "<", "<=")


class FaultStrategy(Strategy):
    """Faults."""

    def validate(self, obj: Any) -> list[Cause]:
        """A fault of the catalogue, or a sequence of them, with targets and parameters it takes."""
        spec: FaultSpec = obj.spec
        causes: list[Cause] = []
        if spec.sequence and spec.type:
            causes.append(
                invalid("spec.type", spec.type, "must be empty where there is a sequence")
            )
        if spec.sequence:
            for index, stage in enumerate(spec.sequence):
                path = f"spec.sequence[{index}]"
                if not stage.faults:
                    causes.append(required(f"{path}.faults", "a stage has at least one fault"))
                if stage.delay_seconds < 0:
                    causes.append(
                        invalid(f"{path}.delaySeconds", stage.delay_seconds, "must not be negative")
                    )
                for number, part in enumerate(stage.faults):
                    causes += _part(part, f"{path}.faults[{number}]")
        else:
            causes += _part(spec, "spec")
        if spec.schedule:
            try:
                parse_schedule(spec.schedule)
            except ValueError as error:
                causes.append(invalid("spec.schedule", spec.schedule, str(error)))
        for index, hypothesis in enumerate(spec.steady_state):
            causes += _hypothesis(hypothesis, f"spec.steadyState[{index}]")
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What is broken stays as it is described: make another fault instead."""
        if new.spec == old.spec:
            return []
        message = "field is immutable: delete the fault and make another"
        return [invalid("spec", new.spec.type, message)]


def _part(part: FaultSpec | FaultPart, path: str) -> list[Cause]:
    if not part.type:
        return [required(f"{path}.type", f"one of {', '.join(CATALOGUE)}")]
    kind = CATALOGUE.get(part.type)
    if kind is None:
        return [unsupported(f"{path}.type", part.type, tuple(CATALOGUE))]
    causes = _target(kind, part.target, f"{path}.target")
    for name, message in parameter_faults(kind, part.params):
        causes.append(invalid(f"{path}.params.{name}", part.params.get(name), message))
    seconds = part.duration_seconds
    if seconds is not None and seconds <= 0:
        causes.append(invalid(f"{path}.durationSeconds", seconds, "must be greater than 0"))
    return causes


def _target(kind: FaultKind, target: FaultTarget, path: str) -> list[Cause]:
    causes = [*_mode(target, path), *_selectors(target, path)]
    return [*causes, *_needed(kind, target, path)] if kind.needs_target else causes


def _mode(target: FaultTarget, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if target.mode not in MODES:
        causes.append(unsupported(f"{path}.mode", target.mode, MODES[1:]))
    if target.mode in MODES[3:]:
        if target.value <= 0:
            causes.append(invalid(f"{path}.value", target.value, "must be greater than 0"))
        elif target.mode.endswith("percent") and target.value > 100:
            causes.append(invalid(f"{path}.value", target.value, "must be at most 100"))
    return causes


def _selectors(target: FaultTarget, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, selector in (("selector", target.selector), ("nodeSelector", target.node_selector)):
        if selector is not None:
            causes += validate_selector(selector, f"{path}.{field}")
    for field, text in (
        ("expression", target.expression),
        ("nodeExpression", target.node_expression),
    ):
        try:
            parse_selector(text)
        except ValueError as error:
            causes.append(invalid(f"{path}.{field}", text, str(error)))
    return causes


def _needed(kind: FaultKind, target: FaultTarget, path: str) -> list[Cause]:
    causes: list[Cause] = []
    has_pods = bool(target.pods or target.selector is not None or target.expression)
    has_nodes = bool(target.nodes or target.node_selector is not None or target.node_expression)
    if kind.hits == "pods" and not (has_pods or has_nodes):
        message = f"{kind.name} needs pods: pods, selector, expression, or the nodes they run on"
        causes.append(required(path, message))
    if kind.hits == "nodes" and not has_nodes:
        message = f"{kind.name} needs {path}.nodes (names), nodeSelector or nodeExpression"
        causes.append(required(path, message))
    if kind.hits == "component" and not target.component:
        causes.append(required(f"{path}.component", f"{kind.name} needs the name of a component"))
    return causes


def _hypothesis(hypothesis: Hypothesis, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not hypothesis.kind:
        causes.append(required(f"{path}.kind", "the kind of the objects that are looked at"))
    if hypothesis.operator not in OPERATORS:
        causes.append(unsupported(f"{path}.operator", hypothesis.operator, OPERATORS))
    if hypothesis.name and not hypothesis.path and not hypothesis.condition:
        causes.append(required(f"{path}.path", "the field of the object, as status.readyReplicas"))
    if hypothesis.value is None and not hypothesis.condition:
        causes.append(required(f"{path}.value", "what it is compared with"))
    if hypothesis.tolerance_seconds < 0:
        seconds = hypothesis.tolerance_seconds
        causes.append(invalid(f"{path}.toleranceSeconds", seconds, "must not be negative"))
    if hypothesis.selector is not None:
        causes += validate_selector(hypothesis.selector, f"{path}.selector")
    return causes

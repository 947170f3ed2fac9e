"""What a well-formed scenario may still have wrong: references, durations, operators, circles."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from engine.api.quantity import parse_int, parse_millis
from engine.api.scheme import SCHEME
from engine.faults.invariants.registry import ANY, NAMES
from engine.faults.registry import FAULTS
from engine.scenario.checks import OPERATORS
from engine.scenario.duration import seconds
from engine.scenario.kubectl import parse_command
from engine.scenario.kubectl_line import KubectlError
from engine.scenario.positions import Path
from engine.scenario.schema import HypothesisSpec, NodeSpec, Predicate, Scenario, StepBase
from engine.scenario.steps import (
    ApplyStep,
    EndStep,
    FaultStep,
    GroupStep,
    KubectlStep,
    LoadStep,
    RolloutStep,
    SeekStep,
    flatten,
)
from engine.scenario.structure import suggestion

Mistake = tuple[Path, str]

_DURATIONS = ("delay", "timeout", "hold", "for_", "pause", "seconds", "every", "stay", "period")
_PATTERNS = ("constant", "ramp", "spike", "sine")
_ROLLOUTS = ("set-image", "undo", "restart", "pause", "resume")
_NOTHING = (
    "the claim names nothing to look at: object, rollout, events, http, dns, log, metric,"
    " faults_active, invariant or access"
)
_TAINT = re.compile(r"^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$")


def mistakes_in(scenario: Scenario) -> Iterable[Mistake]:
    """Each mistake with the path of what has it."""
    if scenario.clock.mode not in ("wall", "virtual"):
        yield ("clock", "mode"), f'must be "wall" or "virtual", not "{scenario.clock.mode}"'
    yield from _duration(("clock", "limit"), scenario.clock.limit)
    if scenario.clock.speed <= 0:
        yield ("clock", "speed"), "must be above 0"
    for index, need in enumerate(scenario.needs):
        if need != "podman":
            yield ("needs", index), f'"{need}" is not known; only "podman" can be needed'
    yield from _duration(("playback", "typing"), scenario.playback.typing)
    for index, node in enumerate(scenario.node):
        for path, message in _node(node):
            yield ("node", index, *path), message
    if scenario.clock.mode == "virtual" and any(n.runtime == "podman" for n in scenario.node):
        yield ("clock", "mode"), 'is "virtual", but real containers need "wall": their time is real'
    yield from _manifests(scenario)
    for index, hypothesis in enumerate(scenario.hypothesis):
        for path, message in _hypothesis(hypothesis):
            yield ("hypothesis", index, *path), message
    yield from _invariants(scenario)
    yield from _abort(scenario)
    custom = any("CustomResourceDefinition" in manifest.yaml for manifest in scenario.manifest)
    yield from steps_mistakes(
        scenario.step, ("step",), {m.id for m in scenario.manifest}, has_custom=custom
    )


def steps_mistakes(
    steps: tuple[StepBase, ...],
    path: Path,
    manifests: Iterable[str] = (),
    *,
    has_custom: bool = False,
) -> Iterable[Mistake]:
    """The mistakes of steps that lie at *path*, those inside of others too."""
    known = set(manifests)
    everyone = flatten(steps)
    custom = has_custom or any(
        "CustomResourceDefinition" in (getattr(step, "yaml", None) or "") for step in everyone
    )
    ids = {step.id: step for step in everyone if step.id}
    seen: set[str] = set()
    for place, step in _placed(steps, path):
        if step.id and step.id in seen:
            yield (*place, "id"), f'"{step.id}" is taken by an earlier step'
        seen.add(step.id)
        for field in _DURATIONS:
            text = getattr(step, field, None)
            if isinstance(text, str):
                yield from _duration((*place, field.rstrip("_")), text)
        for found, claim in _claims(step):
            for inner, message in claim_mistakes(claim, has_custom=custom):
                yield (*place, *found, *inner), message
        for name in step.after:
            if name not in ids:
                yield (*place, "after"), f'there is no step "{name}"{suggestion(name, ids)}'
        for inner, message in _step(step, seen, ids, known):
            yield (*place, *inner), message
    yield from _circles(path, steps, ids)


def _placed(steps: tuple[StepBase, ...], path: Path) -> Iterable[tuple[Path, StepBase]]:
    for index, step in enumerate(steps):
        yield (*path, index), step
        yield from _placed(getattr(step, "steps", ()), (*path, index, "steps"))


def _step(  # noqa: C901, PLR0912 - one case a kind of step
    step: StepBase, seen: set[str], ids: dict[str, StepBase], manifests: set[str]
) -> Iterable[Mistake]:
    match step:
        case ApplyStep():
            if not step.manifests and step.yaml is None:
                yield (), "apply needs manifests or yaml"
            for index, wanted in enumerate(step.manifests):
                if wanted not in manifests:
                    hint = suggestion(wanted, sorted(manifests))
                    yield ("manifests", index), f'there is no manifest "{wanted}"{hint}'
            yield from _yaml(("yaml",), step.yaml or "")
        case EndStep():
            found = ids.get(step.step)
            names = [name for name, other in ids.items() if isinstance(other, FaultStep | LoadStep)]
            if found is None or step.step not in seen:
                yield (
                    ("step",),
                    f'no step before it has the id "{step.step}"' + suggestion(step.step, names),
                )
            elif not isinstance(found, FaultStep | LoadStep):
                yield ("step",), f'step "{step.step}" begins neither a fault nor a load'
        case FaultStep():
            if step.fault not in FAULTS:
                yield (
                    ("fault",),
                    f'there is no fault "{step.fault}"{suggestion(step.fault, FAULTS)}',
                )
        case LoadStep():
            if step.pattern not in _PATTERNS:
                yield ("pattern",), f'"{step.pattern}" is none{suggestion(step.pattern, _PATTERNS)}'
        case KubectlStep():
            try:
                parse_command(step.run, namespace=step.namespace)
            except KubectlError as error:
                yield ("run",), str(error)
        case RolloutStep():
            if step.action not in _ROLLOUTS:
                yield ("action",), f'"{step.action}" is none{suggestion(step.action, _ROLLOUTS)}'
            elif step.action == "set-image" and step.image is None:
                yield (), "rollout set-image needs image"
            yield from _reference(("object",), step.object, has_custom=False)
        case SeekStep():
            if step.to.step and step.to.step not in seen:
                hint = suggestion(step.to.step, [name for name in seen if name])
                yield ("to", "step"), f'no step before it has the id "{step.to.step}"{hint}'
            yield from _duration(("to", "offset"), step.to.offset)
        case GroupStep() if step.repeat < 1:
            yield ("repeat",), "must be at least 1"
        case _:
            about = getattr(step, "object", None)
            if isinstance(about, str):
                yield from _reference(("object",), about, has_custom=True)


def _circles(
    path: Path, steps: tuple[StepBase, ...], ids: dict[str, StepBase]
) -> Iterable[Mistake]:
    for place, step in _placed(steps, path):
        chain = [step.id]
        while step.id and (following := ids.get(chain[-1])) is not None and following.after:
            chain.append(following.after[0])
            if chain[-1] == step.id:
                circle = " -> ".join(chain)
                yield (*place, "after"), f"steps wait for each other in a circle: {circle}"
                return
            if chain.count(chain[-1]) > 1:
                break


def _claims(step: StepBase) -> Iterable[tuple[Path, Predicate]]:
    for name in ("when", "until"):
        claim = getattr(step, name, None)
        if isinstance(claim, Predicate):
            yield (name,), claim
    for index, claim in enumerate(getattr(step, "checks", ())):
        yield ("checks", index), claim


def claim_mistakes(  # noqa: C901 - one line a key
    claim: Predicate, *, has_custom: bool = True
) -> Iterable[Mistake]:
    """What is wrong with a claim; unknown kinds are allowed where definitions are made."""
    subjects = (
        claim.object, claim.rollout, claim.events, claim.http, claim.dns, claim.log, claim.metric,
        claim.faults_active, claim.invariant, claim.access,
    )  # fmt: skip
    if all(subject is None for subject in subjects):
        yield (), _NOTHING
    if claim.op not in OPERATORS:
        yield ("op",), f'"{claim.op}" is none; one of {" ".join(OPERATORS)}'
    if claim.as_ not in (None, "quantity"):
        yield ("as",), f'must be "quantity", not "{claim.as_}"'
    if claim.op == "matches" and isinstance(claim.value, str):
        try:
            re.compile(claim.value)
        except re.error as error:
            yield ("value",), f"not a regular expression: {error}"
    if claim.invariant is not None:
        yield from _invariant(("invariant",), claim.invariant)
    for name in ("object", "rollout", "log"):
        reference = getattr(claim, name)
        if reference is not None:
            yield from _reference((name,), reference, has_custom=has_custom)
    if claim.object is None and (claim.path is not None or claim.condition is not None):
        yield (), "path and condition need an object"
    if claim.http is not None and not re.match(
        r"^(service/[^:/]+(:\w+)?(/.*)?|https?://.+)$", claim.http
    ):
        yield ("http",), f'"{claim.http}" is not of the form service/name:port/path'
    yield from _access(claim)
    if claim.metric is not None and not re.match(r"^(pod|node)s?/\S+ (cpu|memory)$", claim.metric):
        yield (
            ("metric",),
            f'"{claim.metric}" is not of the form "pod/name cpu" or "node/name memory"',
        )


def _access(claim: Predicate) -> Iterable[Mistake]:
    if claim.access is None:
        if claim.user is not None:
            yield ("user",), "needs access: what should the user be able to do?"
        return
    if not re.match(r"^[a-z*]+ [a-z*.]+(/\S+)?$", claim.access):
        yield ("access",), f'"{claim.access}" is not of the form "verb resource", as in "list pods"'
    if not claim.user:
        yield ("access",), "needs user: whose rights are asked for?"
    if not isinstance(claim.value, bool | None):
        yield ("value",), f"must be true or false, not {claim.value!r}"


def _invariants(scenario: Scenario) -> Iterable[Mistake]:
    for index, name in enumerate(scenario.invariants.enable):
        yield from _invariant(("invariants", "enable", index), name)


def _invariant(path: Path, name: str) -> Iterable[Mistake]:
    if name != ANY and name not in NAMES:
        yield path, f'there is no invariant "{name}"; {ANY} for all, or one of {", ".join(NAMES)}'


def _reference(path: Path, reference: str, *, has_custom: bool) -> Iterable[Mistake]:
    kind, slash, name = reference.partition("/")
    if not slash or not name or not kind:
        yield path, f'"{reference}" is not of the form kind/name'
    elif SCHEME.find(kind) is None and not has_custom:
        kinds = sorted({resource.kind.lower() for resource in SCHEME})
        close = suggestion(kind, kinds)
        yield path, f'"{kind}" is not a kind kubectl knows' + (close if "mean" in close else "")


def _node(node: NodeSpec) -> Iterable[Mistake]:
    for key, parse in (("cpu", parse_millis), ("memory", parse_int)):
        try:
            parse(getattr(node, key))
        except ValueError as error:
            yield (key,), str(error)
    if node.count < 1:
        yield ("count",), "must be at least 1"
    if node.runtime not in ("auto", "sim", "simulated", "podman"):
        yield ("runtime",), f'must be "sim", "podman" or "auto", not "{node.runtime}"'
    if node.count > 1 and "{i" not in node.name:
        yield ("name",), f'{node.count} nodes cannot all be "{node.name}"; write {{i}} in the name'
    try:
        node.name.format(i=1)
    except (KeyError, IndexError, ValueError):
        yield ("name",), f'"{node.name}": only {{i}} or {{i:04}} may stand in braces'
    for index, taint in enumerate(node.taints):
        if not _TAINT.match(taint):
            yield ("taints", index), f'"{taint}" is not of the form key=value:NoSchedule'


def _manifests(scenario: Scenario) -> Iterable[Mistake]:
    seen: set[str] = set()
    for index, manifest in enumerate(scenario.manifest):
        if manifest.id in seen:
            yield ("manifest", index, "id"), f'"{manifest.id}" is taken by an earlier manifest'
        seen.add(manifest.id)
        yield from _yaml(("manifest", index, "yaml"), manifest.yaml)


def _yaml(path: Path, text: str) -> Iterable[Mistake]:
    try:
        documents: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in its line {mark.line + 1}" if mark is not None else ""
        yield path, f"not YAML{line}: {getattr(error, 'problem', None) or error}"
        return
    for document in documents:
        if document is not None and not (isinstance(document, dict) and "kind" in document):
            yield path, "each document must be an object with apiVersion and kind"


def _hypothesis(hypothesis: HypothesisSpec) -> Iterable[Mistake]:
    for path, message in claim_mistakes(hypothesis.probe):
        yield ("probe", *path), message
    for key in ("every", "timeout"):
        yield from _duration(("probe", key), getattr(hypothesis.probe, key))
    yield from _duration(("tolerance", "window"), hypothesis.tolerance.window)
    for index, phase in enumerate(hypothesis.phases):
        if phase not in ("before", "during", "after"):
            yield ("phases", index), f'"{phase}" is not before, during or after'
    if hypothesis.on_violation not in ("record", "pause", "abort"):
        yield ("on_violation",), f'must be record, pause or abort, not "{hypothesis.on_violation}"'


def _abort(scenario: Scenario) -> Iterable[Mistake]:
    known = {hypothesis.id for hypothesis in scenario.hypothesis}
    for index, cause in enumerate(scenario.abort.on):
        kind, _, name = cause.partition(":")
        if kind == "hypothesis" and name not in known:
            yield (
                ("abort", "on", index),
                f'there is no hypothesis "{name}"{suggestion(name, known)}',
            )
        elif kind not in ("hypothesis", "key", "violation"):
            yield ("abort", "on", index), f'"{cause}" is not hypothesis:ID, key:KEY or violation'
    if scenario.abort.revert not in ("newest-first", "oldest-first"):
        yield (
            ("abort", "revert"),
            f'must be newest-first or oldest-first, not "{scenario.abort.revert}"',
        )
    yield from _duration(("abort", "grace"), scenario.abort.grace)


def _duration(path: Path, text: str) -> Iterable[Mistake]:
    try:
        found = seconds(text)
    except ValueError as error:
        yield path, str(error)
        return
    if found < 0 and path[-1] != "offset":
        yield path, f"{text} is negative"

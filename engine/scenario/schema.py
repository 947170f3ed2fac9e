"""The scenario format as frozen types: what a file may say, and nothing else."""

from typing import Any

import attrs

from engine.errors import EngineError

FORMAT = "kubarium.scenario/1"


class ScenarioError(EngineError):
    """A file that cannot be played; the message names the file, the place and what to change."""


@attrs.frozen(kw_only=True)
class Predicate:
    """One claim about the cluster. Exactly one of object, rollout, events, http, faults_active.

    Attributes:
        object: ``kind/name``; with *path*, *op* and *value*, with *condition*, or with *exists*.
        path: a place in the object's wire form, ``spec.containers[0].image`` or
            ``status.conditions[type=Ready].status``.
        op: ``==  !=  <  <=  >  >=  in  contains  matches``.
        value: what to compare with.
        as_: "quantity" to compare 500m and 0.5 as equal (``as`` in files).
        condition: the type of a condition that must be True.
        exists: whether the object must be there.
        rollout: ``deployment/name`` whose rollout must be complete.
        events: which Events to count: ``reason=Killing`` or ``pod/web-1 reason=Started``.
        http: ``service/web:80/path`` that must answer with a status below 400.
        expect: text that the http answer must contain.
        faults_active: how many faults must be in force.
        namespace: where the object is.
        say: what to tell when the claim does not hold.
    """

    object: str | None = None
    path: str | None = None
    op: str = "=="
    value: Any = None
    as_: str | None = None
    condition: str | None = None
    exists: bool | None = None
    rollout: str | None = None
    events: str | None = None
    http: str | None = None
    expect: str | None = None
    faults_active: int | None = None
    namespace: str = "default"
    say: str | None = None


@attrs.frozen(kw_only=True)
class NodeSpec:
    """One or several nodes; ``{i}`` in the name counts from 1."""

    name: str
    count: int = 1
    runtime: str = "auto"
    cpu: str = "4"
    memory: str = "8Gi"
    zone: str = ""
    labels: dict[str, str] = attrs.field(factory=dict)
    taints: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Manifest:
    """Objects to apply, under a name."""

    id: str
    yaml: str


@attrs.frozen(kw_only=True)
class ClockSpec:
    """How time runs: "virtual" (as fast as can be; simulated nodes only) or "wall"."""

    mode: str = "wall"
    speed: float = 1.0
    limit: str = "10m"


@attrs.frozen(kw_only=True)
class StepBase:
    """What every step may have: a name, a delay before it, and a claim that must hold first."""

    do: str
    id: str = ""
    title: str = ""
    delay: str | None = None
    when: Predicate | None = None


@attrs.frozen(kw_only=True)
class ApplyStep(StepBase):
    """Create or change objects, as `kubectl apply` does."""

    manifests: tuple[str, ...] = ()
    yaml: str | None = None
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class DeleteStep(StepBase):
    """Delete an object ``kind/name``."""

    object: str
    namespace: str = "default"
    grace: int | None = None


@attrs.frozen(kw_only=True)
class ScaleStep(StepBase):
    """Set the number of replicas of ``kind/name``."""

    object: str
    replicas: int
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class RolloutStep(StepBase):
    """Act on a deployment's rollout: set-image, undo, restart, pause or resume."""

    action: str
    object: str
    image: str | None = None
    container: str | None = None
    to_revision: int = 0
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class FaultTargetSpec:
    """What a fault hits: nodes by name, pods by name or ``label=value`` selector, a component."""

    nodes: str | tuple[str, ...] = ()
    pods: str | tuple[str, ...] = ()
    namespace: str = "default"
    component: str = ""
    mode: str = ""
    value: int = 0


@attrs.frozen(kw_only=True)
class FaultStep(StepBase):
    """Break something, for a time (``for``) or until an `end` step names this one."""

    fault: str
    target: FaultTargetSpec = FaultTargetSpec()
    params: dict[str, Any] = attrs.field(factory=dict)
    for_: str | None = None


@attrs.frozen(kw_only=True)
class EndFaultStep(StepBase):
    """End the fault that an earlier step began."""

    step: str


@attrs.frozen(kw_only=True)
class WaitStep(StepBase):
    """Go on once the claim holds; fail when it does not in time."""

    until: Predicate
    timeout: str = "60s"
    hold: str | None = None


@attrs.frozen(kw_only=True)
class CheckStep(StepBase):
    """Claims that must hold now."""

    checks: tuple[Predicate, ...]


@attrs.frozen(kw_only=True)
class NoteStep(StepBase):
    """Tell the audience something."""

    text: str
    pause: str | None = None


@attrs.frozen(kw_only=True)
class SleepStep(StepBase):
    """Let time pass."""

    seconds: str


Step = (
    ApplyStep
    | DeleteStep
    | ScaleStep
    | RolloutStep
    | FaultStep
    | EndFaultStep
    | WaitStep
    | CheckStep
    | NoteStep
    | SleepStep
)

STEPS: dict[str, type[StepBase]] = {
    "apply": ApplyStep,
    "delete": DeleteStep,
    "scale": ScaleStep,
    "rollout": RolloutStep,
    "fault": FaultStep,
    "end": EndFaultStep,
    "wait": WaitStep,
    "check": CheckStep,
    "note": NoteStep,
    "sleep": SleepStep,
}
"""The kinds of steps by the word after ``do``."""


@attrs.frozen(kw_only=True)
class Scenario:
    """A whole file."""

    format: str
    id: str
    title: str
    summary: str = ""
    seed: int = 1
    needs: tuple[str, ...] = ()
    clock: ClockSpec = ClockSpec()
    node: tuple[NodeSpec, ...] = ()
    manifest: tuple[Manifest, ...] = ()
    step: tuple[StepBase, ...] = ()

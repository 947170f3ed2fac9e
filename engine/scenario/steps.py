"""The steps of a scenario as frozen types: one class for each word after ``do``."""

from typing import Any

import attrs

from engine.scenario.schema import Predicate, StepBase


@attrs.frozen(kw_only=True)
class ApplyStep(StepBase):
    """Create or change objects, as `kubectl apply` does."""

    manifests: tuple[str, ...] = ()
    yaml: str | None = None
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class DeleteStep(StepBase):
    """Delete an object ``kind/name``; *grace* in seconds."""

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
    """What a fault hits: nodes or pods, by name or ``label=value`` selector, or a component."""

    nodes: str | tuple[str, ...] = ()
    pods: str | tuple[str, ...] = ()
    namespace: str = "default"
    component: str = ""
    mode: str = ""
    value: int = 0


@attrs.frozen(kw_only=True)
class FaultStep(StepBase):
    """Break something, for a time (``for``) or until an `end` step names this one.

    With *preview* the blast radius is told first.
    """

    fault: str
    target: FaultTargetSpec = FaultTargetSpec()
    params: dict[str, Any] = attrs.field(factory=dict)
    for_: str | None = None
    preview: bool = False


@attrs.frozen(kw_only=True)
class EndStep(StepBase):
    """End the fault or the load that an earlier step began."""

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


@attrs.frozen(kw_only=True)
class KubectlStep(StepBase):
    """A kubectl command line, without the word kubectl. Its output is shown."""

    run: str
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class LoadStep(StepBase):
    """Send requests to a service: for a time (``for``), or until an `end` step names this one.

    *pattern* is constant, ramp, spike or sine, between *rate* and *peak* requests a second.
    """

    service: str
    namespace: str = "default"
    port: int = 80
    path: str = "/"
    pattern: str = "constant"
    rate: float = 50.0
    peak: float | None = None
    period: str | None = None
    concurrency: int = 32
    timeout: str = "5s"
    cpu_millis: float = 5.0
    for_: str | None = None


@attrs.frozen(kw_only=True)
class ViewStep(StepBase):
    """Show a view of the app; *kind* and *filter* for the resources view."""

    view: str
    kind: str = ""
    filter: str = ""


@attrs.frozen(kw_only=True)
class KeysStep(StepBase):
    """Press keys in the app, one after the other; nothing happens without a screen."""

    keys: tuple[str, ...]
    every: str = "150ms"


@attrs.frozen(kw_only=True)
class SeekTo:
    """A moment: when a step began, plus *offset*; a *revision*; or *live*."""

    step: str = ""
    offset: str = "0s"
    revision: int | None = None
    live: bool = False


@attrs.frozen(kw_only=True)
class SeekStep(StepBase):
    """Show the cluster as it was; *keys* are pressed there, *stay* is how long it is shown."""

    to: SeekTo
    keys: tuple[str, ...] = ()
    stay: str = "3s"


@attrs.frozen(kw_only=True)
class SnapshotStep(StepBase):
    """Keep a picture of the screen (SVG) under a name."""

    name: str = ""


@attrs.frozen(kw_only=True)
class PromptStep(StepBase):
    """Ask the audience and wait for an answer; without a screen *default* is the answer."""

    text: str
    choices: tuple[str, ...] = ()
    default: str = ""
    expect: str | None = None
    timeout: str = "10m"


@attrs.frozen(kw_only=True)
class ParallelStep(StepBase):
    """Several steps at once; over when all have ended."""

    steps: tuple[StepBase, ...]


@attrs.frozen(kw_only=True)
class GroupStep(StepBase):
    """Several steps one after the other, *repeat* times."""

    steps: tuple[StepBase, ...]
    repeat: int = 1


STEPS: dict[str, type[StepBase]] = {
    "apply": ApplyStep,
    "delete": DeleteStep,
    "kubectl": KubectlStep,
    "scale": ScaleStep,
    "rollout": RolloutStep,
    "fault": FaultStep,
    "load": LoadStep,
    "end": EndStep,
    "wait": WaitStep,
    "check": CheckStep,
    "note": NoteStep,
    "view": ViewStep,
    "keys": KeysStep,
    "seek": SeekStep,
    "snapshot": SnapshotStep,
    "sleep": SleepStep,
    "parallel": ParallelStep,
    "group": GroupStep,
    "prompt": PromptStep,
}
"""The kinds of steps by the word after ``do``."""


def flatten(steps: tuple[StepBase, ...]) -> tuple[StepBase, ...]:
    """All steps in file order, with those inside of others after their holders."""
    found: list[StepBase] = []
    for step in steps:
        found.append(step)
        found.extend(flatten(getattr(step, "steps", ())))
    return tuple(found)

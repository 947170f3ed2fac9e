"""The scenario format as frozen types: what a file may say, and nothing else."""

from typing import Any

import attrs

from engine.errors import EngineError

FORMAT = "kubarium.scenario/1"


class ScenarioError(EngineError):
    """A file that cannot be played; the message names the file, the place and what to change."""


@attrs.frozen(kw_only=True)
class Predicate:
    """One claim about the cluster; what it names (object, http, …) must all hold together.

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
        expect: text that the http answer or a line of the log must contain.
        dns: a name that must resolve; with *value*, to that address.
        log: ``pod/name`` or ``deployment/name`` whose log has *expect* (or any line).
        container: which container's log.
        metric: ``pod/name cpu`` or ``node/name memory``, compared as quantities.
        faults_active: how many faults must be in force.
        invariant: the name of an invariant that nothing may have broken so far.
        access: what *user* may do, ``list pods`` or ``get pods/log``, as RBAC says; with
            ``value = false`` what the user must not be able to do.
        user: whose rights are asked for; ``system:serviceaccount:namespace:name`` for an account.
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
    dns: str | None = None
    log: str | None = None
    container: str | None = None
    metric: str | None = None
    faults_active: int | None = None
    invariant: str | None = None
    access: str | None = None
    user: str | None = None
    namespace: str = "default"
    say: str | None = None


@attrs.frozen(kw_only=True)
class Probe(Predicate):
    """A claim that is looked at *every* so often; an answer later than *timeout* is none."""

    every: str = "1s"
    timeout: str = "5s"


@attrs.frozen(kw_only=True)
class Tolerance:
    """When a probe's answers are good enough.

    A share of the claims that held in the last *window*, or bounds of the value found.
    """

    success_ratio_min: float | None = None
    window: str = "10s"
    min: float | None = None
    max: float | None = None


@attrs.frozen(kw_only=True)
class HypothesisSpec:
    """Steady state: true before the faults, and in the *phases* (before, during, after) named.

    *on_violation* is record, pause or abort.
    """

    id: str
    probe: Probe
    title: str = ""
    tolerance: Tolerance = Tolerance()
    phases: tuple[str, ...] = ("before", "during", "after")
    on_violation: str = "record"


@attrs.frozen(kw_only=True)
class InvariantsSpec:
    """Which invariants the run requires (``*`` for all); one that breaks fails the run."""

    enable: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class AbortSpec:
    """What ends the run early (``hypothesis:ID``, ``key:KEY``, ``violation``) and how it is undone.

    *revert* is newest-first or oldest-first; *grace* passes after the faults are undone.
    """

    on: tuple[str, ...] = ()
    revert: str = "newest-first"
    grace: str = "0s"


@attrs.frozen(kw_only=True)
class PlaybackSpec:
    """How it is shown: the first view, time per typed letter, where to pause, what to write.

    *pause_on* has note, violation, step or snapshot; *outputs* are files by ending: .cast, .jsonl
    (one line a step), .json, .xml (JUnit), .svg (the last screen).
    """

    view: str = ""
    typing: str = "0ms"
    pause_on: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NodeSpec:
    """One or several nodes; ``{i}`` in the name counts from 1, ``{i:04}`` with leading zeros.

    *runtime* is sim, podman or auto; *taints* are written ``key=value:Effect``.
    """

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
    """What every step may have.

    Attributes:
        id: a name, by which other steps, `seek` and the player's controls find it.
        title: what it is called on the screen and in reports.
        say: narration that is shown while the step is under way.
        delay: how long to wait before it.
        when: a claim that must hold first.
        after: ids of steps that must have ended first; for steps that run in parallel.
    """

    do: str
    id: str = ""
    title: str = ""
    say: str = ""
    delay: str | None = None
    when: Predicate | None = None
    after: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Scenario:
    """A whole file.

    *needs* is what the machine must have: podman. *vars* are values that ``${name}`` stands for
    and ``--var name=value`` changes.
    """

    format: str
    id: str
    title: str
    summary: str = ""
    seed: int = 1
    needs: tuple[str, ...] = ()
    vars: dict[str, Any] = attrs.field(factory=dict)
    clock: ClockSpec = ClockSpec()
    playback: PlaybackSpec = PlaybackSpec()
    node: tuple[NodeSpec, ...] = ()
    manifest: tuple[Manifest, ...] = ()
    hypothesis: tuple[HypothesisSpec, ...] = ()
    invariants: InvariantsSpec = InvariantsSpec()
    abort: AbortSpec = AbortSpec()
    step: tuple[StepBase, ...] = ()

"""kubarium.dev/v1: our own kinds. A Fault is an object, so every client can make one."""

from typing import ClassVar

import attrs

from engine.api.autoscaling_v2 import CrossVersionObjectReference
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class FaultTarget:
    """What a fault hits: nodes or pods by name, selector or expression, or a component by name.

    *selector* and *expression* (as kubectl's ``-l``) choose pods of *namespace* (``*`` for all),
    *node_selector* and *node_expression* nodes. *mode* is one, all, fixed, fixed-percent or
    random-max-percent, with its number in *value*.
    """

    nodes: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    namespace: str = ""
    selector: LabelSelector | None = None
    expression: str = ""
    node_selector: LabelSelector | None = None
    node_expression: str = ""
    component: str = ""
    mode: str = ""
    value: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Hypothesis:
    """Something that holds while the cluster is well: a value of an object, or a count of objects.

    With *name* the field *path* (dots between names) of one object is compared by *operator* (one
    of == != > >= < <=) with *value*; without it, the number of objects of *selector* is, of those
    that have the condition *condition* if that is given. It may fail for *tolerance_seconds*.
    """

    title: str = ""
    api_version: str = "v1"
    kind: str = ""
    namespace: str = ""
    name: str = ""
    selector: LabelSelector | None = None
    condition: str = ""
    path: str = ""
    operator: str = ">="
    value: Json = None
    tolerance_seconds: float = 0.0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultPart:
    """One fault of a sequence: as a `FaultSpec` without sequences, with a name."""

    name: str = ""
    type: str = ""
    target: FaultTarget = FaultTarget()
    params: FrozenDict[str, Json] = EMPTY
    duration_seconds: float | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultStage:
    """One step of a sequence: its faults begin together, *delay_seconds* after the stage before.

    The next stage begins when all of them are over, or at once if *is_waiting* says so (``wait``).
    """

    name: str = ""
    delay_seconds: float = 0.0
    is_waiting: bool = wire("wait", default=True)
    faults: tuple[FaultPart, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultSpec:
    """Which lever to pull on what, how, and for how many seconds (None: until deleted).

    With *sequence* it is a group of faults, with *schedule* (as of a CronJob) it makes a fault of
    itself at each of those times; *steady_state* must hold before, while and after, or the fault is
    undone. With *is_dry_run* (``dryRun``) it only says what it would touch. *seed* fixes what
    chance decides.
    """

    type: str = ""
    target: FaultTarget = FaultTarget()
    params: FrozenDict[str, Json] = EMPTY
    duration_seconds: float | None = None
    seed: int | None = None
    is_dry_run: bool = wire("dryRun", default=False)
    sequence: tuple[FaultStage, ...] = ()
    schedule: str = ""
    steady_state: tuple[Hypothesis, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HypothesisResult:
    """How a hypothesis stands: *found* is what was compared, in words."""

    title: str = ""
    holds: bool = False
    found: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultStatus:
    """How far the fault is; what was hit, in words, and when.

    *phase* is Scheduled, Previewed, Active, Recovered, Aborted or Failed; *ends_at* when it ends by
    itself; *is_undone* (``undone``) whether its inverse has run.
    """

    phase: str = ""
    message: str = ""
    touched: tuple[str, ...] = ()
    started_at: Time | None = None
    ends_at: Time | None = None
    ended_at: Time | None = None
    last_schedule_at: Time | None = None
    stage: str = ""
    is_undone: bool = wire("undone", default=False)
    steady_state: tuple[HypothesisResult, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Fault(ApiObject):
    """One thing broken on purpose, for a time."""

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Fault"

    spec: FaultSpec = FaultSpec()
    status: FaultStatus = wire(always=True, default=FaultStatus())


@attrs.frozen(kw_only=True)
class Decision(ApiObject):
    """The scheduler's last attempt at the pod of the same name. Worked out, not stored.

    *spec* names the pod and who schedules it; *status* says how it ended and, when one Decision is
    read by name, what every filter and score said of every node.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Decision"

    spec: FrozenDict[str, Json] = EMPTY
    status: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class WhatIf(ApiObject):
    """A question: where would a pod go if nodes were otherwise? Nothing is changed by asking.

    *spec* has the name of the ``pod`` and a list of ``changes``; *status* holds the answer.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "WhatIf"

    spec: FrozenDict[str, Json] = EMPTY
    status: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricSpec:
    """The value of a series that autoscalers may ask for.

    Without *described_object* it is an external metric; with one, a metric of that object, or,
    where the reference has no name, of every object of its kind that *selector* selects. *value* is
    a quantity; *is_shared* splits it evenly among the pods that are selected.
    """

    metric: str = ""
    described_object: CrossVersionObjectReference | None = None
    selector: LabelSelector | None = None
    labels: FrozenDict[str, str] = EMPTY
    value: str = wire(always=True, default="0")
    is_shared: bool = wire("shared", default=False)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Metric(ApiObject):
    """What custom.metrics.k8s.io and external.metrics.k8s.io answer with; anybody may write it."""

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Metric"

    spec: MetricSpec = MetricSpec()


@attrs.frozen(kw_only=True)
class UsageSeries(ApiObject):
    """What a pod, or (``node.NAME`` in kube-system) a node, has used: the history that is kept.

    *status* has ``recent`` and ``earlier``, each with ``seconds`` (between samples), ``until`` (the
    time of the last one) and lists of millicores and bytes, oldest first. Worked out, not stored.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "UsageSeries"

    status: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Invariant(ApiObject):
    """One promise of the cluster, checked at every revision. Worked out, not stored.

    *spec* says it in words (``promise``); *status* has ``holds``, the number of ``violations``, and
    of the last one ``revision``, ``message``, ``objects``, ``actor`` and ``cause``.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Invariant"

    spec: FrozenDict[str, Json] = EMPTY
    status: FrozenDict[str, Json] = EMPTY

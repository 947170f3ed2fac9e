"""kubarium.dev/v1: our own kinds. A Fault is an object, so every client can make one."""

from typing import ClassVar

import attrs

from engine.api.autoscaling_v2 import CrossVersionObjectReference
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class FaultTarget:
    """What a fault hits: nodes or pods by name, or pods of a selector, or a component by name.

    *mode* is one, all, fixed, fixed-percent or random-max-percent, with its number in *value*.
    """

    nodes: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    namespace: str = ""
    selector: LabelSelector | None = None
    component: str = ""
    mode: str = ""
    value: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultSpec:
    """Which lever to pull on what, how, and for how many seconds (None: until deleted)."""

    type: str = ""
    target: FaultTarget = FaultTarget()
    params: FrozenDict[str, Json] = EMPTY
    duration_seconds: float | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultStatus:
    """Active, Recovered or Failed; what was hit, in words, and when."""

    phase: str = ""
    message: str = ""
    touched: tuple[str, ...] = ()
    started_at: Time | None = None
    ended_at: Time | None = None
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

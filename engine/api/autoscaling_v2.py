"""autoscaling/v2: HorizontalPodAutoscaler."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LabelSelector
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class CrossVersionObjectReference:
    """An object of the same namespace, by kind and name."""

    api_version: str = ""
    kind: str = wire(always=True, default="")
    name: str = wire(always=True, default="")
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricIdentifier:
    """A metric by name, and which series of it."""

    name: str = wire(always=True, default="")
    selector: LabelSelector | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricTarget:
    """The wanted value: Utilization (percent of requests), Value or AverageValue (quantities)."""

    type: str = wire(always=True, default="")
    value: str | None = None
    average_value: str | None = None
    average_utilization: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricValueStatus:
    """The value as last seen."""

    value: str | None = None
    average_value: str | None = None
    average_utilization: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricSource:
    """What one metric measures, and its target.

    Serves all five types: Resource has *name*; ContainerResource *name* and *container*; Pods and
    External *metric*; Object *metric* and *described_object*.
    """

    name: str = ""
    container: str = ""
    described_object: CrossVersionObjectReference | None = None
    metric: MetricIdentifier | None = None
    target: MetricTarget = wire(always=True, default=MetricTarget())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricSourceStatus:
    """What one metric measures, and its current value; fields as in `MetricSource`."""

    name: str = ""
    container: str = ""
    described_object: CrossVersionObjectReference | None = None
    metric: MetricIdentifier | None = None
    current: MetricValueStatus = wire(always=True, default=MetricValueStatus())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricSpec:
    """One metric; the field that *type* names is set."""

    type: str = wire(always=True, default="")
    resource: MetricSource | None = None
    container_resource: MetricSource | None = None
    pods: MetricSource | None = None
    object: MetricSource | None = None
    external: MetricSource | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class MetricStatus:
    """One metric as last read; the field that *type* names is set."""

    type: str = wire(always=True, default="")
    resource: MetricSourceStatus | None = None
    container_resource: MetricSourceStatus | None = None
    pods: MetricSourceStatus | None = None
    object: MetricSourceStatus | None = None
    external: MetricSourceStatus | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HPAScalingPolicy:
    """At most so many pods, or percent of them, in so many seconds."""

    type: str = wire(always=True, default="")
    value: int = wire(always=True, default=0)
    period_seconds: int = wire(always=True, default=0)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HPAScalingRules:
    """How fast to scale in one direction, and how long to look back before it."""

    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: tuple[HPAScalingPolicy, ...] = ()
    tolerance: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HorizontalPodAutoscalerBehavior:
    """Rules for growing and for shrinking."""

    scale_up: HPAScalingRules | None = None
    scale_down: HPAScalingRules | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HorizontalPodAutoscalerSpec:
    """What is scaled, within which bounds, by which metrics."""

    scale_target_ref: CrossVersionObjectReference = wire(
        always=True, default=CrossVersionObjectReference()
    )
    min_replicas: int | None = None
    max_replicas: int = wire(always=True, default=0)
    metrics: tuple[MetricSpec, ...] = ()
    behavior: HorizontalPodAutoscalerBehavior | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HorizontalPodAutoscalerStatus:
    """What the autoscaler last saw and wanted."""

    observed_generation: int | None = None
    last_scale_time: Time | None = None
    current_replicas: int = 0
    desired_replicas: int = wire(always=True, default=0)
    current_metrics: tuple[MetricStatus, ...] = wire(always=True, default=())
    conditions: tuple[Condition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HorizontalPodAutoscaler(ApiObject):
    """Scales a target so that its metrics come near their targets."""

    API_VERSION: ClassVar[str] = "autoscaling/v2"
    KIND: ClassVar[str] = "HorizontalPodAutoscaler"

    spec: HorizontalPodAutoscalerSpec = wire(always=True, default=HorizontalPodAutoscalerSpec())
    status: HorizontalPodAutoscalerStatus = wire(
        always=True, default=HorizontalPodAutoscalerStatus()
    )

"""What each metric of an autoscaler proposes, and what all of them come to.

Source: computeReplicasForMetrics of horizontal.go, pkg/controller/podautoscaler, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs

from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    HPAScalingRules,
    MetricIdentifier,
    MetricSource,
    MetricSourceStatus,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
)
from engine.api.pod import Pod
from engine.api.quantity import parse
from engine.api.selectors import selector_text
from engine.controllers.autoscaling.measures import (
    Measures,
    millis,
    quantity_of,
    requests_of,
)
from engine.controllers.autoscaling.replicas import (
    DEFAULT_TOLERANCE,
    MetricError,
    Tolerances,
    per_pod_replicas,
    plain_replicas,
    ratio_replicas,
    utilization_replicas,
)


@attrs.frozen(kw_only=True)
class Situation:
    """What the proposals are made from: replicas wanted and there, the pods, the time."""

    namespace: str
    selector: str
    pods: Sequence[Pod]
    wanted: int
    present: int
    tolerances: Tolerances
    now: float


@attrs.frozen
class Proposal:
    """How many replicas a metric asks for, its name in messages, and its present value."""

    replicas: int
    name: str
    status: MetricStatus


@attrs.frozen
class Failure:
    """Why a metric proposes nothing: the reason of the condition, and the error."""

    reason: str
    message: str
    wrapped: str


@attrs.frozen
class Sum:
    """What all metrics come to; *replicas* is None when nothing can be concluded."""

    replicas: int | None
    name: str
    statuses: tuple[MetricStatus, ...]
    failures: tuple[Failure, ...]
    error: str = ""


def tolerances_of(hpa: HorizontalPodAutoscaler, usual: float = DEFAULT_TOLERANCE) -> Tolerances:
    """The tolerances of its behavior, else the *usual* one of the cluster."""
    behavior = hpa.spec.behavior

    def given(rules: HPAScalingRules | None) -> float:
        if rules is None or rules.tolerance is None:
            return usual
        return float(parse(rules.tolerance))

    if behavior is None:
        return Tolerances(up=usual, down=usual)
    return Tolerances(up=given(behavior.scale_up), down=given(behavior.scale_down))


def compute(specs: Sequence[MetricSpec], around: Situation, measures: Measures) -> Sum:
    """The highest proposal wins; without those that fail nobody shrinks."""
    best: Proposal | None = None
    statuses: list[MetricStatus] = []
    failures: list[Failure] = []
    for spec in specs:
        found = propose(spec, around, measures)
        if isinstance(found, Failure):
            failures.append(found)
            statuses.append(MetricStatus())
            continue
        statuses.append(found.status)
        if best is None or found.replicas > best.replicas:
            best = found
    error = ""
    if failures:
        error = (
            f"invalid metrics ({len(failures)} invalid out of {len(specs)}), first error is: "
            f"{failures[0].wrapped}"
        )
    if best is None or (failures and best.replicas < around.wanted):
        return Sum(None, "", tuple(statuses), tuple(failures), error)
    return Sum(best.replicas, best.name, tuple(statuses), tuple(failures), error)


def propose(spec: MetricSpec, around: Situation, measures: Measures) -> Proposal | Failure:
    """What one metric asks for."""
    kind = _KINDS.get(spec.type)
    if kind is None:
        message = f'unknown metric source type "{spec.type}"'
        return Failure("InvalidMetricSourceType", message, message)
    reason, compute_one, words = kind
    source: MetricSource = getattr(spec, _FIELDS[spec.type])
    try:
        return compute_one(source, around, measures)
    except MetricError as error:
        inner = f"failed to get {_name(source)} external metric: " if spec.external else ""
        return Failure(reason, str(error), f"failed to get {words(source)}: {inner}{error}")


def _resource(source: MetricSource, around: Situation, measures: Measures) -> Proposal:
    found, name, value = _of_resource(source, around, measures, "")
    status = MetricStatus(
        type="Resource", resource=MetricSourceStatus(name=source.name, current=value)
    )
    return Proposal(found, name, status)


def _container(source: MetricSource, around: Situation, measures: Measures) -> Proposal:
    found, name, value = _of_resource(source, around, measures, source.container)
    status = MetricSourceStatus(name=source.name, container=source.container, current=value)
    return Proposal(found, name, MetricStatus(type="ContainerResource", container_resource=status))


def _of_resource(
    source: MetricSource, around: Situation, measures: Measures, container: str
) -> tuple[int, str, MetricValueStatus]:
    resource, target = source.name, source.target
    is_cpu = resource == "cpu"
    noun = "utilization" if target.average_value is None else "usage"
    try:
        values = measures.resource(
            resource,
            namespace=around.namespace,
            selector=around.selector,
            container=container,
        )
    except MetricError as error:
        raise MetricError(
            f"failed to get {resource} {noun}: unable to get metrics for resource {resource}: "
            f"{error}"
        ) from error
    try:
        if target.average_value is not None:
            wanted = plain_replicas(
                around.pods,
                values,
                current=around.wanted,
                target=millis(target.average_value),
                tolerances=around.tolerances,
                is_cpu=is_cpu,
                now=around.now,
            )
            value = MetricValueStatus(average_value=quantity_of(wanted.mean))
            return wanted.replicas, f"{resource} resource", value
        wanted = utilization_replicas(
            around.pods,
            values,
            requests_of(around.pods, resource, container),
            current=around.wanted,
            target=target.average_utilization or 0,
            tolerances=around.tolerances,
            is_cpu=is_cpu,
            now=around.now,
        )
    except MetricError as error:
        raise MetricError(f"failed to get {resource} {noun}: {error}") from error
    value = MetricValueStatus(
        average_utilization=wanted.percent, average_value=quantity_of(wanted.mean)
    )
    return wanted.replicas, f"{resource} resource utilization (percentage of request)", value


def _pods(source: MetricSource, around: Situation, measures: Measures) -> Proposal:
    metric = source.metric or MetricIdentifier()
    try:
        values = measures.of_pods(metric, around.pods, namespace=around.namespace, now=around.now)
        wanted = plain_replicas(
            around.pods,
            values,
            current=around.wanted,
            target=_target(source.target.average_value),
            tolerances=around.tolerances,
            is_cpu=False,
            now=around.now,
        )
    except MetricError as error:
        raise MetricError(f"unable to get metric {metric.name}: {error}") from error
    value = MetricValueStatus(average_value=quantity_of(wanted.mean))
    status = MetricStatus(type="Pods", pods=MetricSourceStatus(metric=metric, current=value))
    return Proposal(wanted.replicas, f"pods metric {metric.name}", status)


def _object(source: MetricSource, around: Situation, measures: Measures) -> Proposal:
    metric, described = source.metric or MetricIdentifier(), source.described_object
    assert described is not None, "validation demands it"
    try:
        usage = measures.of_object(metric, described, namespace=around.namespace)
    except MetricError as error:
        raise MetricError(
            f"unable to get metric {metric.name}: {described.kind} on {around.namespace} "
            f"{described.name}/{error}"
        ) from error
    replicas, value = _of_value(usage, source.target, around)
    current = MetricSourceStatus(metric=metric, described_object=described, current=value)
    name = f"{described.kind} metric {metric.name}"
    return Proposal(replicas, name, MetricStatus(type="Object", object=current))


def _external(source: MetricSource, around: Situation, measures: Measures) -> Proposal:
    metric = source.metric or MetricIdentifier()
    try:
        usage = measures.external(metric, namespace=around.namespace)
    except MetricError as error:
        raise MetricError(
            f"unable to get external metric {around.namespace}/{metric.name}/"
            f"{selector_text(metric.selector)}: {error}"
        ) from error
    replicas, value = _of_value(usage, source.target, around)
    current = MetricSourceStatus(metric=metric, current=value)
    name = f"external metric {metric.name}({selector_text(metric.selector)})"
    return Proposal(replicas, name, MetricStatus(type="External", external=current))


def _of_value(usage: int, target: MetricTarget, around: Situation) -> tuple[int, MetricValueStatus]:
    """Replicas for one value: as it is, or shared among the pods."""
    if target.average_value is not None:
        replicas, each = per_pod_replicas(
            current=around.present,
            usage=usage,
            target=_target(target.average_value),
            tolerances=around.tolerances,
        )
        return replicas, MetricValueStatus(average_value=quantity_of(each))
    replicas = ratio_replicas(
        around.pods,
        current=around.wanted,
        usage=usage,
        target=_target(target.value),
        tolerances=around.tolerances,
    )
    return replicas, MetricValueStatus(value=quantity_of(usage))


def _name(source: MetricSource) -> str:
    return source.metric.name if source.metric is not None else ""


def _target(quantity: str | None) -> int:
    if quantity is None or millis(quantity) <= 0:
        raise MetricError("the target has neither a value nor an average value")
    return millis(quantity)


_FIELDS = {
    "Resource": "resource",
    "ContainerResource": "container_resource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_Compute = Callable[[MetricSource, Situation, Measures], Proposal]
_KINDS: Mapping[str, tuple[str, _Compute, Callable[[MetricSource], str]]] = {
    "Resource": (
        "FailedGetResourceMetric",
        _resource,
        lambda source: f"{source.name} resource metric value",
    ),
    "ContainerResource": (
        "FailedGetContainerResourceMetric",
        _container,
        lambda source: f"{source.container} container metric value",
    ),
    "Pods": ("FailedGetPodsMetric", _pods, lambda _: "pods metric value"),
    "Object": ("FailedGetObjectMetric", _object, lambda _: "object metric value"),
    "External": (
        "FailedGetExternalMetric",
        _external,
        lambda source: f"{_name(source)} external metric value",
    ),
}

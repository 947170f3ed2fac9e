"""Checks autoscalers. All faults are found, none is raised.

Source: pkg/apis/autoscaling/validation, kubernetes v1.34.
"""

from engine.api import quantity
from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscalerSpec,
    HPAScalingRules,
    MetricSource,
    MetricSpec,
    MetricTarget,
)
from engine.apiserver.errors import Cause
from engine.apiserver.validation import invalid, one_of, required, unsupported

_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_FIELDS = {
    "ContainerResource": "container_resource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_LONGEST_PERIOD = 1800
_LONGEST_WINDOW = 3600


def validate_autoscaler(spec: HorizontalPodAutoscalerSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    least = 1 if spec.min_replicas is None else spec.min_replicas
    if least < 1:
        message = "must be greater than or equal to 1"
        causes.append(invalid("spec.minReplicas", least, message))
    if spec.max_replicas < 1:
        causes.append(invalid("spec.maxReplicas", spec.max_replicas, "must be greater than 0"))
    if spec.max_replicas < least:
        message = "must be greater than or equal to `minReplicas`"
        causes.append(invalid("spec.maxReplicas", spec.max_replicas, message))
    target = spec.scale_target_ref
    causes += [
        required(f"spec.scaleTargetRef.{field}")
        for field, value in (("kind", target.kind), ("name", target.name))
        if not value
    ]
    for index, metric in enumerate(spec.metrics):
        causes += _metric(metric, f"spec.metrics[{index}]")
    if spec.behavior is not None:
        for field, rules in (
            ("scaleUp", spec.behavior.scale_up), ("scaleDown", spec.behavior.scale_down)
        ):  # fmt: skip
            if rules is not None:
                causes += _rules(rules, f"spec.behavior.{field}")
    return causes


def _metric(metric: MetricSpec, path: str) -> list[Cause]:
    if not metric.type:
        return [required(f"{path}.type", "must specify a metric source type")]
    if metric.type not in _TYPES:
        return [unsupported(f"{path}.type", metric.type, _TYPES)]
    field = metric.type[0].lower() + metric.type[1:]
    source: MetricSource | None = getattr(metric, _FIELDS[metric.type])
    if source is None:
        message = "must populate information for the given metric source"
        return [required(f"{path}.{field}", message)]
    place = f"{path}.{field}"
    causes: list[Cause] = []
    if metric.type in ("Resource", "ContainerResource") and not source.name:
        causes.append(required(f"{place}.name", "must specify a resource name"))
    if metric.type == "ContainerResource" and not source.container:
        causes.append(required(f"{place}.container", "must specify a container"))
    is_named = source.metric is not None and bool(source.metric.name)
    if metric.type in ("Pods", "Object", "External") and not is_named:
        causes.append(required(f"{place}.metric.name", "must specify a metric name"))
    return causes + _target(source.target, metric.type, f"{place}.target")


def _target(target: MetricTarget, kind: str, path: str) -> list[Cause]:
    types = ("Utilization", "Value", "AverageValue")
    if not target.type:
        return [required(f"{path}.type", "must specify a metric target type")]
    if target.type not in types:
        message = "must be either Utilization, Value, or AverageValue"
        return [invalid(f"{path}.type", target.type, message)]
    causes: list[Cause] = []
    for field, value in (("value", target.value), ("averageValue", target.average_value)):
        if value is not None and quantity.parse(value) <= 0:
            causes.append(invalid(f"{path}.{field}", value, "must be positive"))
    percent = target.average_utilization
    if percent is not None and percent < 1:
        causes.append(invalid(f"{path}.averageUtilization", percent, "must be greater than 0"))
    if kind in ("Resource", "ContainerResource"):
        if percent is None and target.average_value is None:
            message = "must set either a target raw value or a target utilization"
            causes.append(required(f"{path}.averageUtilization", message))
    elif target.value is None and target.average_value is None:
        message = "must set either a target value or averageValue"
        causes.append(required(f"{path}.averageValue", message))
    return causes


def _rules(rules: HPAScalingRules, path: str) -> list[Cause]:
    causes: list[Cause] = []
    window = rules.stabilization_window_seconds
    if window is not None and window < 0:
        message = "must be greater than or equal to zero"
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window, message))
    if window is not None and window > _LONGEST_WINDOW:
        message = f"must be less than or equal to {_LONGEST_WINDOW}"
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window, message))
    if rules.select_policy is not None:
        causes += one_of(f"{path}.selectPolicy", rules.select_policy, ("Disabled", "Max", "Min"))
    if not rules.policies:
        causes.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.policies):
        place = f"{path}.policies[{index}]"
        if policy.type not in ("Pods", "Percent"):
            causes.append(unsupported(f"{place}.type", policy.type, ("Percent", "Pods")))
        if policy.value <= 0:
            causes.append(invalid(f"{place}.value", policy.value, "must be greater than zero"))
        if policy.period_seconds <= 0:
            message = "must be greater than zero"
            causes.append(invalid(f"{place}.periodSeconds", policy.period_seconds, message))
        elif policy.period_seconds > _LONGEST_PERIOD:
            message = f"must be less than or equal to {_LONGEST_PERIOD}"
            causes.append(invalid(f"{place}.periodSeconds", policy.period_seconds, message))
    return causes

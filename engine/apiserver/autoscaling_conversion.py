"""HorizontalPodAutoscalers as autoscaling/v1 has them and as autoscaling/v2 has them.

What version 1 has no field for it keeps in annotations, so that nothing is lost on the way.

Source: pkg/apis/autoscaling/v1/conversion.go, kubernetes v1.34.
"""

import json
from typing import Any

_CPU = "targetCPUUtilizationPercentage"
_CURRENT_CPU = "currentCPUUtilizationPercentage"
_PREFIX = "autoscaling.alpha.kubernetes.io/"
_METRICS, _CURRENT = f"{_PREFIX}metrics", f"{_PREFIX}current-metrics"
_BEHAVIOR, _CONDITIONS = f"{_PREFIX}behavior", f"{_PREFIX}conditions"


def to_v1(value: dict[str, Any]) -> dict[str, Any]:
    """An autoscaler of version 2 as one of version 1."""
    spec, status = dict(value.get("spec") or {}), dict(value.get("status") or {})
    kept: dict[str, Any] = {}
    metrics = spec.pop("metrics", [])
    others = []
    for metric in metrics:
        percent = _cpu(metric, "target")
        if percent is not None and _CPU not in spec:
            spec[_CPU] = percent
        else:
            others.append(metric)
    current_others = []
    for metric in status.pop("currentMetrics", []) or []:
        percent = _cpu(metric, "current")
        if percent is not None and _CURRENT_CPU not in status:
            status[_CURRENT_CPU] = percent
        else:
            current_others.append(metric)
    behavior, conditions = spec.pop("behavior", None), status.pop("conditions", None)
    for name, part in (
        (_METRICS, others),
        (_CURRENT, current_others),
        (_BEHAVIOR, behavior),
        (_CONDITIONS, conditions),
    ):
        if part:
            kept[name] = json.dumps(part, separators=(",", ":"))
    if "status" in value:
        status = {"currentReplicas": 0, "desiredReplicas": 0, **status}
    return _with(value, spec, status, kept)


def to_v2(value: dict[str, Any]) -> dict[str, Any]:
    """An autoscaler of version 1 as one of version 2."""
    spec, status = dict(value.get("spec") or {}), dict(value.get("status") or {})
    annotations = dict((value.get("metadata") or {}).get("annotations") or {})
    metrics = list(_kept(annotations, _METRICS) or [])
    if (percent := spec.pop(_CPU, None)) is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if metrics:
        spec["metrics"] = metrics
    current = list(_kept(annotations, _CURRENT) or [])
    if (percent := status.pop(_CURRENT_CPU, None)) is not None:
        resource = {"name": "cpu", "current": {"averageUtilization": percent}}
        current.insert(0, {"type": "Resource", "resource": resource})
    if current:
        status["currentMetrics"] = current
    for target, name, key in (
        (spec, _BEHAVIOR, "behavior"),
        (status, _CONDITIONS, "conditions"),
    ):
        part: Any = _kept(annotations, name)
        if part:
            target[key] = part
    metadata = {**(value.get("metadata") or {}), "annotations": annotations}
    return _with({**value, "metadata": metadata}, spec, status, {})


def _cpu(metric: dict[str, Any], part: str) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get(part) or {}).get("averageUtilization")


def _kept(annotations: dict[str, Any], name: str) -> Any:
    text = annotations.pop(name, None)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _with(
    value: dict[str, Any], spec: dict[str, Any], status: dict[str, Any], kept: dict[str, Any]
) -> dict[str, Any]:
    result = {**value, "spec": spec}
    result.pop("status", None)
    if status:
        result["status"] = status
    metadata = dict(value.get("metadata") or {})
    annotations = {**(metadata.get("annotations") or {}), **kept}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    return {**result, "metadata": metadata}

"""Tables of metrics.k8s.io, and of the metrics that autoscalers read.

Source: metrics-server v0.7, pkg/api/table.go.
"""

from collections.abc import Mapping
from typing import Any

from engine.api.quantity import parse
from engine.apiserver.columns.column import Columns, age, columns, labels_text

_RESOURCES = ("cpu", "memory")


def _usage(usage: Mapping[str, str]) -> tuple[str, str]:
    cpu = parse(usage.get("cpu", "0")) * 1_000_000_000
    memory = parse(usage.get("memory", "0")) // 1024
    return f"{int(cpu)}n" if cpu else "0", f"{int(memory)}Ki"


def _node(obj: Any, now: float) -> tuple[Any, ...]:
    del now
    return (obj.metadata.name, *_usage(obj.usage), obj.window)


def _pod(obj: Any, now: float) -> tuple[Any, ...]:
    del now
    totals = {
        name: str(sum(parse(one.usage.get(name, "0")) for one in obj.containers))
        for name in _RESOURCES
    }
    return (obj.metadata.name, *_usage(totals), obj.window)


def _metric(obj: Any, now: float) -> tuple[Any, ...]:
    spec = obj.spec
    described = spec.described_object
    of = "<external>" if described is None else f"{described.kind}/{described.name or '*'}"
    return (
        obj.metadata.name,
        spec.metric,
        of,
        spec.value,
        labels_text(spec.labels),
        age(obj.metadata.creation_timestamp, now),
    )


NODE_METRICS = Columns(columns("Name", "CPU", "Memory", "Window"), _node)
POD_METRICS = Columns(columns("Name", "CPU", "Memory", "Window"), _pod)
METRICS = Columns(columns("Name", "Metric", "Of", "Value", "Labels", "Age"), _metric)

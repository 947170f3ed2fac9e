"""What nodes and pods use: columns, and histories as sparklines."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.api.kubarium import UsageSeries
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.quantity import parse_int, parse_millis
from tui.language import say
from tui.render.age import age
from tui.render.column import NAME, NAMESPACE, Column
from tui.render.load import sparkline
from tui.render.nodes import cores, size
from tui.render.text import Line, Span, fit


def pod_use(metrics: PodMetrics) -> tuple[int, int]:
    """Millicores and bytes of all containers."""
    cpu = sum(parse_millis(one.usage.get("cpu", "0")) for one in metrics.containers)
    return cpu, sum(parse_int(one.usage.get("memory", "0")) for one in metrics.containers)


def node_use(metrics: NodeMetrics) -> tuple[int, int]:
    """Millicores and bytes."""
    return parse_millis(metrics.usage.get("cpu", "0")), parse_int(metrics.usage.get("memory", "0"))


Use = Mapping[str, tuple[int, int]]
"""By key: millicores and bytes."""


def use_columns(use: Use) -> tuple[Column, ...]:
    """CPU and memory of pods or nodes, from *use*, which may change."""

    def cpu(obj: Any) -> int:
        return use.get(obj.key, (-1, -1))[0]

    def memory(obj: Any) -> int:
        return use.get(obj.key, (-1, -1))[1]

    return (
        Column(
            name="CPU",
            value=lambda obj, _: "-" if cpu(obj) < 0 else f"{cpu(obj)}m",
            sort=cpu,
            is_right=True,
            is_spare=True,
        ),
        Column(
            name="MEM",
            value=lambda obj, _: "-" if memory(obj) < 0 else size(memory(obj)),
            sort=memory,
            is_right=True,
            is_spare=True,
        ),
    )


def _use_of(obj: Any) -> tuple[int, int]:
    return pod_use(obj) if isinstance(obj, PodMetrics) else node_use(obj)


def _columns(*first: Column) -> tuple[Column, ...]:
    return (
        *first,
        NAME,
        Column(
            name="CPU",
            value=lambda m, _: f"{_use_of(m)[0]}m",
            sort=lambda m: _use_of(m)[0],
            is_right=True,
        ),
        Column(
            name="MEMORY",
            value=lambda m, _: size(_use_of(m)[1]),
            sort=lambda m: _use_of(m)[1],
            is_right=True,
        ),
        Column(
            name="MEASURED",
            value=lambda m, now: age(m.timestamp, now),
            tone=lambda _: "dim",
            is_right=True,
            is_spare=True,
        ),
    )


PODS = _columns(NAMESPACE)
NODES = _columns()


def usage_lines(status: Mapping[str, Any], cells: int, *, title: str = "") -> list[Line]:
    """CPU and memory as sparklines: the last minutes, and before that."""
    lines: list[Line] = []
    recent = status.get("recent") or {}
    room = max(8, min(60, cells - 34))
    minutes = len(recent.get("cpu") or ()) * float(recent.get("seconds") or 0) / 60
    if not recent.get("cpu"):
        return [[Span(title + say("nothing was measured yet"), "faint")]]
    for name, unit in (("cpu", _cores), ("memory", size)):
        values = [float(value) for value in recent[name]]
        lines.append(
            [
                Span(fit(name, 8), "", is_bold=True),
                Span(sparkline(values, room), "ok" if name == "cpu" else "info"),
                Span(f" {unit(int(values[-1]))}", "", is_bold=True),
                Span(f"  most {unit(int(max(values)))}", "dim"),
            ]
        )
    lines.insert(
        0,
        [
            Span(
                title + say("the last {minutes} min", minutes=f"{minutes:.0f}"),
                "title",
                is_bold=True,
            )
        ],
    )
    earlier = status.get("earlier") or {}
    if len(earlier.get("cpu") or ()) > 1:
        hours = len(earlier["cpu"]) * float(earlier["seconds"]) / 3600
        values = [float(value) for value in earlier["cpu"]]
        lines.append(
            [
                Span(fit(f"{hours:.1f} h", 8), "dim"),
                Span(sparkline(values, room), "faint"),
                Span(f"  cpu, most {_cores(int(max(values)))}", "dim"),
            ]
        )
    for container, series in sorted((status.get("containers") or {}).items()):
        if len(status.get("containers") or {}) > 1 and series.get("cpu"):
            values = [float(value) for value in series["cpu"]]
            lines.append(
                [
                    Span(fit(container, 8), "dim"),
                    Span(sparkline(values, room), "faint"),
                    Span(f" {_cores(int(values[-1]))}", "dim"),
                ]
            )
    return lines


def _cores(millis: int) -> str:
    return f"{millis}m" if millis < 1000 else cores(millis)


def sum_of(usage: Sequence[UsageSeries]) -> dict[str, Any]:
    """Several histories as one; they end at the same time."""
    found: dict[str, Any] = {}
    for part in ("recent",):
        series = [one.status.get(part) or {} for one in usage]
        length = max((len(one.get("cpu") or ()) for one in series), default=0)
        summed: dict[str, Any] = {
            "seconds": max((float(one.get("seconds") or 0) for one in series), default=0.0)
        }
        for name in ("cpu", "memory"):
            total = [0] * length
            for one in series:
                values = one.get(name) or ()
                for place, value in enumerate(values):
                    total[length - len(values) + place] += value
            summed[name] = total
        found[part] = summed
    return found

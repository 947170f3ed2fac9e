"""Use of CPU and memory, and autoscalers: what they see, what they want, and why."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    MetricSource,
    MetricSourceStatus,
    MetricSpec,
)
from engine.api.kubarium import UsageSeries
from engine.api.meta import condition_of
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.quantity import parse, parse_int, parse_millis
from tui.render.age import age
from tui.render.columns import NAME, NAMESPACE, Column
from tui.render.load import sparkline
from tui.render.nodes import cores, size
from tui.render.text import Line, Span, State, bar, fit, plural

_FIELDS = {
    "Resource": "resource",
    "ContainerResource": "container_resource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}

# Autoscalers


def replicas_state(hpa: HorizontalPodAutoscaler) -> State:
    """Growing, shrinking, steady, at its limit, or blind."""
    conditions = hpa.status.conditions
    for type_ in ("AbleToScale", "ScalingActive"):
        one = condition_of(conditions, type_)
        if one is not None and one.status == "False":
            return State("✖", one.reason, "bad")
    if not conditions:
        return State("○", "waiting", "wait")
    now, wanted = hpa.status.current_replicas, hpa.status.desired_replicas
    if wanted > now:
        return State("▲", f"growing to {wanted}", "info")
    if wanted < now:
        return State("▼", f"shrinking to {wanted}", "info")
    limited = condition_of(conditions, "ScalingLimited")
    if limited is not None and limited.status == "True":
        return State("◆", _LIMITS.get(limited.reason, limited.reason), "wait")
    able = condition_of(conditions, "AbleToScale")
    if able is not None and able.reason in _LIMITS:
        return State("◷", _LIMITS[able.reason], "wait")
    return State("●", "steady", "ok")


_LIMITS = {
    "TooManyReplicas": "at its most",
    "TooFewReplicas": "at its fewest",
    "ScaleUpLimit": "as fast as it may",
    "ScaleDownLimit": "as fast as it may",
    "ScaleDownStabilized": "waits to shrink",
    "ScaleUpStabilized": "waits to grow",
}


def metric_name(spec: MetricSpec) -> str:
    """``cpu``, ``cpu of web``, ``queue_length (external)``."""
    source = _source(spec)
    if source is None:
        return spec.type
    if spec.type == "Resource":
        return source.name
    if spec.type == "ContainerResource":
        return f"{source.name} of {source.container}"
    name = source.metric.name if source.metric is not None else ""
    if source.described_object is not None:
        return f"{name} of {source.described_object.kind}/{source.described_object.name}"
    return f"{name} ({spec.type.lower()})"


def metric_values(hpa: HorizontalPodAutoscaler, place: int) -> tuple[str, str, float | None]:
    """Present value and target of a metric as text, and their ratio, if it is known."""
    spec = hpa.spec.metrics[place]
    source = _source(spec)
    target = source.target if source is not None else None
    if target is None:
        return "?", "?", None
    found = hpa.status.current_metrics
    status = found[place] if place < len(found) else None
    current: MetricSourceStatus | None = (
        getattr(status, _FIELDS[spec.type]) if status is not None else None
    )
    value = current.current if current is not None else None
    if target.average_utilization is not None:
        now = value.average_utilization if value is not None else None
        if now is None:
            return "?", f"{target.average_utilization}%", None
        ratio = now / target.average_utilization if target.average_utilization else None
        return f"{now}%", f"{target.average_utilization}%", ratio
    wanted = target.average_value if target.average_value is not None else target.value
    text = None
    if value is not None:
        text = value.average_value if target.average_value is not None else value.value
    each = " each" if target.average_value is not None else ""
    if wanted is None or text is None:
        return "?", f"{wanted}{each}", None
    return text, f"{wanted}{each}", float(parse(text) / parse(wanted)) if parse(wanted) else None


def targets(hpa: HorizontalPodAutoscaler) -> str:
    """``cpu 44%/60%, queue 30/20 each``."""
    found = []
    for place, spec in enumerate(hpa.spec.metrics):
        now, wanted, _ = metric_values(hpa, place)
        found.append(f"{metric_name(spec)} {now}/{wanted}")
    return ", ".join(found) or "-"


def _least(hpa: HorizontalPodAutoscaler) -> int:
    return 1 if hpa.spec.min_replicas is None else hpa.spec.min_replicas


def _reference(hpa: HorizontalPodAutoscaler) -> str:
    ref = hpa.spec.scale_target_ref
    return f"{ref.kind}/{ref.name}"


def _state_text(hpa: HorizontalPodAutoscaler) -> str:
    state = replicas_state(hpa)
    return f"{state.symbol} {state.word}"


AUTOSCALERS: tuple[Column, ...] = (
    Column(
        name="STATE",
        value=lambda h, _: _state_text(h),
        tone=lambda h: replicas_state(h).tone,
        sort=_state_text,
    ),
    NAME,
    Column(name="TARGET", value=lambda h, _: _reference(h), sort=_reference),
    Column(name="METRICS NOW/WANTED", value=lambda h, _: targets(h)),
    Column(
        name="MIN", value=lambda h, _: str(_least(h)), is_right=True, is_spare=True,
    ),
    Column(name="MAX", value=lambda h, _: str(h.spec.max_replicas), is_right=True, is_spare=True),
    Column(
        name="NOW", value=lambda h, _: str(h.status.current_replicas), is_right=True,
        sort=lambda h: h.status.current_replicas,
    ),
    Column(
        name="WANTED", value=lambda h, _: str(h.status.desired_replicas), is_right=True,
        sort=lambda h: h.status.desired_replicas,
    ),
)  # fmt: skip


def autoscaler_lines(
    hpa: HorizontalPodAutoscaler,
    usage: Sequence[UsageSeries],
    wishes: Sequence[str],
    now: float,
    cells: int,
) -> list[Line]:
    """Current, target, wanted, and why; what the pods used; the last steps it took (*wishes*)."""
    state = replicas_state(hpa)
    least = _least(hpa)
    lines: list[Line] = [
        [
            Span(f"{state.symbol} {state.word}", state.tone, is_bold=True),
            Span(f"  {_reference(hpa)} has {hpa.status.current_replicas}, wanted are "),
            Span(str(hpa.status.desired_replicas), "accent", is_bold=True),
            Span(f", {least} to {hpa.spec.max_replicas}", "dim"),
        ],
        [*_replica_line(hpa, least), Span(_since(hpa, now), "dim")],
        [],
    ]
    for place, spec in enumerate(hpa.spec.metrics):
        lines.append(_metric_line(hpa, place, spec, cells))
    lines.append([])
    for condition in hpa.status.conditions:
        is_good = condition.status == ("False" if condition.type == "ScalingLimited" else "True")
        tone = "ok" if is_good else "wait" if condition.type == "ScalingLimited" else "bad"
        mark = "✓" if is_good else "◆" if condition.type == "ScalingLimited" else "✖"
        head = f"{mark} {condition.type:<15}"
        said = textwrap.wrap(f"{condition.reason}: {condition.message}", max(20, cells - len(head)))
        for number, text in enumerate(said):
            lines.append([Span(head if not number else " " * len(head), tone), Span(text)])
    if usage:
        lines += [[], *usage_lines(_sum_of(usage), cells, title=f"{plural(len(usage), 'pod')}: ")]
    if wishes:
        lines += [[], [Span("What it did", "title", is_bold=True)]]
        for text in wishes:
            first, *rest = textwrap.wrap(text, max(20, cells - 2)) or [""]
            lines += [[Span(f"  {first}")], *[[Span(f"    {more}", "dim")] for more in rest]]
    return lines


def _since(hpa: HorizontalPodAutoscaler, now: float) -> str:
    last = hpa.status.last_scale_time
    return "" if last is None else f"  scaled {age(last, now)} ago"


def _replica_line(hpa: HorizontalPodAutoscaler, least: int) -> Line:
    """One square for each replica there may be: running, wanted, possible."""
    most = min(hpa.spec.max_replicas, 60)
    now, wanted = hpa.status.current_replicas, hpa.status.desired_replicas
    line: Line = []
    for number in range(1, most + 1):
        if number <= now:
            tone = "ok" if number <= wanted else "gone"
            line.append(Span("■" if number <= wanted else "◪", tone))
        elif number <= wanted:
            line.append(Span("▣", "info"))
        else:
            line.append(Span("□" if number > least else "▢", "faint"))
    words = "  ■ there  ▣ coming  ◪ going  □ possible"
    return [*line, Span(words, "faint")]


def _metric_line(hpa: HorizontalPodAutoscaler, place: int, spec: MetricSpec, cells: int) -> Line:
    now, wanted, ratio = metric_values(hpa, place)
    name = fit(metric_name(spec), min(24, max(8, cells // 4)))
    if ratio is None:
        return [Span(name, "", is_bold=True), Span(" unknown", "bad"), Span(f" of {wanted}", "dim")]
    tone = "ok" if 0.9 <= ratio <= 1.1 else "wait" if ratio > 1.1 else "info"
    wish = f"  asks for about {max(0, -int(-ratio * hpa.status.current_replicas // 1))} replicas"
    return [
        Span(name, "", is_bold=True),
        Span(" "),
        *bar(min(ratio / 2, 1.0), min(24, max(6, cells // 5)), tone),
        Span(f" {now}", tone, is_bold=True),
        Span(f" of {wanted}", "dim"),
        Span(f" ×{ratio:.2f}" + (wish if cells >= 90 else ""), "dim"),  # noqa: RUF001 - a times sign
    ]


def _source(spec: MetricSpec) -> MetricSource | None:
    found: MetricSource | None = getattr(spec, _FIELDS.get(spec.type, "resource"))
    return found


# Use


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
        return [[Span(f"{title}nothing was measured yet", "faint")]]
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
    lines.insert(0, [Span(f"{title}the last {minutes:.0f} min", "title", is_bold=True)])
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


def _sum_of(usage: Sequence[UsageSeries]) -> dict[str, Any]:
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

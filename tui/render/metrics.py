"""Use of CPU and memory, and autoscalers: what they see, what they want, and why."""

import textwrap
from collections.abc import Sequence

from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    MetricSource,
    MetricSourceStatus,
    MetricSpec,
)
from engine.api.kubarium import UsageSeries
from engine.api.meta import condition_of
from engine.api.quantity import parse
from tui.language import say
from tui.render.age import age
from tui.render.column import NAME, Column
from tui.render.text import Line, Span, State, bar, fit, plural
from tui.render.usage import sum_of, usage_lines

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


def least(hpa: HorizontalPodAutoscaler) -> int:
    """The fewest replicas that it keeps."""
    return 1 if hpa.spec.min_replicas is None else hpa.spec.min_replicas


def reference(hpa: HorizontalPodAutoscaler) -> str:
    """What it scales: ``Deployment/web``."""
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
    Column(name="TARGET", value=lambda h, _: reference(h), sort=reference),
    Column(name="METRICS NOW/WANTED", value=lambda h, _: targets(h)),
    Column(
        name="MIN", value=lambda h, _: str(least(h)), is_right=True, is_spare=True,
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
    fewest = least(hpa)
    lines: list[Line] = [
        [
            Span(f"{state.symbol} {state.word}", state.tone, is_bold=True),
            Span(
                "  "
                + say(
                    "{name} has {now}, wanted are",
                    name=reference(hpa),
                    now=hpa.status.current_replicas,
                )
            ),
            Span(f" {hpa.status.desired_replicas}", "accent", is_bold=True),
            Span(", " + say("{low} to {high}", low=fewest, high=hpa.spec.max_replicas), "dim"),
        ],
        [*_replica_line(hpa, fewest), Span(_since(hpa, now), "dim")],
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
        lines += [[], *usage_lines(sum_of(usage), cells, title=f"{plural(len(usage), 'pod')}: ")]
    if wishes:
        lines += [[], [Span(say("What it did"), "title", is_bold=True)]]
        for text in wishes:
            first, *rest = textwrap.wrap(text, max(20, cells - 2)) or [""]
            lines += [[Span(f"  {first}")], *[[Span(f"    {more}", "dim")] for more in rest]]
    return lines


def _since(hpa: HorizontalPodAutoscaler, now: float) -> str:
    last = hpa.status.last_scale_time
    return "" if last is None else "  " + say("scaled {age} ago", age=age(last, now))


def _replica_line(hpa: HorizontalPodAutoscaler, fewest: int) -> Line:
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
            line.append(Span("□" if number > fewest else "▢", "faint"))
    words = "  " + say("■ there  ▣ coming  ◪ going  □ possible")
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

"""The header: where we are, and the cluster's pulse in one line."""

from collections.abc import Iterable

import attrs

from engine.api.apps import Deployment
from engine.api.node import Node
from engine.api.pod import Pod
from tui.language import say
from tui.render import nodes as nodes_
from tui.render import pods as pods_
from tui.render import rollouts
from tui.render.identity import by_identity
from tui.render.text import Line, Span, between
from tui.source import ClusterInfo


@attrs.frozen(kw_only=True)
class Pulse:
    """Counts that tell at a glance whether the cluster is well."""

    nodes: int = 0
    nodes_ready: int = 0
    pods: int = 0
    pods_ready: int = 0
    pending: int = 0
    failing: int = 0
    restarts: int = 0
    rollouts: int = 0
    events_per_second: float = 0.0


@by_identity
def _vital(pod: Pod) -> tuple[bool, bool, bool, bool, int]:
    """What one pod adds to the pulse: pods, ready, pending, failing, restarts."""
    if pod.status.phase == "Succeeded":
        return False, False, False, False, 0
    return (
        True,
        pods_.is_ready(pod),
        pod.status.phase in ("", "Pending"),
        pods_.pod_state(pod).tone == "bad",
        pods_.restarts(pod),
    )


def take(
    nodes: Iterable[Node],
    pods: Iterable[Pod],
    deployments: Iterable[Deployment],
    *,
    events_per_second: float = 0.0,
) -> Pulse:
    """The pulse of these objects."""
    ready = pending = failing = restarts = total = 0
    for pod in pods:
        is_counted, is_ready, is_pending, is_failing, restarted = _vital(pod)
        total += is_counted
        ready += is_ready
        pending += is_pending
        failing += is_failing
        restarts += restarted
    states = [nodes_.node_state(node) for node in nodes]
    return Pulse(
        nodes=len(states),
        nodes_ready=sum(1 for state in states if state.word in ("Ready", "Cordoned")),
        pods=total,
        pods_ready=ready,
        pending=pending,
        failing=failing,
        restarts=restarts,
        rollouts=sum(1 for deployment in deployments if rollouts.is_active(deployment)),
        events_per_second=events_per_second,
    )


def where(info: ClusterInfo, namespace: str, cells: int, *, is_readonly: bool = False) -> Line:
    """The header's first line: product, context, version, runtime, time."""
    left = [
        Span(" ◆ ", "accent", is_bold=True),
        Span("kubarium", "primary", is_bold=True),
        Span("  ", ""),
        Span(info.context, "", is_bold=True),
        Span(f"  ns:{namespace or say('all')}", "info"),
    ]
    if is_readonly:
        left.append(Span("  " + say("read-only"), "wait"))
    if info.is_recording:
        left.append(Span("  ● REC", "bad", is_bold=True))
    if info.problem:
        left.append(Span(f"  ✖ {info.problem}", "bad", is_bold=True))
    words = [word for word in (info.version, info.runtime) if word]
    if info.is_attached:
        words.append(say("attached"))
    right = [Span(" · ".join(words) + " ", "dim")]
    if info.is_paused:
        right += [Span(f" ‖ {say('paused')} ", "ground", is_bold=True, on="wait"), Span(" ")]
    elif not info.is_attached:
        tone = "ok" if info.speed == 1 else "wait"
        right += [Span(f" ▶ {info.speed:g}\u00d7 ", tone, is_bold=True), Span(" ")]
    return between(left, right, cells)


def vital_signs(pulse: Pulse, revision: int, cells: int) -> Line:
    """The header's second line: nodes, pods, rollouts, pending, restarts, events, revision."""
    is_wide = cells >= 110
    left: Line = [Span(" ")]
    whole = "ok" if pulse.nodes_ready == pulse.nodes else "bad"
    left += _sign("●", f"{pulse.nodes_ready}/{pulse.nodes}", "nodes", whole, is_wide=True)
    tone = "ok" if pulse.pods_ready == pulse.pods else "wait"
    left += _sign("■", f"{pulse.pods_ready}/{pulse.pods}", "pods", tone, is_wide=True)
    left += _sign("◐", pulse.rollouts, "rollouts", "wait", is_wide=is_wide)
    left += _sign("○", pulse.pending, "pending", "wait", is_wide=True)
    left += _sign("✖", pulse.failing, "failing", "bad", is_wide=is_wide)
    left += _sign("↻", pulse.restarts, "restarts", "wait", is_wide=is_wide)
    right = [
        Span(f"{pulse.events_per_second:.1f}", "info" if pulse.events_per_second else "dim"),
        Span(" ev/s  " if not is_wide else f" {say('events/s')}   ", "dim"),
        Span("rev ", "dim"),
        Span(f"{revision} ", "", is_bold=True),
    ]
    return between(left, right, cells)


def _sign(symbol: str, value: int | str, noun: str, tone: str, *, is_wide: bool) -> Line:
    shown = tone if value else "faint"
    line = [
        Span(f"{symbol} ", shown),
        Span(str(value), shown if value else "dim", is_bold=bool(value)),
    ]
    line.append(Span(f" {say(noun)}   " if is_wide else "  ", "dim"))
    return line

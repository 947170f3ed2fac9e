"""The scheduler's queue and decisions as rows, and a decision as a matrix of nodes by plugins."""

from collections.abc import Mapping
from typing import Any

from engine.api.kubarium import Decision
from tui.language import say
from tui.render.age import age
from tui.render.column import Column
from tui.render.decision_text import headline
from tui.render.text import Line, Span, State, fit, fit_line

_SHORT = {
    "NodeUnschedulable": "Cordon", "NodeName": "Name", "TaintToleration": "Taint",
    "NodeAffinity": "Affin", "NodePorts": "Ports", "NodeResourcesFit": "Fit",
    "VolumeRestrictions": "VolUse", "NodeVolumeLimits": "VolMax", "VolumeBinding": "VolBnd",
    "VolumeZone": "VolZon", "PodTopologySpread": "Spread", "InterPodAffinity": "PodAff",
    "NodeResourcesBalancedAllocation": "Balance", "ImageLocality": "Image",
}  # fmt: skip
_QUEUES = {
    "active": State("▶", "active", "info"),
    "backoff": State("◷", "backoff", "wait"),
    "unschedulable": State("✖", "unschedulable", "bad"),
    "gated": State("‖", "gated", "gone"),
}
_BOUND = State("●", "placed", "ok")
_ORDER = {"active": 0, "backoff": 1, "unschedulable": 2, "gated": 3, "": 4}
CELL = 8
"""Cells of a matrix column."""


def queue_state(decision: Decision) -> State:
    """Where a pod waits, or that it has its place."""
    return _QUEUES.get(str(decision.status.get("queue", "")), _BOUND)


def _node(decision: Decision) -> str:
    status = decision.status
    nominee = status.get("nominatedNodeName")
    return str(status.get("nodeName") or (f"({nominee})" if nominee else "-"))


def why(decision: Decision) -> str:
    """The reasons in one line, without what preemption had to say."""
    message = str(decision.status.get("message") or "")
    reasons = message.partition(" preemption:")[0]
    if reasons:
        return reasons.partition("available: ")[2] or reasons
    if decision.status.get("nodeName"):
        tied = len(decision.status.get("tied") or ())
        feasible = decision.status.get("feasibleCount")
        return say("best of {count}", count=feasible) + (
            ", " + say("drawn from {count} equals", count=tied) if tied > 1 else ""
        )
    return headline(decision.status)


def _text(decision: Decision) -> str:
    state = queue_state(decision)
    return f"{state.symbol} {say(state.word)}"


COLUMNS: tuple[Column, ...] = (
    Column(
        name="QUEUE",
        value=lambda d, _: _text(d),
        tone=lambda d: queue_state(d).tone,
        sort=lambda d: (_ORDER.get(str(d.status.get("queue", "")), 4), -d.status.get("time", 0)),
    ),
    Column(name="NAME", value=lambda d, _: d.metadata.name, sort=lambda d: d.metadata.name),
    Column(
        name="TRY", value=lambda d, _: str(d.status.get("attempt") or "-"),
        sort=lambda d: d.status.get("attempt") or 0, is_right=True,
    ),
    Column(
        name="AGO", value=lambda d, now: age(d.status.get("time"), now) if d.status.get("time")
        else "-", tone=lambda _: "dim", sort=lambda d: -(d.status.get("time") or 0), is_right=True,
        is_spare=True,
    ),
    Column(name="NODE", value=lambda d, _: _node(d), sort=_node),
    Column(
        name="MESSAGE", value=lambda d, _: why(d),
        tone=lambda d: "bad" if d.status.get("result") == "Unschedulable" else "dim", sort=why,
    ),
)  # fmt: skip
"""The columns of the queue: waiting pods first, then those that were placed of late."""


def queue_counts(decisions: Mapping[str, Decision]) -> str:
    """``2 active · 0 backoff · 1 unschedulable``."""
    counts = dict.fromkeys(_QUEUES, 0)
    for decision in decisions.values():
        queue = str(decision.status.get("queue", ""))
        if queue in counts:
            counts[queue] += 1
    return " · ".join(f"{count} {say(name)}" for name, count in counts.items())


def matrix(status: Mapping[str, Any], cells: int) -> list[Line]:
    """Nodes by plugins: what each filter refused and each score gave, the best node first."""
    nodes = sorted(
        status.get("nodes") or (),
        key=lambda node: (-float(node.get("total", -1)), str(node["name"])),
    )
    if not nodes:
        return []
    filters = [str(name) for name in status.get("filters") or ()]
    scores = list(status.get("scores") or ())
    if not any("total" in node for node in nodes):
        scores = []
    name_cells = min(max(len(str(node["name"])) for node in nodes) + 3, 24)
    if cells < 110:
        # No room for a column each: only what refused, and the total.
        return [_short(node, status, name_cells, cells) for node in nodes]
    lines: list[Line] = [_header(filters, scores, name_cells)]
    lines += [fit_line(_row(node, status, filters, scores, name_cells), cells) for node in nodes]
    return lines


def _header(filters: list[str], scores: list[Any], name_cells: int) -> Line:
    line: Line = [Span(fit("NODE", name_cells), "dim", is_bold=True)]
    line += [Span(fit(_SHORT.get(name, name), CELL), "dim", is_bold=True) for name in filters]
    if scores:
        line.append(Span("│ ", "faint"))
    for item in scores:
        text = f"{_SHORT.get(item['name'], item['name'])} x{item['weight']}"
        line.append(Span(fit(text, CELL + 3), "dim", is_bold=True))
    return [*line, Span("│ ", "faint"), Span("TOTAL" if scores else "WHY", "dim", is_bold=True)]


def _row(
    node: Any, status: Mapping[str, Any], filters: list[str], scores: list[Any], name_cells: int
) -> Line:
    line = _name(node, status, name_cells)
    refuser = node.get("refusedBy")
    is_heard = True
    for name in filters:
        reasons = (node.get("filters") or {}).get(name)
        if reasons:
            line.append(Span(fit("✖ no", CELL), "bad" if is_heard else "faint"))
        else:
            line.append(Span(fit("✓", CELL), "ok" if is_heard else "faint"))
        # Filters after the first refusal are not heard.
        is_heard = is_heard and name != refuser
    if scores:
        line.append(Span("│ ", "faint"))
    for item in scores:
        score = (node.get("scores") or {}).get(item["name"])
        text = "·" if score is None else f"{score['normalized']}→{score['weighted']}"
        line.append(Span(fit(text, CELL + 3), "" if score is not None else "faint"))
    return [*line, Span("│ ", "faint"), *_verdict(node, status)]


def _short(node: Any, status: Mapping[str, Any], name_cells: int, cells: int) -> Line:
    line = _name(node, status, name_cells)
    verdict = _verdict(node, status)
    room = max(cells - name_cells, 10)
    return [*line, *[span._replace(text=fit(span.text, room)) for span in verdict[:1]]]


def _name(node: Any, status: Mapping[str, Any], cells: int) -> Line:
    is_chosen = node["name"] == status.get("nodeName")
    mark = "★ " if is_chosen else "  "
    tone = "accent" if is_chosen else "" if "total" in node else "dim"
    return [Span(fit(mark + str(node["name"]), cells), tone, is_bold=is_chosen)]


def _verdict(node: Any, status: Mapping[str, Any]) -> Line:
    if "total" in node:
        is_chosen = node["name"] == status.get("nodeName")
        word = " chosen" if is_chosen else ""
        return [Span(f"{node['total']}{word}", "ok" if is_chosen else "", is_bold=is_chosen)]
    refuser = str(node.get("refusedBy"))
    reasons = ", ".join(node.get("reasons") or ())
    return [Span(f"{_SHORT.get(refuser, refuser)}: {reasons}", "bad")]


def decision_lines(decision: Decision, now: float, cells: int) -> list[Line]:
    """How the last attempt ended, and its matrix."""
    status = decision.status
    state = queue_state(decision)
    first: Line = [
        Span(f"{state.symbol} ", state.tone),
        Span(decision.metadata.name, "title", is_bold=True),
        Span(f" {headline(status)}", state.tone),
    ]
    facts = [str(decision.spec.get("schedulerName"))]
    if decision.spec.get("priority"):
        facts.append(f"priority {decision.spec['priority']}")
    if status.get("attempt"):
        facts.append(
            say(
                "attempt {count}, {age} ago",
                count=status["attempt"],
                age=age(status.get("time"), now),
            )
        )
        facts.append(
            say(
                "{count} of {nodes} nodes would do",
                count=status.get("feasibleCount"),
                nodes=status.get("nodeCount") or 0,
            )
        )
    if status.get("retryAt"):
        facts.append(f"next try in {max(0, round(float(status['retryAt']) - now))}s")
    lines = [first, [Span("  " + " · ".join(facts), "dim")]]
    return lines + outcome_lines(status, cells)


def outcome_lines(status: Mapping[str, Any], cells: int) -> list[Line]:
    """Message, tie and victims, then the matrix."""
    lines: list[Line] = []
    message = str(status.get("message") or "")
    while message:
        cut = message if len(message) <= cells - 2 else message[: cells - 2].rpartition(" ")[0]
        cut = cut or message[: cells - 2]
        lines.append([Span("  " + cut, "bad")])
        message = message[len(cut) :].strip()
    tied = status.get("tied") or ()
    if len(tied) > 1:
        lines.append(
            [
                Span(
                    "  "
                    + say(
                        "tie of {count}, drawn by chance: {names}",
                        count=len(tied),
                        names=", ".join(tied[:6]),
                    ),
                    "dim",
                )
            ]
        )
    lines += [
        [Span(f"  preempts {item['pod']} (priority {item['priority']})", "wait")]
        for item in status.get("victims") or ()
    ]
    rows = matrix(status, cells)
    return [*lines, [], *rows] if rows else lines

"""A decision as plain text, for the command line. Pure."""

from collections.abc import Mapping
from typing import Any

from engine.api.kubarium import Decision, WhatIf

_RESULTS = {
    "Scheduled": "scheduled to {node}",
    "Nominated": "waits for room on {nominee}",
    "Unschedulable": "fits on no node",
    "Waiting": "waits for its first try",
    "Gated": "is held back by its scheduling gates",
}


def headline(status: Mapping[str, Any]) -> str:
    """How an attempt ended, in words."""
    return _RESULTS.get(str(status.get("result")), "has no decision").format(
        node=status.get("nodeName"), nominee=status.get("nominatedNodeName")
    )


def explain(decision: Decision, *, now: float, limit: int = 40) -> str:
    """The whole decision: how it ended, then node by node, at most *limit* of them."""
    status = decision.status
    meta = decision.metadata
    where = f"pod/{meta.name} in {meta.namespace}"
    lines = [f"{where} {headline(status)}"]
    facts = [f"scheduler {decision.spec.get('schedulerName')}"]
    if decision.spec.get("priority"):
        facts.append(f"priority {decision.spec.get('priority')}")
    if status.get("attempt"):
        ago = max(0, round(now - float(status.get("time") or now)))
        facts.append(f"attempt {status['attempt']}, {ago}s ago")
    if status.get("queue"):
        facts.append(f"now in the {status['queue']} queue")
    lines.append("  " + ", ".join(facts))
    lines += body(status, limit=limit)
    earlier = status.get("earlier") or ()
    if earlier:
        lines += ["", "Earlier attempts (--attempt N shows one in full):"]
        lines += [
            f"  {item['attempt']:>3}  {max(0, round(now - float(item['time'])))}s ago"
            f"  {item['message']}"
            for item in earlier[-10:]
        ]
    return "\n".join(lines)


def explain_what_if(question: WhatIf, texts: list[str], *, limit: int = 40) -> str:
    """The answer to a question: in words, then node by node."""
    status = question.status
    lines = [f"What if {' and '.join(texts)}?", f"  {status.get('answer')}"]
    after = dict(status.get("after") or {})
    # The answer has said it.
    after.pop("message", None)
    lines += body(after, limit=limit)
    return "\n".join(lines)


def body(status: Mapping[str, Any], *, limit: int) -> list[str]:
    """Message, tie, victims and the table of nodes."""
    lines = []
    if status.get("message"):
        lines.append(f"  {status['message']}")
    tied = status.get("tied") or ()
    if len(tied) > 1:
        shown = ", ".join(tied[:8]) + (", …" if len(tied) > 8 else "")
        lines.append(f"  tie of {len(tied)} with the highest total, one drawn: {shown}")
    lines += [
        f"  preempts {victim['pod']} (priority {victim['priority']})"
        for victim in status.get("victims") or ()
    ]
    nodes = sorted(
        status.get("nodes") or (),
        key=lambda node: (-float(node.get("total", -1)), str(node["name"])),
    )
    if nodes:
        lines += ["", *_table(nodes[:limit], status)]
    if len(nodes) > limit:
        lines.append(f"… and {len(nodes) - limit} more nodes; --all shows them")
    return lines


def _table(nodes: list[Any], status: Mapping[str, Any]) -> list[str]:
    names = [str(item["name"]) for item in status.get("scores") or ()]
    weights = {str(item["name"]): item["weight"] for item in status.get("scores") or ()}
    if not any("total" in node for node in nodes):
        names = []
    header = ["NODE", "TOTAL" if names else "", *(f"{n} x{weights[n]}" for n in names), "VERDICT"]
    rows = [[cell for cell in header if cell]]
    for node in nodes:
        row = [str(node["name"])]
        if "total" in node:
            scores = node.get("scores") or {}
            row.append(str(node["total"]))
            for name in names:
                score = scores.get(name)
                cell = "-" if score is None else f"{score['raw']:g}→{score['normalized']}"
                row.append(cell)
            chosen = node["name"] == status.get("nodeName")
            row.append("passed, chosen" if chosen else "passed")
        else:
            row += ["-"] * (1 + len(names)) if names else []
            row.append(f"{node.get('refusedBy')}: {', '.join(node.get('reasons') or ())}")
        rows.append(row)
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]

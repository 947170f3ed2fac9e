"""Tables of our own kinds."""

from typing import Any

from engine.apiserver.columns.column import Columns, age, columns, duration


def _decision(obj: Any, now: float) -> tuple[Any, ...]:
    status = obj.status
    return (
        obj.metadata.name,
        status.get("result", ""),
        status.get("nodeName") or status.get("nominatedNodeName") or "<none>",
        status.get("queue") or "<none>",
        int(status.get("attempt") or 0),
        age(obj.metadata.creation_timestamp, now),
        status.get("message") or "<none>",
    )


DECISIONS = Columns(
    columns("Name", "Result", "Node", "Queue", "Attempt#", "Age", "Message"), _decision
)


def _load(obj: Any, now: float) -> tuple[Any, ...]:
    status = obj.status
    latency = status.get("latency") or {}
    return (
        obj.metadata.name,
        f"service/{obj.spec.service}",
        obj.spec.pattern,
        status.get("phase") or "<none>",
        str(status.get("rate", "")),
        int(status.get("requests") or 0),
        int(status.get("errors") or 0),
        f"{latency.get('p50', 0):g} ms",
        f"{latency.get('p99', 0):g} ms",
        age(obj.metadata.creation_timestamp, now),
    )


LOADS = Columns(
    columns(
        "Name", "Target", "Pattern", "Phase", "Rate", "Requests#", "Errors#", "P50", "P99", "Age"
    ),
    _load,
)  # fmt: skip


def _fault(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status = obj.spec, obj.status
    left = "<none>"
    if status.phase == "Active" and status.ends_at is not None:
        left = duration(max(0.0, status.ends_at - now))
    touched = status.touched
    more = f" and {len(touched) - 3} more" if len(touched) > 3 else ""
    return (
        obj.metadata.name,
        spec.type or "sequence",
        status.phase or "Pending",
        ", ".join(touched[:3]) + more or "<none>",
        left,
        age(obj.metadata.creation_timestamp, now),
        status.message or "<none>",
    )


def _invariant(obj: Any, now: float) -> tuple[Any, ...]:
    del now
    status = obj.status
    return (
        obj.metadata.name,
        "holds" if status.get("holds") else "BROKEN",
        int(status.get("violations") or 0),
        int(status.get("revision") or 0) or "<none>",
        status.get("message") or obj.spec.get("promise", ""),
    )


INVARIANTS = Columns(columns("Name", "State", "Violations#", "Revision", "Message"), _invariant)
FAULTS = Columns(
    columns("Name", "Type", "Phase", "Touched", "Left", "Age", wide=("Message",)), _fault
)

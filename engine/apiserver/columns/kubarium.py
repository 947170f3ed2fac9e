"""Tables of our own kinds."""

from typing import Any

from engine.apiserver.columns.column import Columns, age, columns


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

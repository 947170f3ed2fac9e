"""A decision as the API shows it: JSON values, node by node. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from engine.api import kubarium
from engine.api.frozen import freeze
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.scheduler.decision import Decision
from engine.scheduler.queue import QueuedPod

SCHEDULED, NOMINATED, UNSCHEDULABLE = "Scheduled", "Nominated", "Unschedulable"
WAITING, GATED = "Waiting", "Gated"


def decision_object(
    pod: Pod,
    decision: Decision | None,
    *,
    queue: str = "",
    queued: QueuedPod | None = None,
    is_full: bool = False,
    earlier: Sequence[Decision] = (),
) -> kubarium.Decision:
    """The Decision about *pod*: none was made yet if there is no *decision*.

    With *is_full* what every filter and score said of every node is told too; *earlier* attempts
    are told in short.
    """
    status: dict[str, Any] = {"result": GATED if queue == "gated" else WAITING, "attempt": 0}
    if decision is not None:
        # A copy, so that what is worked out goes when the answer has been given.
        status = decision_status(attrs.evolve(decision), is_full=is_full)
    if earlier:
        status["earlier"] = [
            {
                "attempt": item.attempt,
                "time": item.time,
                "nominatedNodeName": item.nominee,
                "message": item.message,
            }
            for item in earlier
        ]
    if queue and queued is not None:
        status["queue"] = queue
        status["queuedAt"] = queued.added
        if queue == "backoff":
            status["retryAt"] = queued.backoff_until
        if queued.refused_by:
            status["refusedBy"] = sorted(queued.refused_by)
    return kubarium.Decision(
        metadata=ObjectMeta(
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            uid=pod.metadata.uid,
            resource_version=pod.metadata.resource_version,
            creation_timestamp=(
                pod.metadata.creation_timestamp if decision is None else Time(decision.time)
            ),
        ),
        spec=freeze(
            {
                "podName": pod.metadata.name,
                "podUID": pod.metadata.uid,
                "schedulerName": pod.spec.scheduler_name or "default-scheduler",
                "priority": pod.spec.priority or 0,
            }
        ),
        status=freeze(status),
    )


def decision_status(decision: Decision, *, is_full: bool) -> dict[str, Any]:
    """How an attempt ended."""
    result = UNSCHEDULABLE
    if decision.chosen:
        result = SCHEDULED
    elif decision.nominee:
        result = NOMINATED
    found: dict[str, Any] = {
        "result": result,
        "attempt": decision.attempt,
        "time": decision.time,
        "nodeName": decision.chosen,
        "message": decision.message,
        "tied": list(decision.tied_nodes),
        "nominatedNodeName": decision.nominee,
        "victims": [{"pod": item.pod, "priority": item.priority} for item in decision.victims],
        "nodeCount": len(decision.rows),
        "feasibleCount": len(decision.candidates),
        "filters": list(decision.filters),
        "scores": [{"name": item.plugin.NAME, "weight": item.weight} for item in decision.scores],
    }
    if is_full:
        found["reasons"] = reason_counts(decision)
        found["nodes"] = node_table(decision)
    return found


def reason_counts(decision: Decision) -> list[dict[str, Any]]:
    """How many nodes each filter refused, and why."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in decision.rows.tolist():
        refusal = decision.refusal(row)
        if refusal is not None:
            counts.update((refusal.plugin, reason) for reason in refusal.reasons)
    return [
        {"plugin": plugin, "reason": reason, "nodes": count}
        for (plugin, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def node_table(decision: Decision) -> list[dict[str, Any]]:
    """Every node: what each filter and each score said, in the order of their rows."""
    ranked = {row: index for index, row in enumerate(decision.candidates.tolist())}
    return [_node(decision, row, ranked) for row in decision.rows.tolist()]


def _node(decision: Decision, row: int, ranked: Mapping[int, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": decision.names[row],
        "filters": {name: list(reasons) for name, reasons in decision.checks(row).items()},
    }
    refusal = decision.refusal(row)
    if refusal is not None:
        entry["refusedBy"] = refusal.plugin
        entry["reasons"] = list(refusal.reasons)
    index = ranked.get(row)
    if index is not None:
        entry["total"] = int(decision.totals[index])
        entry["scores"] = {
            name: {
                "raw": float(column.raw[index]),
                "normalized": int(column.normalized[index]),
                "weighted": int(column.weighted[index]),
            }
            for name, column in decision.score_columns.items()
        }
    return entry

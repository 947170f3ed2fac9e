"""The words for pods that fit nowhere, and the budget for what is remembered."""

from collections import Counter

import numpy as np

from engine.scheduler.decision import Decision, DecisionLog
from engine.scheduler.failure import failure_message, preemption_message
from engine.scheduler.past import Past


def _decision(uid: str, nodes: int = 1) -> Decision:
    return Decision(
        pod=f"default/{uid}",
        uid=uid,
        time=0.0,
        attempt=1,
        profile="default-scheduler",
        priority=0,
        names=tuple(f"n{i}" for i in range(nodes)),
        past=Past.of(nodes, {"": np.arange(nodes)}, {}),
        moment=0,
        filters=(),
        verdicts={},
        scores=(),
    )


def test_failures_are_counted_and_sorted_as_kube_scheduler_does() -> None:
    """Reasons as text with their counts, then what preemption could do."""
    reasons = Counter({"node(s) had untolerated taint {a: b}": 2, "Insufficient cpu": 1})

    tried = preemption_message(
        3,
        Counter(
            {
                "No preemption victims found for incoming pod": 1,
                "Preemption is not helpful for scheduling": 2,
            }
        ),
    )
    assert failure_message(3, reasons, preemption=tried) == (
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. "
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_without_nodes_that_is_said() -> None:
    """There is nothing to count."""
    assert failure_message(0, Counter()) == "no nodes available to schedule pods"


def test_the_log_keeps_the_newest_within_its_budget() -> None:
    """Old decisions go first, and the last one always stays."""
    log = DecisionLog(budget=3000)
    for name in ("a", "b", "c"):
        log.add(_decision(name))

    assert [decision.uid for decision in log] == ["b", "c"]

    log.add(_decision("huge", nodes=10_000))
    assert [decision.uid for decision in log] == ["huge"]

"""Why no node would do, in kube-scheduler's words. Pure.

Source: kube-scheduler framework.FitError, kubernetes v1.34.
"""

from collections import Counter

NO_NODES = "no nodes available to schedule pods"
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_HELP = "Preemption is not helpful for scheduling"


def failure_message(
    node_count: int,
    reasons: Counter[str],
    *,
    everywhere: str = "",
    preemption: str = "",
) -> str:
    """Why no node would do: ``0/3 nodes are available: 1 Insufficient cpu, …``.

    Reasons are counted and sorted as text; *everywhere* takes their place where a pod could not
    go to any node whatever the nodes are like. *preemption* is what came of that.
    """
    if node_count == 0:
        return NO_NODES
    message = f"0/{node_count} nodes are available:"
    listed = everywhere or _listed(reasons)
    if listed:
        message += f" {listed}."
    if preemption:
        message += f" preemption: {preemption}"
    return message


def preemption_message(node_count: int, reasons: Counter[str]) -> str:
    """What came of preemption: ``0/3 nodes are available: 3 No preemption victims found …``."""
    return f"0/{node_count} nodes are available: {_listed(reasons)}."


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items() if count))

"""What a pod would leave of each resource, for those who score by that. Pure.

Source: noderesources/resource_allocation.go, kubernetes v1.34.
"""

from collections.abc import Mapping

import numpy as np

from engine.scheduler.columns import Ints, Rows
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

_NATIVE = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})


def utilization(
    info: PodInfo, table: NodeTable, rows: Rows, weights: Mapping[str, int], *, is_scored: bool
) -> list[tuple[Ints, Ints, int]]:
    """Per resource what would be taken, what there is, and the resource's weight.

    An extended resource that the pod does not ask for is left out. With *is_scored* a container
    without a request counts for a little CPU and memory.
    """
    wanted = dict(info.requests)
    found = []
    for name, weight in weights.items():
        if name not in wanted and name not in _NATIVE:
            continue
        if is_scored and name == "cpu":
            taken = table.scored_cpu[rows] + info.scored_cpu
        elif is_scored and name == "memory":
            taken = table.scored_memory[rows] + info.scored_memory
        else:
            taken = table.requested(name)[rows] + wanted.get(name, 0)
        found.append((taken, table.allocatable(name)[rows].astype(np.int64), weight))
    return found

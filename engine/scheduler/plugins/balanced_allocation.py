"""NodeResourcesBalancedAllocation: better where CPU and memory are used in equal shares."""

from typing import ClassVar

import numpy as np

from engine.scheduler.framework import MAX_SCORE, Scores
from engine.scheduler.node_table import NodeTable, Rows
from engine.scheduler.pod_info import PodInfo


class BalancedAllocation:
    """Scores by how far the requested shares of CPU and memory lie apart."""

    NAME: ClassVar[str] = "NodeResourcesBalancedAllocation"
    IS_LOCAL: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = True
    WEIGHT: ClassVar[int] = 1

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod requests either."""
        return any(name in {"cpu", "memory"} for name, _ in info.requests)

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """100 less the standard deviation of the two shares, in percent."""
        wanted = dict(info.requests)
        shares = []
        for name in ("cpu", "memory"):
            allocatable = np.maximum(table.allocatable(name)[rows], 1)
            taken = table.requested(name)[rows] + wanted.get(name, 0)
            shares.append(np.minimum(taken / allocatable, 1.0))
        deviation = np.abs(shares[0] - shares[1]) / 2
        scores: Scores = np.floor((1.0 - deviation) * MAX_SCORE)
        return scores

    def normalize(self, raw: Scores) -> Scores:
        """Percentages already."""
        return raw

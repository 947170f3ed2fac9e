"""NodeResourcesBalancedAllocation: better where the resources are used in equal shares.

Source: noderesources/balanced_allocation.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import ClassVar

import attrs
import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import MAX_SCORE, Scores
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.utilization import utilization


@attrs.define(eq=False)
class BalancedAllocation:
    """Scores by how far the requested shares of the resources lie apart."""

    NAME: ClassVar[str] = "NodeResourcesBalancedAllocation"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = True

    weights: Mapping[str, int] = attrs.field(factory=lambda: {"cpu": 1, "memory": 1})

    def scores(self, info: PodInfo) -> bool:
        """Whether the pod requests any of them."""
        return any(name in self.weights for name, _ in info.requests)

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """100 less the standard deviation of the shares, in percent."""
        shares, known = [], []
        for taken, allocatable, _ in utilization(info, table, rows, self.weights, is_scored=False):
            known.append(allocatable > 0)
            shares.append(np.minimum(taken / np.maximum(allocatable, 1), 1.0))
        if len(shares) == 2 and known[0].all() and known[1].all():
            return _percent(np.abs((shares[0] - shares[1]) / 2))
        if not shares:
            return np.full(len(rows), float(MAX_SCORE))
        share, counts = np.array(shares), np.array(known)
        number = np.maximum(counts.sum(axis=0), 1)
        mean = np.where(counts, share, 0.0).sum(axis=0) / number
        spread = np.where(counts, share - mean, 0.0)
        deviation = np.sqrt((spread * spread).sum(axis=0) / number)
        return _percent(deviation)

    def normalize(self, raw: Scores) -> Scores:
        """Percentages already."""
        return raw


def _percent(deviation: Scores) -> Scores:
    scores: Scores = np.trunc((1.0 - deviation) * MAX_SCORE)
    return scores

"""NodeResourcesFit: a pod goes where its requests have room, and scores by how full that is.

Source: noderesources/fit.go and the three scoring strategies beside it, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import attrs
import numpy as np

from engine.scheduler.columns import Ints, Rows
from engine.scheduler.framework import MAX_SCORE, Scores, Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.utilization import utilization

_NEVER = 1 << 30
"""Set in a code when even the empty node would be too small."""

_Strategy = Callable[[Ints, Ints], Ints]
"""Scores from what would be taken and what there is."""


@attrs.define(eq=False)
class NodeResourcesFit:
    """Filters by requests; scores by one of the strategies, LeastAllocated by default.

    Attributes:
        weights: the resources that count for the score, with their weights.
        shape: for RequestedToCapacityRatio, points of utilization (percent) and score (0 to 10).
        ignored: resources, or groups of them (``example.com``), that need no room.
    """

    NAME: ClassVar[str] = "NodeResourcesFit"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = True

    strategy: str = "LeastAllocated"
    weights: Mapping[str, int] = attrs.field(factory=lambda: {"cpu": 1, "memory": 1})
    shape: Sequence[tuple[int, int]] = ()
    ignored: frozenset[str] = frozenset()

    def applies(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: every pod takes a place."""
        return True

    def scores(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: nodes are full to different degrees."""
        return True

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """The code has one bit per resource that is short, bit 0 for the number of pods."""
        codes = (table.requested("pods")[rows] >= table.allocatable("pods")[rows]).astype(np.int64)
        wanted = [item for item in info.requests if not self._is_ignored(item[0])]
        for bit, (name, amount) in enumerate(wanted, start=1):
            allocatable = table.allocatable(name)[rows]
            is_short = amount > allocatable - table.requested(name)[rows]
            if is_short.any():
                codes |= is_short.astype(np.int64) << bit
                codes |= np.where(amount > allocatable, _NEVER, 0)

        def reasons(code: int) -> tuple[str, ...]:
            found = ["Too many pods"] if code & 1 else []
            found += [
                f"Insufficient {name}" for bit, (name, _) in enumerate(wanted, 1) if code >> bit & 1
            ]
            return tuple(found)

        return Verdict(codes, reasons, lambda code: not code & _NEVER)

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """How well the resources would be used with the pod there, in percent."""
        usage = utilization(info, table, rows, self.weights, is_scored=True)
        if not usage:
            return np.zeros(len(rows))
        if self.strategy == "LeastAllocated":
            return _average(usage, _least)
        if self.strategy == "MostAllocated":
            return _average(usage, _most)
        return _average(usage, self._by_shape, is_rounded=True)

    def normalize(self, raw: Scores) -> Scores:
        """Percentages already."""
        return raw

    def _is_ignored(self, name: str) -> bool:
        return bool(self.ignored) and (
            name in self.ignored or ("/" in name and name.partition("/")[0] in self.ignored)
        )

    def _by_shape(self, taken: Ints, allocatable: Ints) -> Ints:
        used = np.where(
            (allocatable == 0) | (taken > allocatable),
            MAX_SCORE,
            taken * MAX_SCORE // np.maximum(allocatable, 1),
        )
        result = np.full(len(used), self.shape[-1][1] * 10, np.int64)
        points = [(at, score * 10) for at, score in self.shape]
        for (x0, y0), (x1, y1) in reversed(list(pairwise(points))):
            between = y0 + np.trunc((y1 - y0) * (used - x0) / (x1 - x0)).astype(np.int64)
            result = np.where(used <= x1, between, result)
        return np.where(used <= points[0][0], points[0][1], result)


def _average(
    usage: list[tuple[Ints, Ints, int]], strategy: _Strategy, *, is_rounded: bool = False
) -> Scores:
    """The weighted mean of the resources that a node has at all.

    RequestedToCapacityRatio rounds, and leaves out resources that score nothing.
    """
    if not is_rounded and len(usage) == 2 and all(weight == 1 for _, _, weight in usage):
        (taken_a, have_a, _), (taken_b, have_b, _) = usage
        if have_a.all() and have_b.all():
            return ((strategy(taken_a, have_a) + strategy(taken_b, have_b)) // 2).astype(np.float64)
    total: Ints | int = 0
    weights: Ints | int = 0
    for taken, allocatable, weight in usage:
        scores = strategy(taken, allocatable)
        counts = (allocatable > 0) & ((scores > 0) | (not is_rounded))
        total = total + np.where(counts, scores, 0) * weight
        weights = weights + counts * weight
    if is_rounded:
        mean: Scores = np.floor(np.asarray(total) / np.maximum(weights, 1) + 0.5)
        return mean
    whole: Scores = (np.asarray(total) // np.maximum(weights, 1)).astype(np.float64)
    return whole


def _least(taken: Ints, allocatable: Ints) -> Ints:
    free = np.maximum(allocatable - taken, 0)
    scores: Ints = free * MAX_SCORE // np.maximum(allocatable, 1)
    return scores


def _most(taken: Ints, allocatable: Ints) -> Ints:
    scores: Ints = np.minimum(taken, allocatable) * MAX_SCORE // np.maximum(allocatable, 1)
    return scores

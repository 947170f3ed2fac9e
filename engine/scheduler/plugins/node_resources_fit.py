"""NodeResourcesFit: a pod goes where its requests have room, best where most is free."""

from typing import ClassVar

import numpy as np

from engine.scheduler.framework import MAX_SCORE, Scores, Verdict
from engine.scheduler.node_table import Ints, NodeTable, Rows
from engine.scheduler.pod_info import PodInfo

_NEVER = 1 << 62
"""Set in a code when even the empty node would be too small."""


class NodeResourcesFit:
    """Filters by requests; scores by LeastAllocated over CPU and memory, equally weighted."""

    NAME: ClassVar[str] = "NodeResourcesFit"
    IS_LOCAL: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = True
    WEIGHT: ClassVar[int] = 1

    def applies(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: every pod takes a place."""
        return True

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """The code has one bit per resource that is short, bit 0 for the number of pods."""
        codes = (table.requested("pods")[rows] + 1 > table.allocatable("pods")[rows]).astype(
            np.int64
        )
        names = [name for name, _ in info.requests]
        for bit, (name, amount) in enumerate(info.requests, start=1):
            allocatable = table.allocatable(name)[rows]
            is_short = amount > allocatable - table.requested(name)[rows]
            if is_short.any():
                codes |= is_short.astype(np.int64) << bit
                codes |= np.where(amount > allocatable, _NEVER, 0)

        def reasons(code: int) -> tuple[str, ...]:
            found = ["Too many pods"] if code & 1 else []
            found += [
                f"Insufficient {name}" for bit, name in enumerate(names, 1) if code >> bit & 1
            ]
            return tuple(found)

        return Verdict(codes, reasons, lambda code: not code & _NEVER)

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The average free share of CPU and memory after placing the pod, in percent."""
        cpu = _free_share(table.allocatable("cpu")[rows], table.scored_cpu[rows] + info.scored_cpu)
        memory = _free_share(
            table.allocatable("memory")[rows], table.scored_memory[rows] + info.scored_memory
        )
        return ((cpu + memory) // 2).astype(np.float64)

    def normalize(self, raw: Scores) -> Scores:
        """Percentages already."""
        return raw


def _free_share(allocatable: Ints, taken: Ints) -> Ints:
    free = np.maximum(allocatable - taken, 0)
    shares: Ints = free * MAX_SCORE // np.maximum(allocatable, 1)
    return shares

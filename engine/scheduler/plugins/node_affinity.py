"""NodeAffinity: the labels a node must have, and those that make it better."""

from typing import ClassVar

import numpy as np

from engine.scheduler.framework import Scores, Verdict, normalize_by_maximum
from engine.scheduler.node_selection import is_required_met, preference
from engine.scheduler.node_table import NodeTable, Rows
from engine.scheduler.pod_info import PodInfo

REASON = "node(s) didn't match Pod's node affinity/selector"


class NodeAffinity:
    """Filters by nodeSelector and required terms, scores by preferred terms."""

    NAME: ClassVar[str] = "NodeAffinity"
    IS_LOCAL: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = False
    WEIGHT: ClassVar[int] = 2

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod says anything about labels of nodes."""
        return bool(info.node_selector or info.node_affinity)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows that lack what is required fail."""
        codes = np.zeros(len(rows), np.int64)
        for index, row in enumerate(rows):
            node = table.nodes[row]
            codes[index] = node is None or not is_required_met(info, node)
        return Verdict(codes, lambda _code: (REASON,))

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The weights of preferred terms that hold."""
        raw = np.zeros(len(rows))
        for index, row in enumerate(rows):
            node = table.nodes[row]
            raw[index] = 0 if node is None else preference(info, node)
        return raw

    def normalize(self, raw: Scores) -> Scores:
        """Most weight is best."""
        return normalize_by_maximum(raw, reverse=False)

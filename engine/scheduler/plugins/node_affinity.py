"""NodeAffinity: the labels a node must have, and those that make it better.

Source: nodeaffinity/node_affinity.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs
import numpy as np

from engine.api.frozen import EMPTY
from engine.api.wire import Json
from engine.scheduler.columns import Rows
from engine.scheduler.framework import Scores, Verdict, normalize_by_maximum
from engine.scheduler.node_selection import (
    PREFERRED,
    named_nodes,
    required_rows,
    term_rows,
)
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ADDED = "node(s) didn't match scheduler-enforced node affinity"
REASON_CONFLICT = "pod affinity terms conflict"
REASON_OTHERS = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
_PODS, _ADDED, _OTHERS = 1, 2, 3


@attrs.define(eq=False)
class NodeAffinity:
    """Filters by nodeSelector and required terms, scores by preferred terms.

    *added* is a node affinity that every pod of the profile has beside its own.
    """

    NAME: ClassVar[str] = "NodeAffinity"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False
    IS_PERCENT: ClassVar[bool] = False

    added: Json = EMPTY

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod says anything about labels of nodes."""
        return bool(info.node_selector or info.node_affinity or self.added)

    def scores(self, info: PodInfo) -> bool:
        """Whether there are preferred terms."""
        return bool(info.node_affinity.get(PREFERRED) or self.added.get(PREFERRED))

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows that lack what is required fail; a pod that names its nodes looks at no others."""
        codes = np.zeros(len(rows), np.int64)
        met = required_rows(info.node_selector, info.node_affinity, table, rows)
        codes[~met] = _PODS
        if self.added:
            codes[~required_rows(EMPTY, self.added, table, rows)] = _ADDED
        names = named_nodes(info.node_affinity)
        if names is not None:
            if not names:
                codes[:] = _OTHERS
                return Verdict(codes, lambda _code: (REASON_CONFLICT,), everywhere=REASON_CONFLICT)
            named = [table.rows[name] for name in names if name in table.rows]
            codes[~np.isin(rows, np.array(named, np.intp))] = _OTHERS
        words = {_PODS: REASON, _ADDED: REASON_ADDED, _OTHERS: REASON_OTHERS}
        return Verdict(codes, lambda code: (words[code],))

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The weights of preferred terms that hold."""
        raw = np.zeros(len(rows))
        for affinity in (info.node_affinity, self.added):
            for item in affinity.get(PREFERRED) or ():
                met = term_rows(item.get("preference") or EMPTY, table, rows)
                raw += int(item.get("weight", 0)) * met
        return raw

    def normalize(self, raw: Scores) -> Scores:
        """Most weight is best."""
        return normalize_by_maximum(raw, reverse=False)

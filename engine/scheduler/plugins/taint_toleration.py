"""TaintToleration: untolerated taints keep a pod away, PreferNoSchedule ones make a node worse."""

from typing import ClassVar

import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import Scores, Verdict, normalize_by_maximum
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.tolerations import first_untolerated, tolerates

_HARD = frozenset({"NoSchedule", "NoExecute"})
_SOFT = "PreferNoSchedule"


class TaintToleration:
    """Filters and scores by taints. Nodes with equal taints are judged once."""

    NAME: ClassVar[str] = "TaintToleration"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False
    IS_PERCENT: ClassVar[bool] = False

    def applies(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: nodes may be tainted at any time."""
        return True

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """The code is the number of the taint set, plus one."""
        bad = np.zeros(len(table.taint_sets), np.int64)
        for number, taints in enumerate(table.taint_sets):
            if taints and first_untolerated(taints, info.tolerations, _HARD) is not None:
                bad[number] = number + 1

        def reasons(code: int) -> tuple[str, ...]:
            taint = first_untolerated(table.taint_sets[code - 1], info.tolerations, _HARD)
            assert taint is not None
            return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)

        return Verdict(bad[table.taint_set[rows]], reasons)

    def scores(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: nodes may be tainted at any time."""
        return True

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """How many PreferNoSchedule taints the pod does not tolerate."""
        soft = [t for t in info.tolerations if t.effect in {"", _SOFT}]
        counts = np.zeros(len(table.taint_sets))
        for number, taints in enumerate(table.taint_sets):
            counts[number] = sum(
                taint.effect == _SOFT and not any(tolerates(t, taint) for t in soft)
                for taint in taints
            )
        return counts[table.taint_set[rows]]

    def normalize(self, raw: Scores) -> Scores:
        """Fewest is best."""
        return normalize_by_maximum(raw, reverse=True)

"""PodTopologySpread: pods of a group share nodes and zones evenly.

Source: podtopologyspread/filtering.go and scoring.go, kubernetes v1.34.
"""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import ClassVar

import attrs
import numpy as np

from engine.api.core import Service
from engine.api.wire import Json
from engine.scheduler.columns import Ints, Mask, Rows, per_domain
from engine.scheduler.framework import MAX_SCORE, Scores, Verdict
from engine.scheduler.node_selection import required_rows
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.spread_constraints import (
    HOSTNAME,
    SYSTEM_DEFAULTS,
    SpreadConstraint,
    constraints_of,
)
from engine.scheduler.tolerations import first_untolerated

REASON = "node(s) didn't match pod topology spread constraints"
REASON_LABEL = f"{REASON} (missing required label)"
_SKEWED, _MISSING = 1, 2
_HARD = frozenset({"NoSchedule", "NoExecute"})
_IGNORED = -1.0


@attrs.define(eq=False)
class TopologySpread:
    """Filters by required constraints, scores by the others.

    *defaults* apply to pods without constraints of their own; *is_system* tells that they are the
    system's, for which nodes without a zone count too. Pods without an owner spread among those
    behind the same *services*.
    """

    NAME: ClassVar[str] = "PodTopologySpread"
    IS_LOCAL: ClassVar[bool] = False
    READS_PODS: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = False

    defaults: tuple[Json, ...] = SYSTEM_DEFAULTS
    is_system: bool = True
    services: Iterable[Service] = ()
    constraints: Callable[[PodInfo], tuple[SpreadConstraint, ...]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # Asked for several times per pod of a template.
        self.constraints = lru_cache(maxsize=1024)(self._constraints)

    def applies(self, info: PodInfo) -> bool:
        """Whether one constraint must hold."""
        return any(constraint.is_required for constraint in self.constraints(info))

    def scores(self, info: PodInfo) -> bool:
        """Whether one constraint need not hold."""
        return any(not constraint.is_required for constraint in self.constraints(info))

    def is_idle(self, info: PodInfo, table: NodeTable) -> bool:  # noqa: ARG002 - the protocol's signature
        """Never: a plugin with constraints always has something to say."""
        return False

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail that lack a label, or where the pod would make the skew too large."""
        codes = np.zeros(table.size, np.int64)
        required = [found for found in self.constraints(info) if found.is_required]
        labelled = table.exists.copy()
        for constraint in required:
            labelled &= table.domain(constraint.label) >= 0
        for constraint in required:
            eligible = labelled & _eligible(constraint, info, table)
            self._judge(constraint, table, eligible, codes)
        return Verdict(
            codes[rows],
            lambda code: (REASON_LABEL if code == _MISSING else REASON,),
            lambda code: code == _SKEWED,
        )

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """How crowded the domains of *rows* are; the fewer values a label has, the less it weighs.

        -1 where a label of the pod's own constraints is missing: such rows score 0.
        """
        wanted = [found for found in self.constraints(info) if not found.is_required]
        ignored = np.zeros(len(rows), np.bool_)
        labelled = table.exists
        for constraint in wanted:
            if not constraint.is_optional_label:
                has_label = table.domain(constraint.label) >= 0
                ignored |= ~has_label[rows]
                labelled = labelled & has_label
        raw = np.zeros(len(rows))
        for constraint in wanted:
            domain = table.domain(constraint.label)[rows]
            if constraint.label == HOSTNAME:
                counts = table.count(constraint.group)[rows]
                values = len(rows) - int(ignored.sum())
            else:
                eligible = labelled & _eligible(constraint, info, table)
                everywhere = table.domain(constraint.label)
                counts = per_domain(table.count(constraint.group), everywhere, eligible)[rows]
                seen = domain[~ignored & (domain >= 0)]
                values = int(np.count_nonzero(np.bincount(seen))) if len(seen) else 0
            crowd = counts * math.log(values + 2) + (constraint.max_skew - 1)
            raw += np.where(domain >= 0, crowd, 0.0)
        # Go rounds halves away from zero; the sums are not negative.
        return np.where(ignored, _IGNORED, np.floor(raw + 0.5))

    def normalize(self, raw: Scores) -> Scores:
        """Least crowded is best."""
        counted = raw[raw >= 0]
        highest, lowest = counted.max(initial=0.0), counted.min(initial=math.inf)
        if highest == 0:
            return np.where(raw < 0, 0.0, float(MAX_SCORE))
        shares = np.floor(MAX_SCORE * (highest + lowest - raw) / highest)
        return np.where(raw < 0, 0.0, shares)

    def _constraints(self, info: PodInfo) -> tuple[SpreadConstraint, ...]:
        return constraints_of(info, self.defaults, is_system=self.is_system, services=self.services)

    def _judge(
        self, constraint: SpreadConstraint, table: NodeTable, eligible: Mask, codes: Ints
    ) -> None:
        domain = table.domain(constraint.label)
        counts = per_domain(table.count(constraint.group), domain, eligible)
        present = np.bincount(domain[eligible]) if eligible.any() else np.zeros(0, np.int64)
        values = int(np.count_nonzero(present))
        fewest = int(counts[eligible].min()) if values else 1 << 31
        if values < constraint.min_domains:
            fewest = 0
        skew = counts + int(constraint.counts_itself) - fewest
        is_new = codes == 0
        codes[is_new & (skew > constraint.max_skew)] = _SKEWED
        codes[is_new & (domain < 0)] = _MISSING


def _eligible(constraint: SpreadConstraint, info: PodInfo, table: NodeTable) -> Mask:
    """Nodes that count: as the constraint says, by the pod's node affinity and tolerations."""
    mask = table.exists
    if constraint.honors_affinity and (info.node_selector or info.node_affinity):
        every = np.arange(table.size)
        mask = mask & required_rows(info.node_selector, info.node_affinity, table, every)
    if constraint.honors_taints:
        good = np.array(
            [
                first_untolerated(taints, info.tolerations, _HARD) is None
                for taints in table.taint_sets
            ]
        )
        mask = mask & good[table.taint_set]
    return mask

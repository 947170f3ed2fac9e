"""PodTopologySpread: pods of a group share nodes and zones evenly.

Source: podtopologyspread/filtering.go and scoring.go, kubernetes v1.34.
"""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.scheduler.framework import MAX_SCORE, Scores, Verdict
from engine.scheduler.node_selection import is_required_met
from engine.scheduler.node_table import Ints, NodeTable, Rows
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.spread_constraints import (
    HOSTNAME,
    SpreadConstraint,
    constraints_of,
    has_required,
)

REASON = "node(s) didn't match pod topology spread constraints"
REASON_LABEL = f"{REASON} (missing required label)"
_SKEWED, _MISSING = 1, 2


class TopologySpread:
    """Filters by required constraints, scores by the others."""

    NAME: ClassVar[str] = "PodTopologySpread"
    IS_LOCAL: ClassVar[bool] = False
    IS_PERCENT: ClassVar[bool] = False
    WEIGHT: ClassVar[int] = 2

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod has constraints, or an owner and so the cluster's defaults."""
        return bool(info.owner or info.pod.spec.topology_spread_constraints)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail that lack a label, or where the pod would make the skew too large."""
        codes = np.zeros(table.size, np.int64)
        if has_required(info):
            required = [found for found in constraints_of(info) if found.is_required]
            eligible = _eligible(info, table)
            for constraint in required:
                eligible &= table.domain(constraint.label) >= 0
            for constraint in required:
                self._judge(constraint, table, eligible, codes)
        return Verdict(
            codes[rows],
            lambda code: (REASON_LABEL if code == _MISSING else REASON,),
            lambda code: code == _SKEWED,
        )

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """How crowded a row's domains are; the fewer values a label has, the less it weighs.

        -1 where a label of the pod's own constraints is missing: such rows score 0.
        """
        raw = np.zeros(table.size)
        ignored = np.zeros(table.size, np.bool_)
        for constraint in constraints_of(info):
            if constraint.is_required:
                continue
            domain = table.domain(constraint.label)
            has_label = domain >= 0
            if not constraint.is_default:
                ignored |= ~has_label
            counts = table.count(constraint.group)
            values = int(domain[table.exists].max(initial=-1)) + 1
            if constraint.label != HOSTNAME:
                counts = _per_domain(counts, domain, table.exists)
            weight = math.log(values + 2)
            crowd = counts * weight + (constraint.max_skew - 1)
            raw += np.where(has_label, crowd, 0.0)
        return np.where(ignored, -1.0, np.rint(raw))[rows]

    def normalize(self, raw: Scores) -> Scores:
        """Least crowded is best."""
        counted = raw[raw >= 0]
        highest, lowest = counted.max(initial=0.0), counted.min(initial=math.inf)
        if highest == 0:
            return np.where(raw < 0, 0.0, float(MAX_SCORE))
        shares = np.floor(MAX_SCORE * (highest + lowest - raw) / highest)
        return np.where(raw < 0, 0.0, shares)

    def _judge(
        self,
        constraint: SpreadConstraint,
        table: NodeTable,
        eligible: NDArray[np.bool_],
        codes: Ints,
    ) -> None:
        domain = table.domain(constraint.label)
        counts = _per_domain(table.count(constraint.group), domain, eligible)
        values = len(np.unique(domain[eligible]))
        fewest = int(counts[eligible].min(initial=0 if values == 0 else 1 << 62))
        if values < constraint.min_domains:
            fewest = 0
        skew = counts + int(constraint.counts_itself) - fewest
        is_new = codes == 0
        codes[is_new & (skew > constraint.max_skew)] = _SKEWED
        codes[is_new & (domain < 0)] = _MISSING


def _eligible(info: PodInfo, table: NodeTable) -> NDArray[np.bool_]:
    """Nodes that count for the skew: those the pod's node affinity allows."""
    mask = table.exists.copy()
    if info.node_selector or info.node_affinity:
        for row in np.flatnonzero(mask):
            mask[row] = is_required_met(info, table.node(int(row)))
    return mask


def _per_domain(counts: Ints, domain: Ints, eligible: NDArray[np.bool_]) -> Ints:
    """For each row, the pods on all eligible rows of its domain; 0 without one."""
    # Domain -1 becomes slot 0, which nobody reads.
    slots = domain + 1
    sums = np.bincount(
        slots[eligible], weights=counts[eligible], minlength=int(slots.max(initial=0)) + 1
    ).astype(np.int64)
    sums[0] = 0
    per_row: Ints = sums[slots]
    return per_row

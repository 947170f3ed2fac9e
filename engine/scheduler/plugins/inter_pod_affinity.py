"""InterPodAffinity: pods near to or far from other pods, by their labels.

Source: interpodaffinity/filtering.go and scoring.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import ClassVar

import attrs
import numpy as np

from engine.api.selectors import Selector
from engine.scheduler.affinity_term import AffinityTerm
from engine.scheduler.columns import Ints, Mask, Rows, per_domain
from engine.scheduler.framework import MAX_SCORE, Scores, Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

REASON_NEAR = "node(s) didn't match pod affinity rules"
REASON_FAR = "node(s) didn't match pod anti-affinity rules"
REASON_OTHERS = "node(s) didn't satisfy existing pods anti-affinity rules"
_NEAR, _FAR, _OTHERS = 1, 2, 3
_WORDS = {_NEAR: REASON_NEAR, _FAR: REASON_FAR, _OTHERS: REASON_OTHERS}


@attrs.frozen(cache_hash=True)
class SelectedPods:
    """The pods that all of some terms mean; those that are being deleted too."""

    terms: tuple[tuple[Selector, tuple[str, ...], Selector | None], ...]
    namespace_selector: Selector | None = None

    @classmethod
    def of(cls, *terms: AffinityTerm) -> "SelectedPods":
        """The pods of *terms*, whatever their topology."""
        return cls(
            tuple((term.selector, term.namespaces, term.namespace_selector) for term in terms),
            next((t.namespace_selector for t in terms if t.namespace_selector), None),
        )

    def has(self, info: PodInfo, namespace_labels: Mapping[str, str]) -> bool:
        """Whether all terms mean a pod."""
        return all(
            (
                info.namespace in namespaces
                or (chosen is not None and chosen.matches(namespace_labels))
            )
            and selector.matches(info.labels)
            for selector, namespaces, chosen in self.terms
        )


@attrs.define(eq=False)
class InterPodAffinity:
    """Filters by required terms, both ways; scores by preferred ones, both ways.

    Attributes:
        hard_weight: what a required affinity term of a pod that is there counts for in scores.
        ignores_preferred_of_others: leave preferred terms of pods that are there out of scores.
    """

    NAME: ClassVar[str] = "InterPodAffinity"
    IS_LOCAL: ClassVar[bool] = False
    READS_PODS: ClassVar[bool] = True
    IS_PERCENT: ClassVar[bool] = False

    hard_weight: int = 1
    ignores_preferred_of_others: bool = False

    def applies(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: a pod that is there may want no other."""
        return True

    def scores(self, info: PodInfo) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always: pods that are there may attract others."""
        return True

    def is_idle(self, info: PodInfo, table: NodeTable) -> bool:
        """Whether neither the pod nor any pod there has a term that could matter."""
        counts = table.counts
        return info.affinity.is_empty and not (
            len(counts.required_anti) or len(counts.required) or len(counts.preferred)
        )

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail by the pod's own affinity, its anti-affinity, or that of pods there."""
        codes = np.zeros(len(rows), np.int64)
        affinity, counts = info.affinity, table.counts
        if len(counts.required_anti):
            labels = counts.labels_of(info.namespace)
            for term in counts.required_anti:
                if term.matches(info.namespace, info.labels, labels):
                    carried = counts.required_anti[term][: table.size]
                    codes[_around(carried, term, table)[rows] > 0] = _OTHERS
        for term in affinity.required_anti:
            met = table.count(SelectedPods.of(term))
            codes[_around(met, term, table)[rows] > 0] = _FAR
        if affinity.required:
            codes[~self._is_near(info, table)[rows]] = _NEAR
        return Verdict(codes, lambda code: (_WORDS[code],), lambda code: code in (_FAR, _OTHERS))

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The sum of weights of terms that hold, the pod's own and those of pods there."""
        affinity, counts = info.affinity, table.counts
        total = np.zeros(table.size, np.int64)
        for term in affinity.preferred:
            total += term.weight * _around(table.count(SelectedPods.of(term)), term, table)
        for term in affinity.preferred_anti:
            total -= term.weight * _around(table.count(SelectedPods.of(term)), term, table)
        labels = counts.labels_of(info.namespace)
        if self.hard_weight:
            for term in counts.required:
                if term.matches(info.namespace, info.labels, labels):
                    carried = counts.required[term][: table.size]
                    total += self.hard_weight * _around(carried, term, table)
        if not self.ignores_preferred_of_others or affinity.preferred or affinity.preferred_anti:
            for key in counts.preferred:
                term, is_against = key
                if term.matches(info.namespace, info.labels, labels):
                    carried = counts.preferred[key][: table.size]
                    sign = -term.weight if is_against else term.weight
                    total += sign * _around(carried, term, table)
        return total[rows].astype(np.float64)

    def normalize(self, raw: Scores) -> Scores:
        """From the least wanted to the most wanted node."""
        lowest, highest = raw.min(initial=np.inf), raw.max(initial=-np.inf)
        if not len(raw) or highest == lowest:
            return np.zeros(len(raw))
        scores: Scores = np.floor(MAX_SCORE * ((raw - lowest) / (highest - lowest)))
        return scores

    def _is_near(self, info: PodInfo, table: NodeTable) -> Mask:
        required = info.affinity.required
        met = table.count(SelectedPods.of(*required))
        near = table.exists.copy()
        is_anywhere = False
        for term in required:
            domain = table.domain(term.topology_key)
            around = _around(met, term, table)
            near &= around > 0
            is_anywhere = is_anywhere or bool((met[(domain >= 0) & table.exists] > 0).any())
        if not is_anywhere and SelectedPods.of(*required).has(
            info, table.counts.labels_of(info.namespace)
        ):
            # The first of a group of pods that want to be together may go anywhere with the labels.
            near = table.exists.copy()
            for term in required:
                near &= table.domain(term.topology_key) >= 0
        return near


def _around(counts: Ints, term: AffinityTerm, table: NodeTable) -> Ints:
    """For each row, the pods counted in the same domain of the term's topology."""
    return per_domain(counts, table.domain(term.topology_key), table.exists)

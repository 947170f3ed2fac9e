"""What filters and scores say of every node for pods of one template, kept and brought up to date.

Placing a pod changes one row; the next pod of the template has that row judged anew and reuses
the rest. So the cost of a pod hardly grows with the number of nodes.
"""

from collections import Counter
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.scheduler.framework import Codes, Filter, Score, Scores, Verdict
from engine.scheduler.node_table import NodeTable, Rows
from engine.scheduler.pod_info import PodInfo


@attrs.frozen(eq=False)
class Ranking:
    """Where a pod may go: *rows*, and each row's total score."""

    rows: Rows
    totals: Scores

    def best(self) -> Rows:
        """The rows with the highest total, in the table's order."""
        rows: Rows = self.rows[self.totals == self.totals.max()]
        return rows


@attrs.define(eq=False)
class Evaluation:
    """Codes of filters and raw scores, one column per plugin, for one template of pods."""

    info: PodInfo
    table: NodeTable
    filters: tuple[Filter, ...]
    scores: tuple[Score, ...]
    codes: dict[str, Codes] = attrs.field(factory=dict, init=False)
    verdicts: dict[str, Verdict] = attrs.field(factory=dict, init=False)
    raw: dict[str, Scores] = attrs.field(factory=dict, init=False)
    _passes: NDArray[np.bool_] = attrs.field(init=False)
    _percent_total: Scores = attrs.field(init=False)
    _size: int = attrs.field(default=0, init=False)
    _version: int = attrs.field(default=-1, init=False)

    def __attrs_post_init__(self) -> None:
        self._passes = np.zeros(0, np.bool_)
        self._percent_total = np.zeros(0)

    def refresh(self) -> None:
        """Judge the rows that changed since the last call."""
        table = self.table
        rows = table.changed_since(self._version) if self._version >= 0 else None
        if rows is None or len(rows) * 2 > table.size:
            rows = np.arange(table.size)
        if self._size != table.size:
            self._resize(table.size)
        self._version = table.version
        everything: Rows | None = None
        looks_beyond = not all(plugin.IS_LOCAL for plugin in self.filters) or not all(
            plugin.IS_LOCAL for plugin in self.scores
        )
        if looks_beyond and len(rows) < table.size:
            everything = np.arange(table.size)
        self._filter(rows, everything)
        self._score(rows, everything)

    def rank(self) -> Ranking:
        """The nodes the pod may go to, with their totals."""
        rows = np.flatnonzero(self._passes)
        totals = self._percent_total[rows]
        if len(rows) > 1:
            for plugin in self.scores:
                if not plugin.IS_PERCENT:
                    totals += plugin.WEIGHT * plugin.normalize(self.raw[plugin.NAME][rows])
        return Ranking(rows, totals)

    def first_failures(self) -> dict[str, Codes]:
        """Per filter, the codes of the rows that passed all filters before it."""
        is_open = self.table.exists.copy()
        result = {}
        for plugin in self.filters:
            codes = np.where(is_open, self.codes[plugin.NAME], 0)
            result[plugin.NAME] = codes
            is_open &= codes == 0
        return result

    def _filter(self, rows: Rows, everything: Rows | None) -> None:
        passes = self.table.exists[rows].copy()
        is_complete = everything is not None
        for plugin in self.filters:
            name = plugin.NAME
            if plugin.IS_LOCAL or everything is None:
                verdict = plugin.filter(self.info, self.table, rows)
                self.codes[name][rows] = verdict.codes
            else:
                verdict = plugin.filter(self.info, self.table, everything)
                self.codes[name] = verdict.codes.copy()
                is_complete = False
            self.verdicts[name] = verdict
            passes &= self.codes[name][rows] == 0
        self._passes[rows] = passes
        if everything is not None and not is_complete:
            # A filter that looks beyond its row may have changed its mind anywhere.
            self._passes = self.table.exists.copy()
            for codes in self.codes.values():
                self._passes &= codes == 0

    def _score(self, rows: Rows, everything: Rows | None) -> None:
        percent = np.zeros(len(rows))
        for plugin in self.scores:
            name = plugin.NAME
            if plugin.IS_LOCAL or everything is None:
                scores = plugin.score(self.info, self.table, rows)
                self.raw[name][rows] = scores
                if plugin.IS_PERCENT:
                    percent += plugin.WEIGHT * scores
            else:
                self.raw[name] = plugin.score(self.info, self.table, everything)
        self._percent_total[rows] = percent

    def _resize(self, size: int) -> None:
        more = size - self._size
        self._size = size
        self._passes = np.concatenate([self._passes, np.zeros(more, np.bool_)])
        self._percent_total = np.concatenate([self._percent_total, np.zeros(more)])
        room = np.zeros(more, np.int64)
        for plugin in self.filters:
            before = self.codes.get(plugin.NAME, room[:0])
            self.codes[plugin.NAME] = np.concatenate([before, room])
        for score in self.scores:
            present = self.raw.get(score.NAME, np.zeros(0))
            self.raw[score.NAME] = np.concatenate([present, np.zeros(more)])


def count_reasons(
    failures: Mapping[str, Codes], verdicts: Mapping[str, Verdict]
) -> tuple[Counter[str], int, int]:
    """How many nodes give each reason, how many preemption could help on, and how many it cannot.

    Only the first filter that refuses a node is heard, as in kube-scheduler.
    """
    reasons: Counter[str] = Counter()
    hopeful = hopeless = 0
    for name, codes in failures.items():
        verdict = verdicts[name]
        values, counts = np.unique(codes[codes != 0], return_counts=True)
        for code, count in zip(values.tolist(), counts.tolist(), strict=True):
            for reason in verdict.reasons(code):
                reasons[reason] += count
            if verdict.can_preempt(code):
                hopeful += count
            else:
                hopeless += count
    return reasons, hopeful, hopeless

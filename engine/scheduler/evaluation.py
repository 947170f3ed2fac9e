"""What filters and scores say of every node for pods of one template, kept and brought up to date.

Placing a pod changes one row; the next pod of the template has that row judged anew and reuses
the rest. So the cost of a pod hardly grows with the number of nodes.
"""

import attrs
import numpy as np

from engine.scheduler.columns import Mask, Rows
from engine.scheduler.framework import Codes, Filter, Scores, Verdict, Weighted
from engine.scheduler.node_table import NodeTable
from engine.scheduler.past import Change, Past
from engine.scheduler.pod_info import PodInfo

EXISTS = ""
"""The name under which a past keeps which rows stood for a node."""
_NOWHERE = -1.0


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
    """Codes of filters and raw scores, one column per plugin, for one template of pods.

    Plugins that look beyond a row are asked anew each time; the others about changed rows only.
    """

    info: PodInfo
    table: NodeTable
    filters: tuple[Filter, ...]
    scores: tuple[Weighted, ...]
    codes: dict[str, Codes] = attrs.field(factory=dict, init=False)
    verdicts: dict[str, Verdict] = attrs.field(factory=dict, init=False)
    raw: dict[str, Scores] = attrs.field(factory=dict, init=False)
    everywhere: dict[str, str] = attrs.field(factory=dict, init=False)
    wide_codes: dict[str, Codes] = attrs.field(factory=dict, init=False)
    _failures: Codes = attrs.field(factory=lambda: np.zeros(0, np.int64), init=False)
    _best_at: Scores = attrs.field(factory=lambda: np.zeros(0), init=False)
    _percent: Scores = attrs.field(factory=lambda: np.zeros(0), init=False)
    _nonzero: dict[str, int] = attrs.field(factory=dict, init=False)
    _past: Past | None = attrs.field(default=None, init=False)
    _wide_filters: tuple[Filter, ...] = attrs.field(init=False)
    _size: int = attrs.field(default=0, init=False)
    _version: int = attrs.field(default=-1, init=False)

    def __attrs_post_init__(self) -> None:
        self._wide_filters = tuple(plugin for plugin in self.filters if not plugin.IS_LOCAL)
        self._resize(self.table.size)

    def refresh(self) -> None:
        """Judge the rows that changed since the last call."""
        table = self.table
        if self._size != table.size:
            self._resize(table.size)
        changed = table.changed_since(self._version) if self._version >= 0 else None
        if self._version == table.version:
            return
        self._version = table.version
        if changed is None or 2 * (len(changed.nodes) + len(changed.pods)) > table.size:
            self._past = None
            self._judge(np.arange(table.size), only_pods=False)
        else:
            if len(changed.nodes):
                self._judge(changed.nodes, only_pods=False)
            if len(changed.pods):
                self._judge(changed.pods, only_pods=True)
        self.everywhere = {
            name: verdict.everywhere
            for name, verdict in self.verdicts.items()
            if verdict.everywhere
        }
        self._judge_widely()

    def renew(self) -> None:
        """Have everything judged anew: what lies beyond the table changed."""
        self._version = -1
        self._past = None

    def passes(self) -> Mask:
        """The rows that all filters let pass."""
        mask: Mask = self._best_at >= 0
        for codes in self.wide_codes.values():
            mask &= codes == 0
        return mask

    def rank(self, passes: Mask | None = None) -> Ranking:
        """The nodes the pod may go to, with their totals; *passes* as `passes` gives it."""
        uneven = self._uneven()
        if passes is None and not self.wide_codes and not uneven:
            # Nothing but local percentages: the best are found without looking at the others.
            highest = self._best_at.max(initial=_NOWHERE)
            if highest < 0:
                return Ranking(np.zeros(0, np.intp), np.zeros(0))
            rows = np.flatnonzero(self._best_at == highest)
            return Ranking(rows, np.full(len(rows), highest))
        rows = np.flatnonzero(self.passes() if passes is None else passes)
        totals = self._percent[rows]
        if len(rows) > 1:
            for weighted in uneven:
                raw = self._raw_of(weighted, rows)
                plugin = weighted.plugin
                given = raw if plugin.IS_PERCENT else plugin.normalize(raw)
                totals = totals + weighted.weight * given
        return Ranking(rows, totals)

    def judge_row(self, row: int) -> tuple[str, int, Verdict] | None:
        """The first filter that refuses the pod on a row as the table is now, or None."""
        rows = np.array([row], np.intp)
        for plugin in self.filters:
            if not plugin.IS_LOCAL and plugin.is_idle(self.info, self.table):  # type: ignore[attr-defined]  # a Wide
                continue
            verdict = plugin.filter(self.info, self.table, rows)
            if verdict.codes[0]:
                return plugin.NAME, int(verdict.codes[0]), verdict
        return None

    def wide_scores(self, rows: Rows) -> dict[str, Scores]:
        """The raw scores of *rows* by plugins that look beyond a row; all others give none."""
        return {
            weighted.plugin.NAME: self._raw_of(weighted, rows)
            for weighted in self.scores
            if not weighted.plugin.IS_LOCAL and not weighted.plugin.is_idle(self.info, self.table)  # type: ignore[attr-defined]  # a Wide
        }

    def past(self) -> tuple[Past, int]:
        """What the local plugins have said, and how many of its changes lead to now."""
        if self._past is None or self._past.is_long:
            codes = {EXISTS: self.table.exists.astype(np.int64), **self.codes}
            self._past = Past.of(self._size, codes, self.raw)
        return self._past, len(self._past.changes)

    def _uneven(self) -> list[Weighted]:
        """The scores that may differ between nodes and are not in the local percentages."""
        found = []
        for weighted in self.scores:
            plugin = weighted.plugin
            if not plugin.IS_LOCAL:
                if not plugin.is_idle(self.info, self.table):  # type: ignore[attr-defined]  # a Wide
                    found.append(weighted)
            elif not plugin.IS_PERCENT and self._nonzero[plugin.NAME]:
                found.append(weighted)
        return found

    def _raw_of(self, weighted: Weighted, rows: Rows) -> Scores:
        plugin = weighted.plugin
        if plugin.IS_LOCAL:
            return self.raw[plugin.NAME][rows]
        if not len(rows) or plugin.is_idle(self.info, self.table):  # type: ignore[attr-defined]  # a Wide
            return np.zeros(len(rows))
        return plugin.score(self.info, self.table, rows)

    def _judge(self, rows: Rows, *, only_pods: bool) -> None:
        codes: dict[str, Codes] = {}
        if not only_pods:
            exists = self.table.exists[rows]
            codes[EXISTS] = exists.astype(np.int64)
            self._failures[rows] = ~exists
            for column in self.codes.values():
                column[rows] = 0
        codes.update(self._filter(rows, only_pods=only_pods))
        raw = self._score(rows, only_pods=only_pods)
        self._best_at[rows] = np.where(self._failures[rows] == 0, self._percent[rows], _NOWHERE)
        if self._past is not None:
            self._past.add(Change(rows, codes, raw))

    def _filter(self, rows: Rows, *, only_pods: bool) -> dict[str, Codes]:
        found: dict[str, Codes] = {}
        for plugin in self.filters:
            if not plugin.IS_LOCAL or (only_pods and not plugin.READS_PODS):
                continue
            name = plugin.NAME
            verdict = self.verdicts[name] = plugin.filter(self.info, self.table, rows)
            column = self.codes[name]
            before = column[rows]
            if before.any() or verdict.codes.any():
                self._failures[rows] += (verdict.codes != 0).astype(np.int64) - (before != 0)
                column[rows] = verdict.codes
            found[name] = verdict.codes
        return found

    def _score(self, rows: Rows, *, only_pods: bool) -> dict[str, Scores]:
        found: dict[str, Scores] = {}
        for weighted in self.scores:
            plugin = weighted.plugin
            if not plugin.IS_LOCAL or (only_pods and not plugin.READS_PODS):
                continue
            name = plugin.NAME
            scores = found[name] = plugin.score(self.info, self.table, rows)
            before = self.raw[name][rows]
            if plugin.IS_PERCENT:
                self._percent[rows] += weighted.weight * (scores - before)
            else:
                change = np.count_nonzero(scores) - np.count_nonzero(before)
                self._nonzero[name] += int(change)
            self.raw[name][rows] = scores
        return found

    def _judge_widely(self) -> None:
        self.wide_codes = {}
        if not self._wide_filters:
            return
        every: Rows | None = None
        for plugin in self._wide_filters:
            if plugin.is_idle(self.info, self.table):  # type: ignore[attr-defined]  # a Wide
                continue
            if every is None:
                every = np.arange(self.table.size)
            verdict = self.verdicts[plugin.NAME] = plugin.filter(self.info, self.table, every)
            self.wide_codes[plugin.NAME] = verdict.codes
            if verdict.everywhere:
                self.everywhere[plugin.NAME] = verdict.everywhere

    def _resize(self, size: int) -> None:
        more = size - self._size
        self._size = size
        self._past = None
        numbers, points = np.zeros(more, np.int64), np.zeros(more)
        self._failures = np.concatenate([self._failures, numbers + 1])
        self._best_at = np.concatenate([self._best_at, points + _NOWHERE])
        self._percent = np.concatenate([self._percent, points])
        for plugin in self.filters:
            if plugin.IS_LOCAL:
                before = self.codes.get(plugin.NAME, numbers[:0])
                self.codes[plugin.NAME] = np.concatenate([before, numbers])
        for weighted in self.scores:
            name = weighted.plugin.NAME
            if weighted.plugin.IS_LOCAL:
                self.raw[name] = np.concatenate([self.raw.get(name, points[:0]), points])
                self._nonzero.setdefault(name, 0)

"""Why a pod is where it is, or nowhere: every attempt leaves a Decision, the newest are kept."""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.scheduler.columns import Mask, Rows
from engine.scheduler.evaluation import EXISTS
from engine.scheduler.framework import Codes, Scores, Verdict, Weighted
from engine.scheduler.past import Past

_NONE_TIED = np.zeros(0, np.int32)


@attrs.frozen(kw_only=True, eq=False)
class ScoreColumn:
    """What one plugin gave the candidate nodes: raw, from 0 to 100, and its weight."""

    raw: Scores
    normalized: Scores
    weight: int

    @property
    def weighted(self) -> Scores:
        """What counts in the total."""
        return self.normalized * self.weight


@attrs.frozen(eq=False)
class Victim:
    """A pod that had to go, and its priority."""

    pod: str
    priority: int


@attrs.frozen(eq=False)
class Refusal:
    """Which filter refuses a node, why, and whether that could change if pods left it."""

    plugin: str
    reasons: tuple[str, ...]
    can_preempt: bool


@attrs.define(kw_only=True, eq=False, slots=False)
class Decision:
    """One attempt to find a node for a pod. What it shows is worked out when someone looks.

    Attributes:
        profile: the scheduler's name.
        names: all nodes by row; only the first *size* count.
        past: what local plugins said, up to *moment*.
        filters: the filters in the order in which they were asked.
        wide_codes: codes of filters that looked beyond a row.
        wide_raw: raw scores of the candidates by plugins that looked beyond a row.
        nominated: rows refused only because of pods that are nominated for them.
        everywhere: what kept the pod from every node, by plugin.
        chosen: the node, or "" if none would do.
        nominee: the node that preemption makes room on, or "".
        message: what was wrong, as kube-scheduler words it.
    """

    pod: str
    uid: str
    time: float
    attempt: int
    profile: str
    priority: int
    names: Sequence[str]
    past: Past
    moment: int
    filters: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    scores: tuple[Weighted, ...]
    wide_codes: Mapping[str, Codes] = attrs.field(factory=dict)
    wide_raw: Mapping[str, Scores] = attrs.field(factory=dict)
    nominated: Mapping[int, Refusal] = attrs.field(factory=dict)
    only_row: int | None = None
    everywhere: Mapping[str, str] = attrs.field(factory=dict)
    chosen: str = ""
    tied: NDArray[np.int32] = _NONE_TIED
    nominee: str = ""
    victims: tuple[Victim, ...] = ()
    message: str = ""

    @property
    def size(self) -> int:
        """About how many bytes this decision keeps in memory, beside what it shares."""
        wide = [*self.wide_codes.values(), *self.wide_raw.values()]
        return 1024 + sum(column.nbytes for column in wide) + self.tied.nbytes

    @cached_property
    def columns(self) -> tuple[dict[str, Codes], dict[str, Scores]]:
        """All codes and local raw scores by plugin, one entry per row."""
        codes, raw = self.past.columns_at(self.moment)
        codes.update(self.wide_codes)
        return codes, raw

    @cached_property
    def rows(self) -> Rows:
        """The rows that stood for a node."""
        return np.flatnonzero(self.columns[0][EXISTS])

    @cached_property
    def candidates(self) -> Rows:
        """The rows that passed all filters."""
        codes = self.columns[0]
        mask: Mask = codes[EXISTS] > 0
        for name in self.filters:
            if name in codes:
                mask &= codes[name] == 0
        mask[list(self.nominated)] = False
        return np.flatnonzero(mask)

    @cached_property
    def score_columns(self) -> dict[str, ScoreColumn]:
        """What each scoring plugin gave the candidates."""
        found = {}
        for weighted in self.scores:
            plugin = weighted.plugin
            if plugin.IS_LOCAL:
                raw = self.columns[1][plugin.NAME][self.candidates]
            else:
                raw = self.wide_raw.get(plugin.NAME, np.zeros(len(self.candidates)))
            normalized = raw if plugin.IS_PERCENT else plugin.normalize(raw)
            found[plugin.NAME] = ScoreColumn(raw=raw, normalized=normalized, weight=weighted.weight)
        return found

    @cached_property
    def totals(self) -> Scores:
        """The weighted sum of the scores of each candidate."""
        total = np.zeros(len(self.candidates))
        for column in self.score_columns.values():
            total = total + column.weighted
        return total

    def refusal(self, row: int) -> Refusal | None:
        """The first filter that refused a row, or None if it passed."""
        codes = self.columns[0]
        for name in self.filters:
            column = codes.get(name)
            if column is not None and column[row]:
                verdict, code = self.verdicts[name], int(column[row])
                return Refusal(name, verdict.reasons(code), verdict.can_preempt(code))
        return self.nominated.get(row)

    def checks(self, row: int) -> dict[str, tuple[str, ...]]:
        """Per filter that applies to the pod, its reasons against a row; none where it passed."""
        codes = self.columns[0]
        found = {}
        for name in self.filters:
            column = codes.get(name)
            code = 0 if column is None else int(column[row])
            found[name] = self.verdicts[name].reasons(code) if code else ()
        return found

    @property
    def tied_nodes(self) -> tuple[str, ...]:
        """The candidates that shared the highest total; one of them was drawn."""
        return tuple(self.names[row] for row in self.tied)


def count_reasons(
    order: Sequence[str],
    codes: Mapping[str, Codes],
    verdicts: Mapping[str, Verdict],
    exists: Mask,
) -> tuple[Counter[str], Mask]:
    """How many nodes give each reason, and which rows preemption could help on.

    Only the first filter that refuses a node is heard, as in kube-scheduler.
    """
    reasons: Counter[str] = Counter()
    hopeful = np.zeros(len(exists), np.bool_)
    is_open = exists.copy()
    for name in order:
        column = codes.get(name)
        if column is None or not column.any():
            continue
        heard = is_open & (column != 0)
        verdict = verdicts[name]
        values, counts = np.unique(column[heard], return_counts=True)
        for code, count in zip(values.tolist(), counts.tolist(), strict=True):
            for reason in verdict.reasons(code):
                reasons[reason] += count
            if verdict.can_preempt(code):
                hopeful |= heard & (column == code)
        is_open &= ~heard
    return reasons, hopeful


@attrs.define(eq=False)
class DecisionLog:
    """The decision of every attempt, newest last, within a budget of bytes: the oldest go first."""

    budget: int = 16 * 1024 * 1024
    _decisions: OrderedDict[tuple[str, int], Decision] = attrs.field(
        factory=OrderedDict, init=False
    )
    _of_pod: dict[str, dict[int, Decision]] = attrs.field(factory=dict, init=False)
    _pasts: dict[Past, tuple[int, int]] = attrs.field(factory=dict, init=False)
    _size: int = attrs.field(default=0, init=False)

    def add(self, decision: Decision) -> None:
        """Keep *decision*, and drop the oldest ones that no longer fit."""
        key = (decision.uid, decision.attempt)
        self._drop(key)
        self._decisions[key] = decision
        self._of_pod.setdefault(decision.uid, {})[decision.attempt] = decision
        known = self._pasts.get(decision.past)
        if known is None:
            known = (0, decision.past.bytes_kept)
            self._size += known[1]
        self._pasts[decision.past] = (known[0] + 1, known[1])
        self._size += decision.size
        while self._size > self.budget and len(self._decisions) > 1:
            self._drop(next(iter(self._decisions)))

    def get(self, uid: str) -> Decision | None:
        """The last decision about the pod *uid*, or None."""
        attempts = self._of_pod.get(uid)
        return attempts[next(reversed(attempts))] if attempts else None

    def attempts(self, uid: str) -> tuple[Decision, ...]:
        """All decisions about the pod *uid* that are still kept, oldest first."""
        return tuple(self._of_pod.get(uid, {}).values())

    def forget(self, uid: str) -> None:
        """Drop what is kept about the pod *uid*."""
        for attempt in tuple(self._of_pod.get(uid, ())):
            self._drop((uid, attempt))

    def __iter__(self) -> Iterator[Decision]:
        return iter(tuple(self._decisions.values()))

    def __len__(self) -> int:
        return len(self._decisions)

    def _drop(self, key: tuple[str, int]) -> None:
        dropped = self._decisions.pop(key, None)
        if dropped is None:
            return
        uid, attempt = key
        del self._of_pod[uid][attempt]
        if not self._of_pod[uid]:
            del self._of_pod[uid]
        self._size -= dropped.size
        users, kept = self._pasts.pop(dropped.past)
        if users > 1:
            self._pasts[dropped.past] = (users - 1, kept)
        else:
            self._size -= kept

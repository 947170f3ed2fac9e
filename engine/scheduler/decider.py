"""Where a pod would go: asks the plugins of its profile about every node, and chooses. No effects.

Source: schedule_one.go, kubernetes v1.34. All nodes are looked at: what kube-scheduler saves by
looking at a sample is saved here by asking about many nodes at once.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import Protocol

import attrs
import numpy as np

from engine.scheduler.columns import Mask
from engine.scheduler.decision import Decision, Refusal, count_reasons
from engine.scheduler.evaluation import Evaluation, Ranking
from engine.scheduler.failure import failure_message
from engine.scheduler.node_table import NodeTable
from engine.scheduler.nominator import Nominator
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.profile import Profile

_TEMPLATES = 128
"""Templates whose evaluation is kept."""
_MOST_TIED = 128
"""Nodes of the highest total that a decision names."""
_GROUPS = 512
"""Groups of pods that are counted; when there are more, those of dropped templates go."""


class Chance(Protocol):
    """Breaks ties: a random stream."""

    def randrange(self, stop: int, /) -> int:
        """A number from 0 to below *stop*."""
        ...


class FirstOne:
    """No chance at all: of equals the first."""

    def randrange(self, stop: int, /) -> int:  # noqa: ARG002 - the protocol's signature
        """Always 0."""
        return 0


@attrs.define(eq=False, repr=False)
class Decider:
    """Decides for one table of nodes. Keeps evaluations by template, and nothing of pods."""

    table: NodeTable
    nominator: Nominator
    chance: Chance
    _evaluations: OrderedDict[tuple[str, object], Evaluation] = attrs.field(
        factory=OrderedDict, init=False
    )

    def decide(self, info: PodInfo, profile: Profile, *, attempt: int, now: float) -> Decision:
        """The best node for the pod as things are; without one, `message` finds the words."""
        evaluation = self.evaluation(info, profile)
        evaluation.refresh()
        nominated = self._held_rows(info, evaluation)
        only_row, ranking = self._rank(info, evaluation, nominated)
        tied = ranking.best() if len(ranking.rows) else ranking.rows
        chosen = ""
        if len(tied):
            drawn = tied[self.chance.randrange(len(tied))] if len(tied) > 1 else tied[0]
            chosen = self.table.names[drawn]
        past, moment = evaluation.past()
        return Decision(
            pod=info.key,
            uid=info.uid,
            time=now,
            attempt=attempt,
            profile=profile.name,
            priority=info.priority,
            names=self.table.names,
            past=past,
            moment=moment,
            filters=tuple(plugin.NAME for plugin in evaluation.filters),
            verdicts=evaluation.verdicts.copy(),
            scores=evaluation.scores,
            wide_codes=evaluation.wide_codes,
            wide_raw=self._wide_raw(evaluation, nominated) if chosen else {},
            nominated=nominated,
            only_row=only_row,
            everywhere=evaluation.everywhere,
            chosen=chosen,
            tied=tied[:_MOST_TIED].astype(np.int32),
        )

    def evaluation(self, info: PodInfo, profile: Profile) -> Evaluation:
        """What the plugins say for the pod's template; to be refreshed before it is read."""
        key = (profile.name, info.template)
        found = self._evaluations.get(key)
        if found is not None:
            self._evaluations.move_to_end(key)
            return found
        made = Evaluation(info, self.table, profile.filters_for(info), profile.scores_for(info))
        self._evaluations[key] = made
        if len(self._evaluations) > _TEMPLATES:
            self._evaluations.popitem(last=False)
            self._trim_groups()
        return made

    def forget_unowned(self) -> None:
        """Have pods without an owner judged anew: what services select has changed."""
        for key in [key for key, made in self._evaluations.items() if not made.info.owner]:
            del self._evaluations[key]

    def renew(self) -> None:
        """Have pods with volumes judged anew: what is known of volumes changed."""
        for evaluation in self._evaluations.values():
            if evaluation.info.claims:
                evaluation.renew()

    def reasons(
        self, evaluation: Evaluation, nominated: Mapping[int, Refusal]
    ) -> tuple[Counter[str], Mask]:
        """How many nodes give each reason, and which rows preemption could help on."""
        order = [plugin.NAME for plugin in evaluation.filters]
        codes = {**evaluation.codes, **evaluation.wide_codes}
        found, hopeful = count_reasons(order, codes, evaluation.verdicts, self.table.exists)
        for row, refusal in nominated.items():
            found.update(refusal.reasons)
            hopeful[row] = refusal.can_preempt
        return found, hopeful

    def message(self, decision: Decision, reasons: Counter[str], preemption: str = "") -> str:
        """The words of a decision without a node."""
        return failure_message(
            self.table.node_count,
            reasons,
            everywhere=next(iter(decision.everywhere.values()), ""),
            preemption=preemption,
        )

    def judge_row(self, info: PodInfo, evaluation: Evaluation, row: int) -> Refusal | None:
        """Why a row would not do as the table is now, nominated pods counted; or None."""
        refused = evaluation.judge_row(row)
        rivals = self.nominator.rivals(info, self.table.names[row])
        if refused is None and rivals:
            with self.table.supposing(row, plus=rivals):
                refused = evaluation.judge_row(row)
        if refused is None:
            return None
        name, code, verdict = refused
        return Refusal(name, verdict.reasons(code), verdict.can_preempt(code))

    def _rank(
        self, info: PodInfo, evaluation: Evaluation, nominated: Mapping[int, Refusal]
    ) -> tuple[int | None, Ranking]:
        wanted = self.nominator.node_of(info.key)
        if not nominated and not wanted:
            return None, evaluation.rank()
        passes = evaluation.passes()
        passes[list(nominated)] = False
        row = self.table.rows.get(wanted, -1)
        if row >= 0 and passes[row]:
            # The node that room was made on is taken before any other is looked at.
            return row, Ranking(np.array([row], np.intp), np.zeros(1))
        return None, evaluation.rank(passes)

    def _held_rows(self, info: PodInfo, evaluation: Evaluation) -> dict[int, Refusal]:
        """Rows that would do, but are kept for nominated pods."""
        held: dict[int, Refusal] = {}
        for name in self.nominator.nodes():
            row = self.table.rows.get(name)
            if row is not None and self.nominator.rivals(info, name):
                refusal = self.judge_row(info, evaluation, row)
                if refusal is not None and evaluation.passes()[row]:
                    held[row] = refusal
        return held

    def _wide_raw(
        self, evaluation: Evaluation, nominated: Iterable[int]
    ) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        if all(
            weighted.plugin.IS_LOCAL or weighted.plugin.is_idle(evaluation.info, self.table)  # type: ignore[attr-defined]  # a Wide
            for weighted in evaluation.scores
        ):
            return {}
        passes = evaluation.passes()
        passes[list(nominated)] = False
        return evaluation.wide_scores(np.flatnonzero(passes))

    def _trim_groups(self) -> None:
        counts = self.table.counts
        groups = counts.groups()
        if len(groups) > _GROUPS:
            # Those still wanted are counted again when they are asked for.
            for group in groups[: _GROUPS // 2]:
                counts.forget(group)

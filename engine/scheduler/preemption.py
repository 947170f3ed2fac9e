"""DefaultPreemption: which pods of lower priority would have to go, and on which node. No effects.

Source: framework/preemption/preemption.go and defaultpreemption/default_preemption.go,
kubernetes v1.34.
"""

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from engine.api.policy import PodDisruptionBudget
from engine.api.selectors import from_label_selector
from engine.scheduler.decider import Chance, Decider
from engine.scheduler.decision import Refusal
from engine.scheduler.evaluation import Evaluation
from engine.scheduler.failure import NO_HELP, NO_VICTIMS, preemption_message
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.profile import Profile

NEVER = "not eligible due to preemptionPolicy=Never."
STILL_LEAVING = "not eligible due to a terminating pod on the nominated node."
_LOWEST = 1 << 31
"""Makes every priority positive, so that fewer victims are better than more."""


@attrs.frozen(kw_only=True, eq=False)
class Candidate:
    """A node, the pods that would have to leave it, and how many budgets that would violate."""

    row: int
    victims: tuple[PodInfo, ...]
    violations: int


@attrs.frozen(eq=False)
class Outcome:
    """The candidate that was picked, or None; and then the words for it."""

    candidate: Candidate | None
    message: str = ""


@attrs.define(eq=False, repr=False)
class Preemption:
    """Looks for a node where a pod would fit if less important pods left it."""

    decider: Decider
    chance: Chance

    def look(
        self,
        info: PodInfo,
        profile: Profile,
        hopeful: Sequence[int],
        budgets: Sequence[PodDisruptionBudget],
    ) -> Outcome:
        """The best of the *hopeful* rows; the table is afterwards as it was before."""
        why_not = self._why_not(info)
        if why_not:
            return Outcome(None, why_not)
        node_count = self.decider.table.node_count
        reasons: Counter[str] = Counter({NO_HELP: node_count - len(hopeful)})
        evaluation = self.decider.evaluation(info, profile)
        enough = max(node_count * profile.min_candidate_percent // 100, profile.min_candidate_nodes)
        found: list[Candidate] = []
        start = self.chance.randrange(len(hopeful)) if len(hopeful) > 1 else 0
        for row in (*hopeful[start:], *hopeful[:start]):
            result = self._victims_on(info, evaluation, row, budgets)
            if isinstance(result, Candidate):
                found.append(result)
                if len(found) >= enough:
                    break
            else:
                reasons.update(result)
        if found:
            return Outcome(pick_candidate(found))
        return Outcome(None, preemption_message(node_count, reasons))

    def _why_not(self, info: PodInfo) -> str:
        if preemption_policy(info) == "Never":
            return NEVER
        node_name = self.decider.nominator.node_of(info.key)
        row = self.decider.table.rows.get(node_name)
        if row is not None and any(
            other.priority < info.priority and _is_preempted(other)
            for other in self.decider.table.pods_on(row)
        ):
            return STILL_LEAVING
        return ""

    def _victims_on(
        self,
        info: PodInfo,
        evaluation: Evaluation,
        row: int,
        budgets: Sequence[PodDisruptionBudget],
    ) -> Candidate | tuple[str, ...]:
        """The fewest pods that must leave a row, or the reasons why that would not help."""
        table = self.decider.table
        lesser = [other for other in table.pods_on(row) if other.priority < info.priority]
        if not lesser:
            return (NO_VICTIMS,)
        lesser.sort(key=importance)
        violating, others = split_by_budgets(lesser, budgets)
        name = table.names[row]
        for other in lesser:
            table.displace(other.key)
        try:
            refusal = self._refusal(info, evaluation, row)
            if refusal is not None:
                return refusal.reasons
            victims: list[PodInfo] = []
            violations = 0
            for is_violation, group in ((True, violating), (False, others)):
                for other in group:
                    table.place(other, name)
                    if self._refusal(info, evaluation, row) is not None:
                        table.displace(other.key)
                        victims.append(other)
                        violations += is_violation
        finally:
            for other in lesser:
                table.place(other, name)
        victims.sort(key=importance)
        return Candidate(row=row, victims=tuple(victims), violations=violations)

    def _refusal(self, info: PodInfo, evaluation: Evaluation, row: int) -> Refusal | None:
        return self.decider.judge_row(info, evaluation, row)


def pick_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate that does the least harm; of equals the first.

    Fewest budgets violated; lowest highest priority; lowest sum of priorities; fewest victims;
    youngest of the most important victims.
    """
    return min(candidates, key=_harm)


def _harm(candidate: Candidate) -> tuple[float, ...]:
    victims = candidate.victims
    if not victims:
        return (candidate.violations, -_LOWEST, 0, 0, -np.inf)
    highest = max(victim.priority for victim in victims)
    earliest = min(_started(victim) for victim in victims if victim.priority == highest)
    return (
        candidate.violations,
        highest,
        sum(victim.priority + _LOWEST for victim in victims),
        len(victims),
        -earliest,
    )


def importance(info: PodInfo) -> tuple[float, float, str]:
    """Sorts the most important pod first: highest priority, then longest running."""
    return (-info.priority, _started(info), info.key)


def split_by_budgets(
    pods: Sequence[PodInfo], budgets: Sequence[PodDisruptionBudget]
) -> tuple[list[PodInfo], list[PodInfo]]:
    """The pods whose going would violate a disruption budget, and the others, in their order."""
    left = [budget.status.disruptions_allowed for budget in budgets]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for info in pods:
        is_violation = False
        for index, budget in enumerate(budgets):
            if info.labels and _covers(budget, info):
                if info.pod.metadata.name in budget.status.disrupted_pods:
                    continue
                left[index] -= 1
                is_violation = is_violation or left[index] < 0
        (violating if is_violation else others).append(info)
    return violating, others


def preemption_policy(info: PodInfo) -> str:
    """PreemptLowerPriority or Never."""
    spec = info.pod.spec
    given = getattr(spec, "preemption_policy", None) or spec.extra.get("preemptionPolicy")
    return str(given or "PreemptLowerPriority")


def _covers(budget: PodDisruptionBudget, info: PodInfo) -> bool:
    selector = from_label_selector(budget.spec.selector)
    return (
        budget.metadata.namespace == info.namespace
        and selector is not None
        and not selector.is_empty
        and selector.matches(info.labels)
    )


def _is_preempted(info: PodInfo) -> bool:
    return info.pod.metadata.deletion_timestamp is not None and any(
        condition.type == "DisruptionTarget"
        and condition.status == "True"
        and condition.reason == "PreemptionByScheduler"
        for condition in info.pod.status.conditions
    )


def _started(info: PodInfo) -> float:
    started = info.pod.status.start_time
    return np.inf if started is None else float(started)

"""Why a pod is where it is, or nowhere: every attempt leaves a Decision, the newest are kept.

Source of the words: kube-scheduler framework.FitError, kubernetes v1.34.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from engine.scheduler.framework import Codes, Scores, Verdict

NO_NODES = "no nodes available to schedule pods"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_NO_HELP = "Preemption is not helpful for scheduling"


@attrs.frozen(kw_only=True, eq=False)
class ScoreColumn:
    """What one plugin gave the candidate nodes: raw, from 0 to 100, and its weight."""

    raw: Scores
    normalized: Scores
    weight: int


@attrs.frozen(kw_only=True, eq=False)
class Decision:
    """One attempt to find a node for a pod.

    Attributes:
        nodes: all nodes looked at; rows of *failures* follow it.
        failures: per filter and node, 0 or the code of its refusal; *verdicts* puts it into words.
        candidates: indexes into *nodes* of those that passed; *scores* and *totals* follow it.
        chosen: the node, or "" if none would do.
        tied: the candidates that shared the highest total; one of them was drawn.
        message: what was wrong, as kube-scheduler words it.
    """

    pod: str
    uid: str
    time: float
    attempt: int
    nodes: tuple[str, ...]
    failures: Mapping[str, Codes]
    verdicts: Mapping[str, Verdict]
    candidates: tuple[int, ...] = ()
    scores: Mapping[str, ScoreColumn] = attrs.field(factory=dict)
    totals: Scores = attrs.field(factory=lambda: np.zeros(0))
    chosen: str = ""
    tied: tuple[str, ...] = ()
    message: str = ""

    @property
    def size(self) -> int:
        """About how many bytes this decision keeps in memory."""
        per_candidate = sum(c.raw.nbytes + c.normalized.nbytes for c in self.scores.values())
        return (
            1024
            + 8 * (len(self.nodes) + len(self.candidates))
            + sum(codes.nbytes for codes in self.failures.values())
            + per_candidate
        )

    def refusals(self, node: str) -> dict[str, tuple[str, ...]]:
        """The filter that refused *node* and its reasons; empty if the node passed.

        Raises:
            ValueError: the node was not looked at.
        """
        row = self.nodes.index(node)
        return {
            name: self.verdicts[name].reasons(int(codes[row]))
            for name, codes in self.failures.items()
            if codes[row]
        }

    def as_dict(self) -> dict[str, object]:
        """The decision as JSON values, node by node."""
        ranked = {row: index for index, row in enumerate(self.candidates)}
        nodes = []
        for row, name in enumerate(self.nodes):
            entry: dict[str, object] = {"name": name}
            refused = self.refusals(name)
            if refused:
                plugin, reasons = next(iter(refused.items()))
                entry["refused"] = {"plugin": plugin, "reasons": list(reasons)}
            elif row in ranked:
                index = ranked[row]
                entry["total"] = float(self.totals[index])
                entry["scores"] = {
                    plugin: {
                        "raw": float(column.raw[index]),
                        "normalized": float(column.normalized[index]),
                        "weight": column.weight,
                    }
                    for plugin, column in self.scores.items()
                }
            nodes.append(entry)
        return {
            "pod": self.pod,
            "uid": self.uid,
            "time": self.time,
            "attempt": self.attempt,
            "chosen": self.chosen,
            "tied": list(self.tied),
            "message": self.message,
            "nodes": nodes,
        }


def failure_message(
    node_count: int, reasons: Counter[str], *, hopeful: int = 0, hopeless: int = 0
) -> str:
    """Why no node would do: ``0/3 nodes are available: 1 Insufficient cpu, …``.

    Reasons are counted and sorted as text; then what preemption had to say.
    """
    if node_count == 0:
        return NO_NODES
    message = f"0/{node_count} nodes are available:"
    if reasons:
        listed = sorted(f"{count} {reason}" for reason, count in reasons.items())
        message += f" {', '.join(listed)}."
    tried = sorted(
        f"{count} {words}."
        for words, count in ((_NO_VICTIMS, hopeful), (_NO_HELP, hopeless))
        if count
    )
    if tried:
        joined = ", ".join(words[:-1] for words in tried)
        message += f" preemption: 0/{node_count} nodes are available: {joined}."
    return message


@attrs.define(eq=False)
class DecisionLog:
    """The last decision of each pod, newest last, within a budget of bytes."""

    budget: int = 32 * 1024 * 1024
    _decisions: OrderedDict[str, Decision] = attrs.field(factory=OrderedDict, init=False)
    _size: int = attrs.field(default=0, init=False)

    def add(self, decision: Decision) -> None:
        """Keep *decision*, and drop the oldest ones that no longer fit."""
        before = self._decisions.pop(decision.uid, None)
        if before is not None:
            self._size -= before.size
        self._decisions[decision.uid] = decision
        self._size += decision.size
        while self._size > self.budget and len(self._decisions) > 1:
            _, dropped = self._decisions.popitem(last=False)
            self._size -= dropped.size

    def get(self, uid: str) -> Decision | None:
        """The last decision about the pod *uid*, or None."""
        return self._decisions.get(uid)

    def forget(self, uid: str) -> None:
        """Drop what is kept about the pod *uid*."""
        dropped = self._decisions.pop(uid, None)
        if dropped is not None:
            self._size -= dropped.size

    def __iter__(self) -> Iterator[Decision]:
        return iter(tuple(self._decisions.values()))

    def __len__(self) -> int:
        return len(self._decisions)

"""What a plugin is. It looks at many nodes at once and keeps nothing between pods.

Source: the scheduling framework of kube-scheduler, kubernetes v1.34.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.scheduler.columns import Ints, Rows
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

Codes = Ints
Scores = NDArray[np.float64]

MAX_SCORE = 100


@attrs.frozen(eq=False)
class Verdict:
    """What a filter says of some rows: code 0 lets the pod pass, *reasons* explains the others.

    *can_preempt* tells whether a node of that code could pass if pods left it. With *everywhere*
    the pod cannot go to any node, for one reason that is not the nodes'.
    """

    codes: Codes
    reasons: Callable[[int], tuple[str, ...]]
    can_preempt: Callable[[int], bool] = lambda _code: False
    everywhere: str = ""


class Filter(Protocol):
    """Says which nodes a pod cannot go to."""

    NAME: ClassVar[str]
    IS_LOCAL: ClassVar[bool]
    """Whether the verdict on a row depends on that row alone."""
    READS_PODS: ClassVar[bool]
    """Whether the verdict depends on the pods that are placed."""

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod could fail anywhere."""
        ...

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """The verdict on *rows*, in their order."""
        ...


class Score(Protocol):
    """Says how well nodes suit a pod."""

    NAME: ClassVar[str]
    IS_LOCAL: ClassVar[bool]
    """Whether a row's score depends on that row alone, and not on the others in question."""
    READS_PODS: ClassVar[bool]
    """Whether the score depends on the pods that are placed."""
    IS_PERCENT: ClassVar[bool]
    """Whether raw scores run from 0 to 100 already, so that `normalize` changes nothing."""

    def scores(self, info: PodInfo) -> bool:
        """Whether nodes could differ."""
        ...

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The raw scores of *rows*, in their order; all rows in question unless *IS_LOCAL*."""
        ...

    def normalize(self, raw: Scores) -> Scores:
        """The raw scores of all nodes in question as scores from 0 to 100."""
        ...


class Wide(Protocol):
    """A plugin that looks beyond the row (*IS_LOCAL* is False)."""

    def is_idle(self, info: PodInfo, table: NodeTable) -> bool:
        """Whether, as things are, it lets the pod pass everywhere and scores all nodes 0."""
        ...


@attrs.frozen(eq=False)
class Weighted:
    """A scoring plugin and how much it counts."""

    plugin: Score
    weight: int


def normalize_by_maximum(raw: Scores, *, reverse: bool) -> Scores:
    """Scores as whole percentages of the highest; reversed, the lowest raw score is best."""
    highest = raw.max(initial=0.0)
    if highest == 0:
        return np.full(len(raw), float(MAX_SCORE)) if reverse else raw
    shares = np.floor(MAX_SCORE * raw / highest)
    scores: Scores = MAX_SCORE - shares if reverse else shares
    return scores

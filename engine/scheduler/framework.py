"""What a plugin is. It looks at many nodes at once and keeps nothing between pods.

Source: the scheduling framework of kube-scheduler, kubernetes v1.34.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.scheduler.node_table import NodeTable, Rows
from engine.scheduler.pod_info import PodInfo

Codes = NDArray[np.int64]
Scores = NDArray[np.float64]

MAX_SCORE = 100


@attrs.frozen(eq=False)
class Verdict:
    """What a filter says of some rows: code 0 lets the pod pass, *reasons* explains the others.

    *can_preempt* tells whether a node of that code could pass if pods left it.
    """

    codes: Codes
    reasons: Callable[[int], tuple[str, ...]]
    can_preempt: Callable[[int], bool] = lambda _code: False


class Filter(Protocol):
    """Says which nodes a pod cannot go to."""

    NAME: ClassVar[str]
    IS_LOCAL: ClassVar[bool]
    """Whether the verdict on a row depends on that row alone."""

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
    IS_PERCENT: ClassVar[bool]
    """Whether raw scores run from 0 to 100 already, so that `normalize` changes nothing."""
    WEIGHT: ClassVar[int]

    def applies(self, info: PodInfo) -> bool:
        """Whether nodes could differ."""
        ...

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """The raw scores of *rows*, in their order."""
        ...

    def normalize(self, raw: Scores) -> Scores:
        """The raw scores of all nodes in question as scores from 0 to 100."""
        ...


def normalize_by_maximum(raw: Scores, *, reverse: bool) -> Scores:
    """Scores as whole percentages of the highest; reversed, the lowest raw score is best."""
    highest = raw.max(initial=0.0)
    if highest == 0:
        return np.full(len(raw), float(MAX_SCORE)) if reverse else raw
    shares = np.floor(MAX_SCORE * raw / highest)
    scores: Scores = MAX_SCORE - shares if reverse else shares
    return scores

"""How many attempts ended how, and how long pods waited for their node: figures for scrapers.

Source: pkg/scheduler/metrics/metrics.go, kubernetes v1.34.
"""

from bisect import bisect_left
from typing import Literal

import attrs

AttemptResult = Literal["scheduled", "unschedulable", "error"]

SLI_BOUNDS = tuple(0.01 * 2.0**power for power in range(20))
"""Upper bounds of ``scheduler_pod_scheduling_sli_duration_seconds``."""


@attrs.define(eq=False)
class AttemptCounts:
    """Counts since the scheduler was made.

    Attributes:
        results: attempts by result and profile.
        waits: pods scheduled, by the bucket of `SLI_BOUNDS` their wait fell into; the last is over.
        waited: the sum of all waits, in seconds.
    """

    results: dict[tuple[AttemptResult, str], int] = attrs.field(factory=dict, init=False)
    waits: list[int] = attrs.field(factory=lambda: [0] * (len(SLI_BOUNDS) + 1), init=False)
    waited: float = attrs.field(default=0.0, init=False)

    def count(self, result: AttemptResult, profile: str) -> None:
        """One attempt ended."""
        key = (result, profile)
        self.results[key] = self.results.get(key, 0) + 1

    def scheduled(self, profile: str, seconds: float) -> None:
        """A pod has its node, *seconds* after it first waited for one."""
        self.count("scheduled", profile)
        self.waits[bisect_left(SLI_BOUNDS, seconds)] += 1
        self.waited += seconds

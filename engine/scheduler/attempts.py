"""How many attempts ended how, and how long pods waited for their node: figures for scrapers.

Source: pkg/scheduler/metrics/metrics.go, kubernetes v1.34.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal

import attrs

AttemptResult = Literal["scheduled", "unschedulable", "error"]

SLI_BOUNDS = tuple(0.01 * 2.0**power for power in range(20))
"""Upper bounds of ``scheduler_pod_scheduling_sli_duration_seconds``."""


ATTEMPT_BOUNDS = tuple(0.001 * 2.0**power for power in range(15))
"""Upper bounds of ``scheduler_scheduling_attempt_duration_seconds``."""


VICTIM_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Upper bounds of ``scheduler_preemption_victims``."""


@attrs.define(eq=False)
class Durations:
    """Attempts by the bucket of `ATTEMPT_BOUNDS` they fell into, and their seconds together."""

    counts: list[int] = attrs.field(factory=lambda: [0] * (len(ATTEMPT_BOUNDS) + 1))
    total: float = 0.0


@attrs.define(eq=False)
class AttemptCounts:
    """Counts since the scheduler was made.

    Attributes:
        results: attempts by result and profile.
        waits: pods scheduled, by the bucket of `SLI_BOUNDS` their wait fell into; the last is over.
        waited: the sum of all waits, in seconds.
        stopwatch: seconds of real time, given by who has them; without it nothing is measured,
            for in the loop's time an attempt takes none.
        durations: how long attempts took, by result and profile.
        preemptions: how often room was looked for by preemption.
        victims: preemptions that made room, by the bucket of `VICTIM_BOUNDS` for their victims.
        victim_count: all victims together.
    """

    preemptions: int = attrs.field(default=0, init=False)
    victims: list[int] = attrs.field(factory=lambda: [0] * (len(VICTIM_BOUNDS) + 1), init=False)
    victim_count: int = attrs.field(default=0, init=False)
    results: dict[tuple[AttemptResult, str], int] = attrs.field(factory=dict, init=False)
    waits: list[int] = attrs.field(factory=lambda: [0] * (len(SLI_BOUNDS) + 1), init=False)
    waited: float = attrs.field(default=0.0, init=False)
    stopwatch: Callable[[], float] | None = attrs.field(default=None, init=False)
    durations: dict[tuple[AttemptResult, str], Durations] = attrs.field(factory=dict, init=False)
    _began: float | None = attrs.field(default=None, init=False)

    def begin(self) -> None:
        """An attempt begins."""
        if self.stopwatch is not None:
            self._began = self.stopwatch()

    def leave(self) -> None:
        """The attempt goes on later, while others are made: how long it takes is not told."""
        self._began = None

    def count(self, result: AttemptResult, profile: str) -> None:
        """One attempt ended."""
        key = (result, profile)
        self.results[key] = self.results.get(key, 0) + 1
        if self._began is not None and self.stopwatch is not None:
            seconds, self._began = self.stopwatch() - self._began, None
            found = self.durations.setdefault(key, Durations())
            found.counts[bisect_left(ATTEMPT_BOUNDS, seconds)] += 1
            found.total += seconds

    def scheduled(self, profile: str, seconds: float) -> None:
        """A pod has its node, *seconds* after it first waited for one."""
        self.count("scheduled", profile)
        self.waits[bisect_left(SLI_BOUNDS, seconds)] += 1
        self.waited += seconds

    def preempted(self, victims: int) -> None:
        """Room was made by the end of so many pods."""
        self.victims[bisect_left(VICTIM_BOUNDS, victims)] += 1
        self.victim_count += victims

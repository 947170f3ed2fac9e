"""Latencies in buckets that grow by four percent: percentiles of millions from a few numbers."""

from math import log

import attrs

_GROWTH = log(1.04)
_SMALLEST = 1e-5  # seconds: what is faster counts as this


@attrs.define(eq=False)
class Histogram:
    """Counts of latencies; percentiles are exact to four percent."""

    counts: dict[int, int] = attrs.field(factory=dict, init=False)
    total: int = attrs.field(default=0, init=False)
    sum: float = attrs.field(default=0.0, init=False)
    max: float = attrs.field(default=0.0, init=False)

    def add(self, seconds: float, count: int = 1) -> None:
        """Count *count* requests that took *seconds* each."""
        index = int(log(max(seconds, _SMALLEST) / _SMALLEST) / _GROWTH)
        self.counts[index] = self.counts.get(index, 0) + count
        self.total += count
        self.sum += seconds * count
        self.max = max(self.max, seconds)

    @property
    def mean(self) -> float:
        """Seconds on average; 0 without any."""
        return self.sum / self.total if self.total else 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which *share* (0 to 1) of the requests were answered; 0 without any."""
        wanted, seen = share * self.total, 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= wanted:
                return min(self.max, _SMALLEST * 1.04 ** (index + 1))
        return self.max

    def bars(self) -> list[tuple[float, int]]:
        """(upper edge in milliseconds, count) in doubling steps from 0.25 ms, for showing."""
        found: dict[int, int] = {}
        for index, count in self.counts.items():
            upper = _SMALLEST * 1.04 ** (index + 1) * 1000
            step = max(0, int(log(max(upper, 0.25) / 0.25) / log(2)) + (upper > 0.25))
            found[step] = found.get(step, 0) + count
        return [(0.25 * 2**step, found[step]) for step in sorted(found)]

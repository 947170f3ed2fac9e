"""What a run of traffic came to: in all, per endpoint, and second by second."""

from collections import deque
from typing import Any

import attrs

from engine.load.histogram import Histogram

HISTORY = 60
"""Seconds of history that are kept for showing."""


@attrs.define(eq=False)
class EndpointStats:
    """One endpoint's answers and errors."""

    histogram: Histogram = attrs.field(factory=Histogram)
    errors: dict[str, int] = attrs.field(factory=dict)

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(self.errors.values())


@attrs.define(eq=False)
class LoadStats:
    """Counts while traffic runs. An error is an answer of 400 or more, or none at all."""

    all: EndpointStats = attrs.field(factory=EndpointStats, init=False)
    endpoints: dict[str, EndpointStats] = attrs.field(factory=dict, init=False)
    history: deque[tuple[float, float, int]] = attrs.field(
        factory=lambda: deque(maxlen=HISTORY), init=False
    )
    _window: EndpointStats = attrs.field(factory=EndpointStats, init=False)
    _turned_at: float = attrs.field(default=0.0, init=False)

    def answered(self, endpoint: str, seconds: float, *, status: int = 200, count: int = 1) -> None:
        """Count answers of *endpoint* after *seconds* each."""
        found = self._endpoint(endpoint)
        for stats in (self.all, self._window, found):
            stats.histogram.add(seconds, count)
            if status >= 400:
                reason = f"HTTP {status}"
                stats.errors[reason] = stats.errors.get(reason, 0) + count

    def failed(self, endpoint: str, reason: str, count: int = 1) -> None:
        """Count requests to *endpoint* that nobody answered."""
        found = self._endpoint(endpoint)
        for stats in (self.all, self._window, found):
            stats.errors[reason] = stats.errors.get(reason, 0) + count

    def turn(self, age: float) -> None:
        """End a second of the history, *age* seconds after the start."""
        passed = max(age - self._turned_at, 1e-9)
        window, self._window = self._window, EndpointStats()
        self._turned_at = age
        self.history.append(
            (done(window) / passed, window.histogram.percentile(0.99) * 1000, window.failed)
        )

    def as_status(self, *, age: float, phase: str, message: str = "") -> dict[str, Any]:
        """Everything as plain data; latencies in milliseconds."""
        rate, p99, _ = self.history[-1] if self.history else (0.0, 0.0, 0)
        return {
            "phase": phase,
            "message": message,
            "seconds": round(age, 1),
            "requests": done(self.all),
            "errors": self.all.failed,
            "rate": round(rate, 1),
            "recentP99": round(p99, 2),
            "latency": _latency(self.all.histogram),
            "reasons": dict(sorted(self.all.errors.items())),
            "endpoints": [
                {
                    "name": name,
                    "requests": done(stats),
                    "errors": stats.failed,
                    "latency": _latency(stats.histogram),
                    "reasons": dict(sorted(stats.errors.items())),
                }
                for name, stats in sorted(self.endpoints.items())
            ],
            "histogram": [
                {"upToMs": upper, "requests": count} for upper, count in self.all.histogram.bars()
            ],
            "history": [
                {"rate": round(rate, 1), "p99": round(p99, 2), "errors": errors}
                for rate, p99, errors in self.history
            ],
        }

    def _endpoint(self, name: str) -> EndpointStats:
        found = self.endpoints.get(name)
        if found is None:
            found = self.endpoints[name] = EndpointStats()
        return found


def done(stats: EndpointStats) -> int:
    """How many requests have ended, well or not."""
    unanswered = sum(
        count for reason, count in stats.errors.items() if not reason.startswith("HTTP ")
    )
    return stats.histogram.total + unanswered


def _latency(histogram: Histogram) -> dict[str, float]:
    found = {
        name: round(histogram.percentile(share) * 1000, 2)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }
    return found | {
        "mean": round(histogram.mean * 1000, 2),
        "max": round(histogram.max * 1000, 2),
    }

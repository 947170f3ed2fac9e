"""Capped exponential backoff with seeded jitter, counted per key."""

from typing import Generic, TypeVar

import attrs

from engine.kernel.rng import Stream

K = TypeVar("K")


@attrs.define(eq=False)
class Backoff(Generic[K]):
    """How long to wait before trying a key again.

    The n-th failure in a row waits ``base * factor**(n-1)`` seconds, at most *cap*, plus up to
    *jitter* times that (a fraction), drawn from *stream*.
    """

    base: float
    cap: float
    factor: float = 2.0
    jitter: float = 0.0
    stream: Stream | None = None
    _failures: dict[K, int] = attrs.field(factory=dict, init=False)

    def next_delay(self, key: K) -> float:
        """Count one more failure of *key* and return the seconds to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = self.base
        for _ in range(failures):
            delay *= self.factor
            if delay >= self.cap:
                break
        delay = min(delay, self.cap)
        if self.jitter and self.stream is not None:
            delay += delay * self.jitter * self.stream.random()
        return delay

    def failures(self, key: K) -> int:
        """How often *key* has failed since it was last forgotten."""
        return self._failures.get(key, 0)

    def forget(self, key: K) -> None:
        """Start *key* from the beginning again."""
        self._failures.pop(key, None)

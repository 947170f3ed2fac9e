"""How many requests are due when: constant, ramp, spike and sine, as functions of time."""

from math import cos, inf, pi, sin

import attrs

from engine.errors import ConfigError

PATTERNS = ("constant", "ramp", "spike", "sine")
SPIKE_FROM, SPIKE_TO = 0.4, 0.6
DEFAULT_PERIOD = 60.0


@attrs.frozen(kw_only=True)
class Profile:
    """A pattern of traffic; checked when it is made.

    Attributes:
        pattern: one of `PATTERNS`.
        rate: requests per second; the base of ramp, spike and sine; 0 for as many as go.
        peak: the highest rate of ramp, spike and sine; ten times the base unless given.
        period: seconds of one wave of a sine, and of one repetition of a spike.
        duration: seconds in all; infinite for no end.

    Raises:
        ConfigError: a number is out of range or the pattern is none.
    """

    pattern: str = "constant"
    rate: float = 50.0
    peak: float | None = None
    period: float | None = None
    duration: float = inf

    def __attrs_post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            msg = f"pattern {self.pattern!r} is not one of {', '.join(PATTERNS)}"
            raise ConfigError(msg)
        for name, value in (("rate", self.rate), ("peak", self.peak)):
            if value is not None and not 0 <= value <= 1_000_000:
                msg = f"{name} must be from 0 to 1000000 requests a second, not {value:g}"
                raise ConfigError(msg)
        if self.duration <= 0:
            msg = f"duration must be above 0 seconds, not {self.duration:g}"
            raise ConfigError(msg)
        if self.period is not None and self.period <= 0:
            msg = f"period must be above 0 seconds, not {self.period:g}"
            raise ConfigError(msg)
        if self.pattern == "ramp" and self.duration == inf:
            raise ConfigError("a ramp needs a duration: how long it takes to reach its peak")

    @property
    def is_unpaced(self) -> bool:
        """Whether as many requests are sent as the connections take."""
        return self.pattern == "constant" and self.rate == 0

    @property
    def top(self) -> float:
        """The peak, given or not."""
        return self.rate * 10 if self.peak is None else self.peak

    def rate_at(self, age: float) -> float:
        """Requests per second, *age* seconds after the start."""
        if not 0 <= age < self.duration:
            return 0.0
        base, gap = self.rate, self.top - self.rate
        match self.pattern:
            case "ramp":
                return base + gap * age / self.duration
            case "sine":
                return base + gap * (1 - cos(2 * pi * age / self._wave)) / 2
            case "spike":
                share = (age % self._cycle) / self._cycle
                return self.top if SPIKE_FROM <= share < SPIKE_TO else base
        return base

    def due(self, age: float) -> float:
        """How many requests should have been sent *age* seconds after the start."""
        age = min(max(age, 0.0), self.duration)
        base, gap = self.rate, self.top - self.rate
        match self.pattern:
            case "ramp":
                return base * age + gap * age * age / (2 * self.duration)
            case "sine":
                wave = self._wave
                return base * age + gap * (age - sin(2 * pi * age / wave) * wave / (2 * pi)) / 2
            case "spike":
                cycle = self._cycle
                whole, rest = divmod(age, cycle)
                width = (SPIKE_TO - SPIKE_FROM) * cycle
                high = whole * width + min(max(rest - SPIKE_FROM * cycle, 0.0), width)
                return base * age + gap * high
        return base * age

    @property
    def _wave(self) -> float:
        return self.period or (min(self.duration, DEFAULT_PERIOD))

    @property
    def _cycle(self) -> float:
        return self.period or (self.duration if self.duration < inf else DEFAULT_PERIOD)

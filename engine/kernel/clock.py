"""What time it is, for those who only read it."""

from typing import Protocol


class Clock(Protocol):
    """A source of the current time. Only a `Loop` moves it."""

    @property
    def now(self) -> float:
        """Seconds since the Unix epoch, in the time of the cluster."""
        ...

"""What time it is, for those who only read it."""

from typing import Protocol

import attrs


class Clock(Protocol):
    """A source of the current time. Only a `Loop` moves it."""

    @property
    def now(self) -> float:
        """Seconds since the Unix epoch, in the time of the cluster."""
        ...


@attrs.define(eq=False)
class SkewedClock:
    """The clock of a node that is wrong by a constant *offset*.

    The offset may be changed while the cluster runs; timers are not affected, only what is read.
    """

    source: Clock
    offset: float = 0.0

    @property
    def now(self) -> float:
        """The source's time plus the offset, in seconds."""
        return self.source.now + self.offset

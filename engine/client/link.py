"""The wire between one component and the API server: it can be cut, slow or lossy.

Everything a component says or hears goes over its link, so cutting it is a partition.
"""

from collections.abc import Callable
from typing import TypeVar

import attrs

from engine.apiserver.errors import UnavailableError
from engine.kernel.loop import Loop

R = TypeVar("R")

BREAK_SECONDS = 0.05


@attrs.define(eq=False, repr=False)
class Link:
    """One component's connection.

    *losses* say, when asked, whether a request or a delivery is lost; faults put them there.
    *clock_offset* is how far the clock of the component is ahead of everybody's, in seconds.

    Promises:
        * requests over a cut link raise UnavailableError and do not reach the server;
        * deliveries of one stream arrive in order, each *delay* seconds after it was sent;
        * cutting a link closes its streams: `on_cut` listeners run, and what was under way is lost.
    """

    loop: Loop
    name: str
    delay: float = 0.0
    losses: dict[str, Callable[[], bool]] = attrs.field(factory=dict, init=False)
    clock_offset: float = attrs.field(default=0.0, init=False)
    is_cut: bool = attrs.field(default=False, init=False)
    generation: int = attrs.field(default=0, init=False)
    _on_cut: list[Callable[[], None]] = attrs.field(factory=list, init=False)
    _on_heal: list[Callable[[], None]] = attrs.field(factory=list, init=False)
    _last_arrival: float = attrs.field(default=0.0, init=False)

    @property
    def now(self) -> float:
        """What time it is for the component. Timers are not affected, only what is read."""
        return self.loop.now + self.clock_offset

    def request(self, call: Callable[[], R]) -> R:
        """Make one request.

        Raises:
            UnavailableError: the link is cut.
            ApiError: whatever the server answers.
        """
        if self.is_cut:
            msg = f"{self.name} cannot reach the API server: its link is cut"
            raise UnavailableError(msg)
        if self.losses and self._loses():
            raise UnavailableError(f"{self.name} lost the connection to the API server: reset")
        return call()

    def deliver(self, callback: Callable[..., object], *args: object) -> None:
        """Have ``callback(*args)`` run at the other end, unless the link is cut meanwhile."""
        if self.losses and not self.is_cut and self._loses():
            # What is lost on a stream breaks the stream: its reader must resume.
            self.cut()
            self.loop.call_later(BREAK_SECONDS, self.heal)
            return
        arrival = max(self.loop.now + self.delay, self._last_arrival)
        self._last_arrival = arrival
        self.loop.call_at(arrival, self._arrive, self.generation, callback, args)

    def cut(self) -> None:
        """Stop all traffic. Cutting twice is once."""
        if self.is_cut:
            return
        self.is_cut = True
        self.generation += 1
        for listener in tuple(self._on_cut):
            listener()

    def heal(self) -> None:
        """Let traffic through again; listeners reconnect by themselves."""
        if not self.is_cut:
            return
        self.is_cut = False
        for listener in tuple(self._on_heal):
            self.loop.call_soon(listener)

    def on_change(self, *, cut: Callable[[], None], heal: Callable[[], None]) -> None:
        """Call *cut* when the link is cut and *heal* when it works again."""
        self._on_cut.append(cut)
        self._on_heal.append(heal)

    def forget(self, *, cut: Callable[[], None], heal: Callable[[], None]) -> None:
        """Call *cut* and *heal*, given to `on_change` before, no longer."""
        self._on_cut.remove(cut)
        self._on_heal.remove(heal)

    def _loses(self) -> bool:
        """Whether a loss hits now; every one of them is asked, so that chance stays in step."""
        hits = [is_lost() for is_lost in self.losses.values()]
        return any(hits)

    def _arrive(
        self, generation: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        if generation == self.generation:
            callback(*args)

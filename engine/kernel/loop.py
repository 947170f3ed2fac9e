"""The loop: callbacks in order of (time, sequence), and the only thing that moves `now`.

It knows nothing about wall time, threads or asyncio. Two runs that schedule the same callbacks
run them in the same order.
"""

import heapq
from collections.abc import Callable
from typing import Any

import attrs

_Callback = Callable[..., object]

_SWEPT_FROM = 1024


@attrs.define(eq=False, repr=False)
class Timer:
    """One scheduled callback; `cancel` makes it never run."""

    when: float
    callback: _Callback | None
    args: tuple[Any, ...]
    context: object

    @property
    def is_pending(self) -> bool:
        """Whether the callback has neither run nor been cancelled."""
        return self.callback is not None

    def cancel(self) -> None:
        """Forget the callback. Cancelling twice, or after it ran, is allowed."""
        self.callback = None
        self.args = ()
        self.context = None


@attrs.define(eq=False, repr=False)
class Loop:
    """A deterministic event loop in virtual time.

    Promises:
        * callbacks run in order of their time; those of one time in the order they were scheduled;
        * `now` does not move while a callback runs and never goes back;
        * a callback runs with the `context` that was current when it was scheduled, so what is
          caused can be told from what causes.
    """

    now: float = 0.0
    steps: int = attrs.field(default=0, init=False)
    context: object = attrs.field(default=None, init=False)
    _sequence: int = attrs.field(default=0, init=False)
    _heap: list[tuple[float, int, Timer]] = attrs.field(factory=list, init=False)
    _swept_at: int = attrs.field(default=_SWEPT_FROM, init=False)

    def call_at(self, when: float, callback: _Callback, *args: object) -> Timer:
        """Run ``callback(*args)`` at *when*, or now if that is past."""
        timer = Timer(max(when, self.now), callback, args, self.context)
        self._sequence += 1
        heapq.heappush(self._heap, (timer.when, self._sequence, timer))
        if len(self._heap) > self._swept_at:
            self._sweep()
        return timer

    def call_later(self, delay: float, callback: _Callback, *args: object) -> Timer:
        """Run ``callback(*args)`` *delay* seconds from now."""
        return self.call_at(self.now + delay, callback, *args)

    def call_soon(self, callback: _Callback, *args: object) -> Timer:
        """Run ``callback(*args)`` at the present time, after what is already due."""
        return self.call_at(self.now, callback, *args)

    def next_time(self) -> float | None:
        """When the next callback is due, or None if nothing is scheduled."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run_step(self, until: float) -> bool:
        """Run the next callback that is due at or before *until*; False if there is none."""
        when = self.next_time()
        if when is None or when > until:
            return False
        timer = heapq.heappop(self._heap)[2]
        callback, args, context = timer.callback, timer.args, timer.context
        assert callback is not None
        timer.cancel()
        if when > self.now:  # noqa: PLR1730 - hot, and max() is a call
            self.now = when
        self._run(callback, args, context)
        return True

    def run_until(self, until: float) -> None:
        """Run everything due up to *until*, then stand at *until*.

        Callbacks scheduled meanwhile for that span run too.
        """
        while self.run_step(until):
            pass
        self.now = max(self.now, until)

    def run_for(self, seconds: float) -> None:
        """Run everything due in the next *seconds*."""
        self.run_until(self.now + seconds)

    def run_now(self, callback: _Callback, *args: object, context: object = None) -> object:
        """Run ``callback(*args)`` at once as a step of its own, with *context*; return its result.

        For what comes in from outside and wants an answer. Must not be called from a callback's
        middle except by who can vouch that nothing there is half done.
        """
        return self._run(callback, args, context)

    def _sweep(self) -> None:
        """Drop the cancelled timers; the order of the others is in their entries.

        Timers are often set for an hour ahead and cancelled soon. Since this happens when the heap
        has doubled, it never holds much more than what is pending, and costs nothing to speak of.
        """
        self._heap[:] = [entry for entry in self._heap if entry[2].callback is not None]
        heapq.heapify(self._heap)
        self._swept_at = max(_SWEPT_FROM, 2 * len(self._heap))

    def _run(self, callback: _Callback, args: tuple[Any, ...], context: object) -> object:
        outer, self.context = self.context, context
        self.steps += 1
        try:
            return callback(*args)
        finally:
            self.context = outer

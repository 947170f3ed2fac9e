"""Maps wall time to the loop's time: any speed, pause, and a budget so that screens live."""

import asyncio
import time

import attrs

from engine.kernel.journal import Journal
from engine.kernel.loop import Loop

# Seconds of engine work before the asyncio loop gets a turn.
FRAME_BUDGET = 0.008


@attrs.define(eq=False, repr=False)
class Pacer:
    """Drives a `Loop` on the asyncio thread.

    Promises:
        * at most `FRAME_BUDGET` seconds of callbacks run in one turn (plus the last callback);
        * when the engine cannot keep up, time falls behind instead of callbacks being lost;
          `lag` says by how much;
        * an outside input finds the loop at the present time, unless it lags.
    """

    loop: Loop
    journal: Journal
    speed: float = 1.0
    lag: float = attrs.field(default=0.0, init=False)
    is_paused: bool = attrs.field(default=False, init=False)
    _wall_anchor: float = attrs.field(default=0.0, init=False)
    _time_anchor: float = attrs.field(default=0.0, init=False)
    _wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _is_stopped: bool = attrs.field(default=False, init=False)
    _is_running_steps: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._anchor()
        self.journal.driven_by(catch_up=self._catch_up, wake=self._wakeup.set)

    def set_speed(self, speed: float) -> None:
        """Let *speed* virtual seconds pass per second of wall time.

        Raises:
            ValueError: *speed* is not above 0.
        """
        if speed <= 0:
            msg = f"the speed must be above 0, not {speed}"
            raise ValueError(msg)
        self._catch_up()
        self._anchor()
        self.speed = speed
        self._wakeup.set()

    def pause(self) -> None:
        """Let no time pass; inputs are still taken."""
        self._catch_up()
        self.is_paused = True
        self._wakeup.set()

    def resume(self) -> None:
        """Let time pass again, from where it stopped."""
        if self.is_paused:
            self.is_paused = False
            self._anchor()
            self._wakeup.set()

    async def run(self) -> None:
        """Drive the loop until `stop`. What a callback raises ends the run and comes out here."""
        self._anchor()
        while not self._is_stopped:
            self._wakeup.clear()
            is_behind = self._turn()
            if is_behind:
                await asyncio.sleep(0)
                continue
            delay = self._seconds_to_next()
            try:
                async with asyncio.timeout(delay):
                    await self._wakeup.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Let `run` return."""
        self._is_stopped = True
        self._wakeup.set()

    def _target(self) -> float:
        if self.is_paused:
            return self.loop.now
        elapsed = time.monotonic() - self._wall_anchor
        return self._time_anchor + elapsed * self.speed

    def _anchor(self) -> None:
        self._wall_anchor = time.monotonic()
        self._time_anchor = self.loop.now

    def _turn(self) -> bool:
        """Run what is due, within the budget; True if something due is left."""
        target = self._target()
        deadline = time.perf_counter() + FRAME_BUDGET
        is_behind = False
        self._is_running_steps = True
        try:
            while self.loop.run_step(target):
                if time.perf_counter() > deadline:
                    following = self.loop.next_time()
                    is_behind = following is not None and following <= target
                    break
            if not is_behind:
                self.loop.run_until(target)
        finally:
            self._is_running_steps = False
        self.lag = max(0.0, target - self.loop.now)
        return is_behind

    def _catch_up(self) -> None:
        # An input that comes while callbacks run (from one of them) enters at their time.
        if not self._is_running_steps:
            self._turn()

    def _seconds_to_next(self) -> float | None:
        following = self.loop.next_time()
        if following is None or self.is_paused:
            return None
        return max(0.0, (following - self._target()) / self.speed)

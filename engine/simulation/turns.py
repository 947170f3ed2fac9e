"""When things happen on one simulated node: timers that a power cut undoes, one lane per pod."""

from collections.abc import Callable

import attrs

from engine.kernel.loop import Loop, Timer
from engine.simulation.containers import Chance


@attrs.define(eq=False)
class Turns:
    """The node's timers.

    Promises:
        * what was asked for before `restart` never happens afterwards;
        * what is done for one pod in turn takes effect in the order it was asked for.
    """

    loop: Loop
    random: Chance
    _boot: int = attrs.field(default=0, init=False)
    _lanes: dict[str, float] = attrs.field(factory=dict, init=False)

    @property
    def now(self) -> float:
        """The present, in epoch seconds."""
        return self.loop.now

    def jitter(self) -> float:
        """A factor around 1 for how long something takes."""
        return 0.8 + 0.4 * self.random.random()

    def later(self, delay: float, callback: Callable[..., None], *args: object) -> Timer:
        """Run *callback* in *delay* seconds, unless the node loses power before."""
        return self.loop.call_later(delay, self._unless_rebooted, self._boot, callback, args)

    def in_turn(
        self, pod_uid: str, seconds: float, callback: Callable[..., None], *args: object
    ) -> None:
        """Run *callback* when the pod's earlier commands are done and *seconds* have passed."""
        done = self.turn_of(pod_uid) + seconds * self.jitter()
        self.occupy(pod_uid, done)
        self.later(done - self.now, callback, *args)

    def turn_of(self, pod_uid: str) -> float:
        """When all that was asked for the pod is done: now, or later."""
        return max(self.now, self._lanes.get(pod_uid, 0.0))

    def occupy(self, pod_uid: str, until: float) -> None:
        """Let what is asked for the pod next wait until then."""
        self._lanes[pod_uid] = until

    def forget(self, pod_uid: str) -> None:
        """Let nothing wait for what was asked for the pod."""
        self._lanes.pop(pod_uid, None)

    def restart(self) -> None:
        """Forget all that was to happen."""
        self._boot += 1
        self._lanes.clear()

    def _unless_rebooted(
        self, boot: int, callback: Callable[..., None], args: tuple[object, ...]
    ) -> None:
        if boot == self._boot:
            callback(*args)

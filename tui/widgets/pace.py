"""Work that grows with the cluster, done often while it is cheap and seldom while it is not."""

import time
from collections.abc import Callable

import attrs
from textual.widget import Widget


@attrs.define(eq=False)
class Pace:
    """Calls *work* soon after it was asked for, taking at most *share* of the time."""

    owner: Widget
    work: Callable[[], None]
    share: float = 0.05
    _not_before: float = attrs.field(default=0.0, init=False)
    _is_waiting: bool = attrs.field(default=False, init=False)

    def ask(self) -> None:
        """Have the work done: now if there is time, else once for all who asked meanwhile."""
        if self._is_waiting:
            return
        delay = self._not_before - time.monotonic()
        if delay <= 0:
            self._do()
        else:
            self._is_waiting = True
            self.owner.set_timer(delay, self._do)

    def _do(self) -> None:
        self._is_waiting = False
        began = time.monotonic()
        self.work()
        ended = time.monotonic()
        self._not_before = ended + (ended - began) / self.share

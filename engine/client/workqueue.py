"""A queue of keys for reconcilers.

Four properties: a key waits at most once however often it is added (stingy); keys are served in
the order they were first added (fair); a key that is added while it is worked on is served again
after that; a failed key comes back with exponential back-off, a forgotten one starts afresh.
"""

from collections.abc import Callable

import attrs

from engine.apiserver.errors import ApiError
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop, Timer


@attrs.frozen
class Result:
    """What a reconcile asks for: nothing, or to be called again in *requeue_after* seconds."""

    requeue_after: float | None = None


Reconcile = Callable[[str], Result | None]


@attrs.define(eq=False, repr=False)
class WorkQueue:
    """Calls *reconcile* with one key per loop step, *cost* virtual seconds apart.

    An ApiError from *reconcile* means: try that key again, later each time. Any other exception
    is a bug and leaves the loop.
    """

    loop: Loop
    reconcile: Reconcile
    name: str = ""
    cost: float = 0.0
    backoff: Backoff[str] = attrs.field(factory=lambda: Backoff(base=0.005, cap=1000.0))
    on_error: Callable[[str, ApiError], None] | None = None
    is_paused: bool = attrs.field(default=False, init=False)
    # How many keys were added that did not wait already, and how many came back after an error.
    adds: int = attrs.field(default=0, init=False)
    retries: int = attrs.field(default=0, init=False)
    _waiting: dict[str, object] = attrs.field(factory=dict, init=False)
    _delayed: dict[str, Timer] = attrs.field(factory=dict, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _free_at: float = attrs.field(default=0.0, init=False)
    _is_shut_down: bool = attrs.field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: str) -> None:
        """Have *key* reconciled soon. What made us add it becomes the cause of what follows."""
        if self._is_shut_down:
            return
        self.adds += key not in self._waiting
        # The newest cause wins, the place in the queue stays.
        self._waiting[key] = self.loop.context
        self._schedule(0.0)

    def add_after(self, key: str, delay: float) -> None:
        """Have *key* reconciled in *delay* seconds; of several delays for a key the first wins."""
        if delay <= 0:
            self.add(key)
            return
        if self._is_shut_down:
            return
        earlier = self._delayed.get(key)
        when = self.loop.now + delay
        if earlier is not None and earlier.is_pending:
            if earlier.when <= when:
                return
            earlier.cancel()
        self._delayed[key] = self.loop.call_at(when, self._due, key)

    def pause(self) -> None:
        """Serve nothing for now; keys go on waiting."""
        self.is_paused = True

    def resume(self) -> None:
        """Serve again."""
        self.is_paused = False
        self._schedule(0.0)

    def shut_down(self) -> None:
        """Forget everything and take no more keys."""
        self._is_shut_down = True
        self._waiting.clear()
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()

    def _due(self, key: str) -> None:
        self._delayed.pop(key, None)
        self.add(key)

    def _schedule(self, delay: float) -> None:
        if not self._is_scheduled and self._waiting and not self.is_paused:
            self._is_scheduled = True
            if self.cost:
                delay = max(delay, self._free_at - self.loop.now)
            self.loop.call_later(delay, self._serve)

    def _serve(self) -> None:
        self._is_scheduled = False
        if not self._waiting or self.is_paused:
            return
        key = next(iter(self._waiting))
        self.loop.context = self._waiting.pop(key)
        try:
            result = self.reconcile(key)
        except ApiError as error:
            if self.on_error is not None:
                self.on_error(key, error)
            self.retries += 1
            self.add_after(key, self.backoff.next_delay(key))
        else:
            self.backoff.forget(key)
            if result is not None and result.requeue_after is not None:
                self.add_after(key, result.requeue_after)
        self._free_at = self.loop.now + self.cost
        self._schedule(self.cost)

"""The one door: every input from outside passes here and is stamped with the step it entered at.

A journal of a run, fed back into an equal cluster at the same steps, gives the same run.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from engine.kernel.loop import Loop


@attrs.frozen(kw_only=True)
class Entry:
    """One input: what came in through which channel, and before which step of the loop."""

    number: int
    step: int
    time: float
    channel: str
    payload: Any


@attrs.frozen
class InputContext:
    """The loop context of what an outside input caused: the entry's number and its channel."""

    number: int
    channel: str


@attrs.define(eq=False, repr=False)
class Journal:
    """Brings outside inputs into the loop, in order, and remembers them.

    Channels are registered once by who handles them (``"http"``, ``"runtime/node-1"``, ``"key"``).
    Keeps the last *keep* entries in memory; `tap`, if set, sees every entry as it enters;
    `answered` sees what `call` returned for one.
    """

    loop: Loop
    keep: int = 10_000
    tap: Callable[[Entry], None] | None = None
    answered: Callable[[Entry, Any], None] | None = None
    entries: deque[Entry] = attrs.field(init=False)
    _handlers: dict[str, Callable[[Any], Any]] = attrs.field(factory=dict, init=False)
    _wake: Callable[[], None] | None = attrs.field(default=None, init=False)
    _catch_up: Callable[[], None] | None = attrs.field(default=None, init=False)
    _count: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.entries = deque(maxlen=self.keep)

    def register(self, channel: str, handler: Callable[[Any], Any]) -> None:
        """Let *handler* take what enters through *channel*; a second handler replaces the first."""
        self._handlers[channel] = handler

    def driven_by(self, *, catch_up: Callable[[], None], wake: Callable[[], None]) -> None:
        """Let who drives the loop know of inputs.

        *catch_up* is called before each input, to bring the loop to the present time; *wake* after
        it, so that the driver does not sleep over what the input has scheduled.
        """
        self._catch_up = catch_up
        self._wake = wake

    def post(self, channel: str, payload: Any) -> None:
        """Hand *payload* to the channel's handler as the loop's next step; does not wait.

        Raises:
            KeyError: nobody registered *channel*.
        """
        handler = self._handlers[channel]
        entry = self._record(channel, payload)
        outer, self.loop.context = self.loop.context, InputContext(entry.number, channel)
        self.loop.call_soon(handler, payload)
        self.loop.context = outer
        if self._wake is not None:
            self._wake()

    def call(self, channel: str, payload: Any) -> Any:
        """Hand *payload* to the channel's handler as a step of its own, now; return its answer.

        Raises:
            KeyError: nobody registered *channel*.
        """
        handler = self._handlers[channel]
        entry = self._record(channel, payload)
        result = self.loop.run_now(handler, payload, context=InputContext(entry.number, channel))
        if self.answered is not None:
            self.answered(entry, result)
        if self._wake is not None:
            self._wake()
        return result

    def entry(self, number: int) -> Entry | None:
        """The input of that number, or None if it is not kept any more."""
        at = number - self.entries[0].number if self.entries else -1
        return self.entries[at] if 0 <= at < len(self.entries) else None

    def _record(self, channel: str, payload: Any) -> Entry:
        if self._catch_up is not None:
            self._catch_up()
        self._count += 1
        entry = Entry(
            number=self._count,
            step=self.loop.steps,
            time=self.loop.now,
            channel=channel,
            payload=payload,
        )
        self.entries.append(entry)
        if self.tap is not None:
            self.tap(entry)
        return entry

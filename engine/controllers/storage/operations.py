"""Requests to the storage of the cluster: each under way once, with the time it takes.

The time is the modelled cloud's, the same for simulated volumes and real ones.
"""

from collections.abc import Callable
from itertools import count

import attrs

from engine.cri.storage import StorageAnswer, StorageBackend, StorageRequest
from engine.kernel.loop import Loop

Done = Callable[[str], None]
"""Called with what went wrong, or with nothing."""


@attrs.define(eq=False)
class StorageOperations:
    """Keeps track of what was asked for and not answered yet.

    *backend* is set before the first request. *outages* are drivers that refuse everything at the
    moment, with what they say; *delays*, by their cause, are drivers with which everything takes so
    many seconds longer: the levers of faults.
    """

    loop: Loop
    backend: StorageBackend | None = None
    outages: dict[str, str] = attrs.field(factory=dict, init=False)
    delays: dict[str, tuple[str, float]] = attrs.field(factory=dict, init=False)
    _running: dict[str, str] = attrs.field(factory=dict, init=False)
    _waiting: dict[str, tuple[str, Done]] = attrs.field(factory=dict, init=False)
    _numbers: "count[int]" = attrs.field(factory=lambda: count(1), init=False)

    def is_running(self, key: str) -> bool:
        """Whether something is under way under that key."""
        return key in self._running

    def run(self, key: str, request: StorageRequest, *, seconds: float, done: Done) -> None:
        """Have *request* done after *seconds*, unless *key* is under way already."""
        if key in self._running:
            return
        token = self._begin(key, done)
        seconds += self._longer(request.driver)
        self.loop.call_later(seconds, self._submit, token, request)

    def pass_time(self, key: str, driver: str, *, seconds: float, done: Done) -> None:
        """Only let *seconds* pass: what it stands for needs nothing done here."""
        if key in self._running:
            return
        token = self._begin(key, done)
        seconds += self._longer(driver)
        self.loop.call_later(seconds, self.answer, StorageAnswer(token=token))

    def answer(self, answer: StorageAnswer) -> None:
        """The storage has answered."""
        waiting = self._waiting.pop(answer.token, None)
        if waiting is not None:
            key, done = waiting
            self._running.pop(key, None)
            done(answer.error)

    def _longer(self, driver: str) -> float:
        return sum(seconds for name, seconds in self.delays.values() if name == driver)

    def _begin(self, key: str, done: Done) -> str:
        token = self._running[key] = str(next(self._numbers))
        self._waiting[token] = (key, done)
        return token

    def _submit(self, token: str, request: StorageRequest) -> None:
        refusal = self.outages.get(request.driver)
        if refusal is not None:
            self.answer(StorageAnswer(token=token, error=refusal))
        elif self.backend is None:
            error = "rpc error: code = Unavailable desc = no storage is connected"
            self.answer(StorageAnswer(token=token, error=error))
        else:
            self.backend.submit(token, request)

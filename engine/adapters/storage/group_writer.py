"""The thread between a store and a slow place: takes what waits, has it written as one group.

It knows nothing about where the writing goes.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import attrs

from engine.store.errors import StoreError
from engine.store.kv import Change

V = TypeVar("V")

log = logging.getLogger(__name__)


@attrs.frozen
class Compaction:
    """Everything in *dropped* (main revision, key) may go; *revision* is compacted."""

    revision: int
    dropped: Sequence[tuple[int, bytes]]


@attrs.frozen
class Grant:
    """A lease was granted."""

    lease_id: int
    ttl: float


@attrs.frozen
class Revocation:
    """A lease is gone."""

    lease_id: int


@attrs.frozen
class After:
    """Somebody wants to know when all before this is written.

    *work*, if given, is done on the writer's thread first.
    """

    callback: Callable[[], object]
    work: Callable[[], object] | None = None


class _Close:
    __slots__ = ()


Note = Compaction | Grant | Revocation
Job = list[Change[V]] | Note | After | _Close


class WriteRefusedError(StoreError):
    """The place takes no writes just now, or, when *is_final*, never again from us."""

    def __init__(self, alarm: str, *, is_final: bool = False) -> None:
        super().__init__(alarm)
        self.alarm = alarm
        self.is_final = is_final


@attrs.define(eq=False)
class GroupWriter(Generic[V]):
    """Hands groups of jobs to *write* on a thread of its own, in order, again until it succeeds.

    *write* gets the changes and the notes of one group and makes them durable, wholly or not at
    all, or raises `WriteRefusedError`. While nothing waits, *tidy* is called until it returns
    False. *post* brings a callback to the loop's own thread. With *soon* (the event loop's
    ``call_soon``), what one turn of the loop puts is handed over as a whole when the turn is over:
    a thread that is woken for each job takes the interpreter lock from the loop each time.
    """

    post: Callable[[Callable[[], object]], object]
    write: Callable[[list[Change[V]], list[Note]], None]
    tidy: Callable[[], bool] | None = None
    retry_interval: float = 1.0
    soon: Callable[[Callable[[], object]], object] | None = None
    has_garbage: bool = False
    _jobs: "queue.SimpleQueue[list[Job[V]]]" = attrs.field(factory=queue.SimpleQueue, init=False)
    _held: "list[Job[V]]" = attrs.field(factory=list, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)
    _on_durable: Callable[[int], object] = attrs.field(default=int, init=False)
    _on_alarm: Callable[[str | None], object] = attrs.field(default=bool, init=False)
    _closing: threading.Event = attrs.field(factory=threading.Event, init=False)
    _is_refused: bool = attrs.field(default=False, init=False)

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Start the thread; see `ChangeLog.start`."""
        self._on_durable, self._on_alarm = on_durable, on_alarm
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, job: "Job[V]") -> None:
        """Have *job* done after all that was put before."""
        if self.soon is None:
            self._jobs.put([job])
            return
        self._held.append(job)
        if len(self._held) == 1:
            self.soon(self._hand_over)

    def close(self) -> None:
        """Have everything written that waits, then stop the thread."""
        if self._thread is not None:
            self._closing.set()
            self._hand_over()
            self._jobs.put([_Close()])
            self._thread.join()
            self._thread = None

    def _hand_over(self) -> None:
        if self._held:
            self._jobs.put(self._held)
            self._held = []

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - a bug of ours; raised on the loop's thread
            self.post(partial(self._raise_failure, error))

    def _raise_failure(self, error: BaseException) -> None:
        self._on_alarm(f"the store's writer stopped: {error!r}")
        raise error

    def _turn(self) -> bool:
        """Write what waits, or tidy up while nothing does; False when it is time to stop."""
        jobs = self._take()
        if jobs is None:
            assert self.tidy is not None
            self.has_garbage = self.tidy()
            return True
        self._do(jobs)
        return not isinstance(jobs[-1], _Close)

    def _take(self) -> "list[Job[V]] | None":
        """The jobs that wait; if there is garbage to clear meanwhile, None instead of waiting."""
        try:
            jobs = self._jobs.get(block=not self.has_garbage)
        except queue.Empty:
            return None
        for _ in range(self._jobs.qsize()):
            jobs += self._jobs.get()
        return jobs

    def _do(self, jobs: "list[Job[V]]") -> None:
        """Have *jobs* written as one group, then tell those who wait for it."""
        changes: list[Change[V]] = []
        notes: list[Note] = []
        for job in jobs:
            if isinstance(job, list):
                changes += job
            elif isinstance(job, Note):
                notes.append(job)
        if (changes or notes) and not self._write_until_done(changes, notes):
            return
        if changes:
            self.post(partial(self._on_durable, changes[-1].revision))
        for job in jobs:
            if isinstance(job, After):
                if job.work is not None:
                    job.work()
                self.post(job.callback)

    def _write_until_done(self, changes: list[Change[V]], notes: list[Note]) -> bool:
        """Write one group; while it is refused, say so and try again. False: it never will be."""
        alarm: str | None = None
        while not self._is_refused:
            try:
                self.write(changes, notes)
            except WriteRefusedError as error:
                self._is_refused = error.is_final
                if error.alarm != alarm:
                    alarm = error.alarm
                    log.warning("store writes stopped reason=%s", alarm)
                    self.post(partial(self._on_alarm, alarm))
            else:
                if alarm is not None:
                    log.warning("store writes work again")
                    self.post(partial(self._on_alarm, None))
                return True
            if self._closing.wait(self.retry_interval):
                log.warning("closed without writing changes=%d", len(changes))
                return False
        return False

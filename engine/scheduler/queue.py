"""Pods that wait for a node: those to try now, those in back-off, and those nothing can help yet.

Source: backend/queue/scheduling_queue.go, kubernetes v1.34.
"""

import heapq
from collections.abc import Callable, Iterator

import attrs

from engine.scheduler.pod_info import PodInfo

INITIAL_BACKOFF = 1.0
MAX_BACKOFF = 10.0
MAX_UNSCHEDULABLE = 300.0
"""Seconds after which an unschedulable pod is tried again whatever happened."""

ACTIVE, BACKOFF, UNSCHEDULABLE, GATED = "active", "backoff", "unschedulable", "gated"


@attrs.define(eq=False)
class QueuedPod:
    """A waiting pod: how often it was tried, and which plugins refused it last.

    *context* is the loop context of what put it into the queue: the cause of its binding. Pods of
    one *template* can be helped by the same things.
    """

    key: str
    priority: int
    added: float
    context: object = None
    attempts: int = 0
    refused_by: frozenset[str] = frozenset()
    template: object = None
    info: PodInfo | None = None
    tried: float = 0.0
    backoff_until: float = 0.0
    # When it first waited; *added* moves on with each attempt.
    created: float = attrs.field(
        default=attrs.Factory(lambda self: self.added, takes_self=True), init=False
    )


Helps = Callable[[QueuedPod], bool]


@attrs.define(eq=False)
class SchedulingQueue:
    """The queues. Higher priorities come first, then who waited longer.

    A pod is in one of them at most. It leaves all by `pop` or `remove`.
    """

    initial_backoff: float = INITIAL_BACKOFF
    max_backoff: float = MAX_BACKOFF
    _active: list[tuple[int, float, int, QueuedPod]] = attrs.field(factory=list, init=False)
    _backoff: list[tuple[float, int, QueuedPod]] = attrs.field(factory=list, init=False)
    _unschedulable: dict[object, dict[str, QueuedPod]] = attrs.field(factory=dict, init=False)
    _where: dict[str, tuple[str, QueuedPod]] = attrs.field(factory=dict, init=False)
    _sequence: int = attrs.field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, key: str) -> bool:
        return key in self._where

    def __iter__(self) -> Iterator[tuple[str, QueuedPod]]:
        return iter(tuple(self._where.values()))

    def counts(self) -> dict[str, int]:
        """How many pods are in which queue."""
        result = {ACTIVE: 0, BACKOFF: 0, UNSCHEDULABLE: 0, GATED: 0}
        for where, _ in self._where.values():
            result[where] += 1
        return result

    def refusals(self) -> dict[tuple[str, str], int]:
        """How many waiting pods each plugin refused when they were last tried, by profile."""
        found: dict[tuple[str, str], int] = {}
        for _, queued in self._where.values():
            profile = queued.info.pod.spec.scheduler_name if queued.info is not None else ""
            for plugin in queued.refused_by:
                found[plugin, profile] = found.get((plugin, profile), 0) + 1
        return found

    def where(self, key: str) -> str:
        """The queue a pod is in, or ""."""
        found = self._where.get(key)
        return found[0] if found else ""

    def add(self, pod: QueuedPod) -> None:
        """Have *pod* tried as soon as its turn comes."""
        self._sequence += 1
        self._where[pod.key] = (ACTIVE, pod)
        heapq.heappush(self._active, (-pod.priority, pod.added, self._sequence, pod))

    def add_gated(self, pod: QueuedPod) -> None:
        """Keep a pod that must not be tried."""
        self._where[pod.key] = (GATED, pod)

    def add_unschedulable(self, pod: QueuedPod) -> None:
        """Keep a pod that nothing can help until something changes."""
        self._where[pod.key] = (UNSCHEDULABLE, pod)
        self._unschedulable.setdefault((pod.template, pod.refused_by), {})[pod.key] = pod

    def note_attempt(self, pod: QueuedPod, now: float) -> None:
        """The pod was tried and failed: its back-off is 1 s, then doubles up to 10 s."""
        pod.tried = pod.added = now
        delay = self.initial_backoff * 2.0 ** (max(pod.attempts, 1) - 1)
        pod.backoff_until = now + min(self.max_backoff, delay)

    def add_backoff(self, pod: QueuedPod, now: float) -> None:
        """Have *pod* tried when its back-off is over."""
        if pod.backoff_until <= now:
            self.add(pod)
            return
        self._sequence += 1
        self._where[pod.key] = (BACKOFF, pod)
        heapq.heappush(self._backoff, (pod.backoff_until, self._sequence, pod))

    def pop(self) -> QueuedPod | None:
        """The next pod to try, or None."""
        while self._active:
            pod = heapq.heappop(self._active)[3]
            if self._where.get(pod.key) == (ACTIVE, pod):
                del self._where[pod.key]
                return pod
        return None

    def remove(self, key: str) -> None:
        """Forget a pod that is gone or bound."""
        where, pod = self._where.pop(key, ("", None))
        if where == UNSCHEDULABLE and pod is not None:
            self._leave(pod)

    def get(self, key: str) -> QueuedPod | None:
        """The waiting pod of that key, or None."""
        found = self._where.get(key)
        return found[1] if found else None

    def has_active(self) -> bool:
        """Whether a pod could be tried now."""
        while self._active:
            pod = self._active[0][3]
            if self._where.get(pod.key) == (ACTIVE, pod):
                return True
            heapq.heappop(self._active)
        return False

    def next_backoff(self) -> float | None:
        """When the next back-off is over, or None."""
        while self._backoff:
            when, _, pod = self._backoff[0]
            if self._where.get(pod.key) == (BACKOFF, pod):
                return when
            heapq.heappop(self._backoff)
        return None

    def end_backoffs(self, now: float) -> None:
        """Make pods active whose back-off is over."""
        while (when := self.next_backoff()) is not None and when <= now:
            self.add(heapq.heappop(self._backoff)[2])

    @property
    def has_unschedulable(self) -> bool:
        """Whether any pod waits for something to change."""
        return bool(self._unschedulable)

    def revive(self, helps: Helps, now: float) -> int:
        """Try pods again that something helps; asked once for all pods of a template.

        Returns:
            How many pods left the unschedulable ones.
        """
        count = 0
        for alike in tuple(self._unschedulable):
            pods = self._unschedulable[alike]
            if helps(next(iter(pods.values()))):
                del self._unschedulable[alike]
                count += len(pods)
                for pod in pods.values():
                    self.add_backoff(pod, now)
        return count

    def revive_one(self, key: str, now: float) -> None:
        """The pod itself changed."""
        where, pod = self._where.get(key, ("", None))
        if where == UNSCHEDULABLE and pod is not None:
            self._leave(pod)
            self.add_backoff(pod, now)

    def revive_old(self, now: float) -> None:
        """Try pods again that have been unschedulable for very long."""
        for where, pod in tuple(self._where.values()):
            if where == UNSCHEDULABLE and now - pod.tried > MAX_UNSCHEDULABLE:
                self._leave(pod)
                self.add_backoff(pod, now)

    def _leave(self, pod: QueuedPod) -> None:
        alike = (pod.template, pod.refused_by)
        pods = self._unschedulable.get(alike)
        if pods is not None:
            pods.pop(pod.key, None)
            if not pods:
                del self._unschedulable[alike]

"""Pods that wait for a node: those to try now, those in back-off, and those nothing can help yet.

Source: backend/queue/scheduling_queue.go, kubernetes v1.34.
"""

import heapq

import attrs

INITIAL_BACKOFF = 1.0
MAX_BACKOFF = 10.0
MAX_UNSCHEDULABLE = 300.0
"""Seconds after which an unschedulable pod is tried again whatever happened."""


@attrs.define(eq=False)
class QueuedPod:
    """A waiting pod: how often it was tried, and which plugins refused it last.

    *context* is the loop context of what put it into the queue: the cause of its binding.
    """

    key: str
    priority: int
    added: float
    context: object = None
    attempts: int = 0
    refused_by: frozenset[str] = frozenset()
    tried: float = 0.0

    @property
    def backoff_until(self) -> float:
        """When it may be tried again at the earliest."""
        if not self.attempts:
            return 0.0
        return self.tried + min(MAX_BACKOFF, INITIAL_BACKOFF * 2.0 ** (self.attempts - 1))


@attrs.define(eq=False)
class SchedulingQueue:
    """The three queues. Higher priorities come first, then who waited longer.

    A pod is in one of them at most. It leaves all by `pop` or `remove`.
    """

    _active: list[tuple[int, float, int, QueuedPod]] = attrs.field(factory=list, init=False)
    _backoff: list[tuple[float, int, QueuedPod]] = attrs.field(factory=list, init=False)
    _unschedulable: dict[str, QueuedPod] = attrs.field(factory=dict, init=False)
    _where: dict[str, tuple[str, QueuedPod]] = attrs.field(factory=dict, init=False)
    _sequence: int = attrs.field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, key: str) -> bool:
        return key in self._where

    def counts(self) -> dict[str, int]:
        """How many pods are in which queue."""
        result = {"active": 0, "backoff": 0, "unschedulable": 0}
        for where, _ in self._where.values():
            result[where] += 1
        return result

    def add(self, pod: QueuedPod) -> None:
        """Have *pod* tried as soon as its turn comes."""
        self._sequence += 1
        self._where[pod.key] = ("active", pod)
        heapq.heappush(self._active, (-pod.priority, pod.added, self._sequence, pod))

    def add_unschedulable(self, pod: QueuedPod) -> None:
        """Keep a pod that nothing can help until something changes."""
        self._where[pod.key] = ("unschedulable", pod)
        self._unschedulable[pod.key] = pod

    def add_backoff(self, pod: QueuedPod, now: float) -> None:
        """Have *pod* tried when its back-off is over."""
        if pod.backoff_until <= now:
            self.add(pod)
            return
        self._sequence += 1
        self._where[pod.key] = ("backoff", pod)
        heapq.heappush(self._backoff, (pod.backoff_until, self._sequence, pod))

    def pop(self) -> QueuedPod | None:
        """The next pod to try, or None."""
        while self._active:
            pod = heapq.heappop(self._active)[3]
            if self._where.get(pod.key) == ("active", pod):
                del self._where[pod.key]
                return pod
        return None

    def remove(self, key: str) -> None:
        """Forget a pod that is gone or bound."""
        self._where.pop(key, None)
        self._unschedulable.pop(key, None)

    def get(self, key: str) -> QueuedPod | None:
        """The waiting pod of that key, or None."""
        found = self._where.get(key)
        return found[1] if found else None

    def has_active(self) -> bool:
        """Whether a pod could be tried now."""
        while self._active:
            pod = self._active[0][3]
            if self._where.get(pod.key) == ("active", pod):
                return True
            heapq.heappop(self._active)
        return False

    def next_backoff(self) -> float | None:
        """When the next back-off is over, or None."""
        while self._backoff:
            when, _, pod = self._backoff[0]
            if self._where.get(pod.key) == ("backoff", pod):
                return when
            heapq.heappop(self._backoff)
        return None

    def end_backoffs(self, now: float) -> None:
        """Make pods active whose back-off is over."""
        while (when := self.next_backoff()) is not None and when <= now:
            self.add(heapq.heappop(self._backoff)[2])

    def revive(self, plugins: frozenset[str] | None, now: float) -> None:
        """Something changed that pods refused by one of *plugins* may profit from (None: any)."""
        helped = [
            pod
            for pod in self._unschedulable.values()
            if plugins is None or not pod.refused_by or pod.refused_by & plugins
        ]
        for pod in helped:
            del self._unschedulable[pod.key]
            self.add_backoff(pod, now)

    def revive_one(self, key: str, now: float) -> None:
        """The pod itself changed."""
        pod = self._unschedulable.pop(key, None)
        if pod is not None:
            self.add_backoff(pod, now)

    def revive_old(self, now: float) -> None:
        """Try pods again that have been unschedulable for very long."""
        for pod in tuple(self._unschedulable.values()):
            if now - pod.tried > MAX_UNSCHEDULABLE:
                del self._unschedulable[pod.key]
                self.add_backoff(pod, now)

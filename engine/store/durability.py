"""Up to which revision all is on disk, and who waits for more."""

import heapq
from collections.abc import Callable

import attrs


@attrs.define(eq=False)
class Durability:
    """*revision* is the newest that survives a crash."""

    revision: int = 0
    _waiting: list[tuple[int, int, Callable[[], object]]] = attrs.field(factory=list, init=False)
    _waited: int = attrs.field(default=0, init=False)

    def wait(self, revision: int, callback: Callable[[], object]) -> None:
        """Call *callback* once *revision* is durable; at once if it is."""
        if revision <= self.revision:
            callback()
            return
        self._waited += 1
        heapq.heappush(self._waiting, (revision, self._waited, callback))

    def advance(self, revision: int) -> None:
        """The log's word that everything up to *revision* is on disk."""
        self.revision = max(self.revision, revision)
        waiting = self._waiting
        while waiting and waiting[0][0] <= self.revision:
            heapq.heappop(waiting)[2]()

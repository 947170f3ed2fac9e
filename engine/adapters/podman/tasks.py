"""Tasks under way, kept so that they can be awaited, cancelled, and their bugs seen."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import attrs

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Tasks:
    """The tasks of one owner; *name* is said in the log when one fails."""

    name: str
    loop: asyncio.AbstractEventLoop
    _running: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have *work* done."""
        task = self.loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def cancel(self, *, after: float = 0.0) -> None:
        """Cancel what is under way in *after* seconds, and wait until it has ended."""
        if self._running and after > 0:
            await asyncio.wait(self._running, timeout=after)
        for task in self._running:
            task.cancel()
        await self.settle()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task failed owner=%s", self.name, exc_info=task.exception())

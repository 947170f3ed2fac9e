"""Gets a page over HTTP for who lives in the loop: asked there, answered there."""

import asyncio
import itertools
from collections.abc import Callable

import aiohttp
import attrs

from engine.kernel.journal import Journal

CHANNEL = "http-answer"


@attrs.frozen(kw_only=True)
class FetchAnswer:
    """What came back for request *number*; *status* 0 if nothing did, and why in *body*."""

    number: int
    status: int
    body: str


@attrs.define(eq=False, repr=False)
class Fetcher:
    """Asks from this machine; the answers enter the cluster through the journal."""

    journal: Journal
    timeout: float = 3.0
    _waiting: dict[int, Callable[[FetchAnswer], None]] = attrs.field(factory=dict, init=False)
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count, init=False)
    _tasks: set["asyncio.Task[None]"] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self.journal.register(CHANNEL, self._answer)

    def fetch(self, url: str, done: Callable[[FetchAnswer], None]) -> None:
        """GET *url*; call *done* with the answer, in a step of the loop."""
        number = next(self._numbers)
        self._waiting[number] = done
        task = asyncio.get_running_loop().create_task(self._fetch(number, url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _fetch(self, number: int, url: str) -> None:
        limit = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.get(url) as response,
            ):
                body = (await response.content.read(65_536)).decode(errors="replace")
                answer = FetchAnswer(number=number, status=response.status, body=body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = str(error) or type(error).__name__
            answer = FetchAnswer(number=number, status=0, body=words)
        self.journal.post(CHANNEL, answer)

    def _answer(self, answer: FetchAnswer) -> None:
        self._waiting.pop(answer.number)(answer)

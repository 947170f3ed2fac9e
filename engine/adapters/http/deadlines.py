"""How long a request may take, and how long a connection may stay without one.

Source: k8s.io/apiserver pkg/endpoints/filters/request_deadline.go and pkg/server/secure_serving.go
(ReadHeaderTimeout), kubernetes v1.34.
"""

import asyncio
import re
from collections.abc import Mapping

import attrs
from aiohttp import web

from engine.adapters.http.limits import Limits
from engine.apiserver.errors import BadRequestError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def request_seconds(query: Mapping[str, str], limits: Limits) -> float:
    """Seconds that a request may take: what ``timeout`` says, and no more than the server allows.

    Raises:
        BadRequestError: it is no duration as Go writes them (``10s``, ``1m30s``).
    """
    given = query.get("timeout", "")
    if not given:
        return limits.request_time
    if given != "0" and not _WHOLE.fullmatch(given):
        raise BadRequestError(
            f'invalid timeout specified in the request URL - time: invalid duration "{given[:100]}"'
        )
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(given))
    return min(seconds, limits.request_time) if seconds else limits.request_time


@attrs.define(eq=False)
class SilenceGuard:
    """Closes connections on which no whole request has come for too long.

    Those that have asked once are closed by the server itself when they fall silent.
    """

    server: web.Server
    seconds: float
    # The connections that have asked, and when those that have not were first seen.
    _asked: dict[object, None] = attrs.field(factory=dict, init=False)
    _since: dict[object, float] = attrs.field(factory=dict, init=False)
    _task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="silence-guard")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def heard(self, http: web.BaseRequest) -> None:
        """A request has come."""
        self._asked[http.protocol] = None

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self.seconds / 4)
            now = clock()
            connections = self.server.connections
            self._asked = {each: None for each in connections if each in self._asked}
            silent = [each for each in connections if each not in self._asked]
            self._since = {each: self._since.get(each, now) for each in silent}
            for each in silent:
                if now - self._since[each] > self.seconds / 2:
                    each.force_close()

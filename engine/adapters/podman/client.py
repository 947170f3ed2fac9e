"""The libpod REST API over a unix socket or TCP, as coroutines.

It knows paths, status codes and framing; what a pod is, others know. What is asked often goes over
connections of our own, what streams over aiohttp.
"""

import asyncio
import io
import json
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import attrs
import orjson

from engine.adapters.podman.http import Connections
from engine.errors import AdapterError

API = "/v4.0.0/libpod"
DOCKER_API = "/v1.41"
PLAIN = "/:@+,;=~!$&'()*%"
JSON = {"Content-Type": "application/json"}


class PodmanError(AdapterError):
    """Podman refused a request; *status* is its HTTP status, the message its own words."""

    def __init__(self, request: str, status: int, message: str) -> None:
        super().__init__(message or f"{request}: HTTP {status}")
        self.request = request
        self.status = status

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.status == 404


class PodmanGone(AdapterError):  # noqa: N818 - a state of the world more than an error
    """The Podman service does not answer at all."""


@attrs.define(eq=False)
class PodmanClient:
    """One Podman service.

    Promises:
        * every failure is `PodmanError` (it answered, and refused) or `PodmanGone` (it did not);
        * at most *parallel* changing requests are under way at once, in the order they came.
    """

    url: str
    parallel: int = 4
    _connections: Connections = attrs.field(init=False)
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _base: str = attrs.field(default="", init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _turn: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.parallel)
        self._connections = Connections(self.url)

    async def close(self) -> None:
        """Close the connections for good: whoever asks from now on is told `PodmanGone`."""
        self._is_closed = True
        await self.reset()

    async def reset(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._connections.close()
        await asyncio.sleep(0)  # so that asyncio hears of it
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def answers(self, seconds: float) -> bool:
        """Whether the service says anything within *seconds*."""
        try:
            await self._request("GET", "/_ping", timeout=seconds)
        except PodmanGone:
            return False
        except PodmanError:
            return True
        return True

    async def get(self, path: str, **params: str) -> Any:
        """The JSON answer to a GET."""
        return await self._request("GET", path, params=params)

    async def post(
        self,
        path: str,
        body: object = None,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - handed to aiohttp as it is
        **params: str,
    ) -> Any:
        """The JSON answer to a POST, None if it has none; 304 (already so) counts as success."""
        async with self._turn:
            return await self._request("POST", path, params=params, body=body, timeout=timeout)

    async def delete(self, path: str, **params: str) -> Any:
        """DELETE; what is not there counts as deleted."""
        async with self._turn:
            try:
                return await self._request("DELETE", path, params=params)
            except PodmanError as error:
                if error.is_missing:
                    return None
                raise

    async def load_image(self, archive: bytes) -> None:
        """Load a docker or OCI archive."""
        headers = {"Content-Type": "application/x-tar"}
        limit = aiohttp.ClientTimeout(total=120.0)
        path = "/images/load"
        async with self._turn:
            try:
                async with self._open(
                    "POST", path, data=io.BytesIO(archive), headers=headers, timeout=limit
                ) as response:
                    await self._check(response, path)
                    await response.read()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise PodmanGone(f"POST {path}: {error!r}") from error

    async def stream(self, path: str, **params: str) -> AsyncIterator[Any]:
        """The answers of a request that goes on: one JSON document a line."""
        async with self._open("GET", path, params=params) as response:
            await self._check(response, path)
            try:
                async for line in response.content:
                    if line.strip():
                        yield json.loads(line)
            except aiohttp.ClientError as error:
                raise PodmanGone(str(error)) from error

    async def pull(self, image: str, *, auth: str = "") -> AsyncIterator[Mapping[str, Any]]:
        """Fetch *image* from its registry; what is said meanwhile, with ``progressDetail``.

        Raises:
            PodmanError: the registry refused, or there is no such image; in its words.
            PodmanGone: Podman does not answer.
        """
        headers = {"X-Registry-Auth": auth} if auth else {}
        timeout = aiohttp.ClientTimeout(total=None)
        name, _, digest = image.partition("@")
        params = {"fromImage": f"{name}@{digest}" if digest else image}
        # Only the Docker form of this request tells bytes.
        path = "/images/create"
        try:
            async with self._open(
                "POST", path, base=DOCKER_API, params=params, headers=headers, timeout=timeout
            ) as response:
                await self._check(response, path)
                async for line in response.content:
                    said = json.loads(line)
                    if said.get("error"):
                        raise PodmanError("pull", 500, str(said["error"]))
                    yield said
        except (aiohttp.ClientError, OSError) as error:
            raise PodmanGone(f"POST {path}: {error!r}") from error

    async def exec(self, container: str, command: list[str], **config: object) -> tuple[int, bytes]:
        """Run *command* in a container and wait; its exit code and output."""
        settings = {"Cmd": command, "AttachStdout": True, "AttachStderr": True, **config}
        session = (await self.post(f"/containers/{container}/exec", settings))["Id"]
        body = json.dumps({"Detach": False, "Tty": False})
        path = f"/exec/{session}/start"
        async with self._open("POST", path, data=body, headers=JSON) as response:
            await self._check(response, path)
            output = demultiplex(await response.read())
        status = await self.get(f"/exec/{session}/json")
        return int(status["ExitCode"]), output

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> Any:
        if self._is_closed:
            raise PodmanGone(f"{method} {path}: the client is closed")
        target = API + quote(path, safe=PLAIN) + (f"?{urlencode(params)}" if params else "")
        data = None if body is None else orjson.dumps(body)
        try:
            answer = await self._connections.ask(method, target, data, seconds=timeout)
        except (OSError, TimeoutError) as error:
            raise PodmanGone(f"{method} {path}: {error!r}") from error
        if answer.status >= 400:
            raise _refusal(f"{method} {path}", answer.status, answer.body)
        text = answer.body.lstrip()
        return orjson.loads(text) if text[:1] in (b"{", b"[", b'"') else None

    def _open(self, method: str, path: str, base: str = API, **options: Any) -> Any:
        if self._is_closed:
            raise PodmanGone(f"{method} {path}: the client is closed")
        if self._session is None:
            connector: aiohttp.BaseConnector
            if self.url.startswith("unix://"):
                connector = aiohttp.UnixConnector(self.url.removeprefix("unix://"), limit=0)
                self._base = "http://podman"
            else:
                connector = aiohttp.TCPConnector(limit=0)
                self._base = self.url.replace("tcp://", "http://", 1).rstrip("/")
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self._session.request(method, self._base + base + path, **options)

    @staticmethod
    async def _check(response: aiohttp.ClientResponse, path: str) -> None:
        if response.status < 400:
            return
        raise _refusal(f"{response.method} {path}", response.status, await response.read())


def _refusal(request: str, status: int, body: bytes) -> PodmanError:
    """What Podman said when it refused."""
    text = body.decode(errors="replace")
    try:
        message = json.loads(text).get("message", text)
    except (ValueError, AttributeError):
        message = text
    return PodmanError(request, status, str(message).strip())


def demultiplex(stream: bytes) -> bytes:
    """The payload of Docker's framed stream (stdout and stderr, in order of arrival)."""
    pieces, position = [], 0
    while position + 8 <= len(stream):
        (length,) = struct.unpack_from(">I", stream, position + 4)
        pieces.append(stream[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(pieces)

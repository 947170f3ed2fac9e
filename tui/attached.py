"""A source over HTTP: any API server that a kubeconfig leads to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import attrs
import cattrs
import orjson

from engine.api.codec import DecodeError, decode_as, encode
from engine.api.coordination import Lease
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME
from engine.apiserver.errors import ApiError, GoneError, InternalError, UnavailableError
from engine.hosting.panic import running, undo_all
from engine.store.status import StoreStatus
from tui.kubeconfig import ServerAccess, read_kubeconfig
from tui.source import ClusterInfo, LogOptions, OnChange

T = TypeVar("T", bound=ApiObject)

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
MANAGER = "kubarium-tui"
CLOSE_ENOUGH = 30.0
"""Seconds by which the cluster's clock may differ from ours and still count as ours."""

_LINE_LIMIT = 64 * 2**20


@attrs.define(eq=False, repr=False)
class AttachedSource:
    """List, then watch, kind by kind; a broken watch is resumed, an outdated one begun anew.

    Promises: after a reconnect exactly the differences are reported; while the server is out of
    reach `info.problem` says so.
    """

    access: ServerAccess
    controls: None = attrs.field(default=None, init=False)
    _http: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _on_change: OnChange | None = attrs.field(default=None, init=False)
    _objects: dict[type[ApiObject], dict[str, ApiObject]] = attrs.field(factory=dict, init=False)
    _tasks: dict[type[ApiObject], "asyncio.Task[None]"] = attrs.field(factory=dict, init=False)
    _problems: dict[type[ApiObject], str] = attrs.field(factory=dict, init=False)
    _version: str = attrs.field(default="", init=False)
    _revision: int = attrs.field(default=0, init=False)
    _clock: tuple[float, float] | None = attrs.field(default=None, init=False)

    @classmethod
    def from_kubeconfig(cls, path: Path, *, context: str | None = None) -> "AttachedSource":
        """A source for one context of a kubeconfig.

        Raises:
            ConfigError: the file or the context cannot be used.
        """
        return cls(read_kubeconfig(path, context=context or ""))

    @property
    def info(self) -> ClusterInfo:
        """The cluster as far as we have heard of it."""
        return ClusterInfo(
            context=self.access.context,
            version=self._version,
            runtime="",
            revision=self._revision,
            now=self._now(),
            is_attached=True,
            problem=next(iter(self._problems.values()), ""),
        )

    async def start(self, on_change: OnChange) -> None:
        """Make sure there is a server, then report to *on_change*.

        Raises:
            ConfigError: our certificates cannot be used.
            ApiError: the server cannot be reached or does not let us in.
        """
        self._on_change = on_change
        connector = aiohttp.TCPConnector(ssl=self.access.tls(), limit=0)
        self._http = aiohttp.ClientSession(
            connector=connector,
            headers={**self.access.headers(), "User-Agent": MANAGER},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
            read_bufsize=2**20,
        )
        version = await self._call("GET", "/version")
        self._version = str(version.get("gitVersion", ""))
        await self.watch(Lease)

    async def panic(self) -> bool:
        """Have the cluster undo all faults without its API, if it runs on this machine."""
        notes = running(server=self.access.server)
        undone = [await asyncio.to_thread(undo_all, note) for note in notes]
        return any(count is not None for count in undone)

    async def stop(self) -> None:
        """End all watches."""
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def watch(self, cls: type[ApiObject]) -> None:
        """Report a kind too. Twice is once.

        Raises:
            ApiError: the kind cannot be listed.
        """
        if cls in self._tasks:
            return
        self._objects[cls] = {}
        revision = ""
        with contextlib.suppress(ApiError):
            # A kind this server lacks, or may not show, is asked for again later.
            revision = await self._list(cls)
        self._tasks[cls] = asyncio.create_task(self._follow(cls, revision), name=cls.KIND)

    async def get(self, cls: type[T], name: str, namespace: str) -> T:
        """The object as it is now."""
        return decode_as(cls, await self._call("GET", _path(cls, namespace, name)))

    async def list(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind that is not watched."""
        answer = await self._call("GET", _path(cls))
        return tuple(decode_as(cls, item) for item in answer.get("items") or ())

    async def at(self, cls: type[T], revision: int) -> tuple[T, ...]:
        """All objects of a kind as they were at *revision*, as far as the server remembers."""
        params = {"resourceVersion": str(revision), "resourceVersionMatch": "Exact"}
        answer = await self._call("GET", _path(cls), params=params)
        return tuple(decode_as(cls, item) for item in answer.get("items") or ())

    async def create(self, obj: T) -> T:
        """Store a new object."""
        path = _path(type(obj), obj.metadata.namespace)
        return decode_as(type(obj), await self._call("POST", path, body=encode(obj)))

    async def replace(self, obj: T) -> T:
        """Replace an object that was read at its resourceVersion."""
        path = _path(type(obj), obj.metadata.namespace, obj.metadata.name)
        return decode_as(type(obj), await self._call("PUT", path, body=encode(obj)))

    async def patch(
        self,
        cls: type[T],
        name: str,
        data: Any,
        *,
        namespace: str = "",
        type: str = "merge",  # noqa: A002 - the field's word
        subresource: str = "",
    ) -> T:
        """Change parts of an object."""
        params = {"fieldManager": MANAGER}
        if type == "apply":
            params["force"] = "true"
        path = _path(cls, namespace, name, subresource)
        answer = await self._call(
            "PATCH", path, body=data, params=params, content_type=PATCH_TYPES[type]
        )
        return decode_as(cls, answer)

    async def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete an object, or begin to."""
        body: dict[str, Any] = {
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        }  # fmt: skip
        if grace_period_seconds is not None:
            body["gracePeriodSeconds"] = grace_period_seconds
        await self._call("DELETE", _path(cls, namespace, name), body=body)

    async def evict(self, name: str, *, namespace: str) -> None:
        """Delete a pod if its disruption budgets allow."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        await self._call("POST", path, body=body)

    async def store(self, since: int) -> StoreStatus:
        """What the store looks like, with its changes after the revision *since*.

        Raises:
            NotFoundError: the server is not a Kubarium, and does not show its store.
        """
        answer = await self._call("GET", "/debug/store", params={"since": str(since)})
        try:
            return cattrs.structure(answer, StoreStatus)
        except cattrs.BaseValidationError as error:
            msg = f"{self.access.server} tells of its store in a way we do not understand"
            raise InternalError(msg) from error

    async def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[str]:
        """The lines of a container's log."""
        params = {"container": options.container} if options.container else {}
        if options.tail_lines is not None:
            params["tailLines"] = str(options.tail_lines)
        for name in ("follow", "previous", "timestamps"):
            if getattr(options, name):
                params[name] = "true"
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        async with self._request("GET", path, params=params) as response:
            async for line in _lines(response):
                yield line.decode(errors="replace")

    async def _list(self, cls: type[ApiObject]) -> str:
        answer = await self._call("GET", _path(cls))
        known, found = self._objects[cls], {}
        for item in answer.get("items") or ():
            obj = decode_as(cls, item)
            found[obj.key] = obj
        for key in [key for key in known if key not in found]:
            self._tell(cls, key, None)
        for key, obj in found.items():
            old = known.get(key)
            if old is None or old.metadata.resource_version != obj.metadata.resource_version:
                self._tell(cls, key, obj)
        return str(answer.get("metadata", {}).get("resourceVersion", ""))

    async def _follow(self, cls: type[ApiObject], revision: str) -> None:
        delay = 1.0
        while True:
            try:
                if not revision:
                    revision = await self._list(cls)
                self._problems.pop(cls, None)
                async for type_, item in self._stream(cls, revision):
                    delay = 1.0
                    revision = str(item["metadata"].get("resourceVersion") or revision)
                    self._see(revision)
                    if type_ != "BOOKMARK":
                        obj = decode_as(cls, item)
                        self._tell(cls, obj.key, None if type_ == "DELETED" else obj)
            except GoneError:
                revision = ""
                continue
            except UnavailableError as error:
                self._problems[cls] = str(error)
            except (ApiError, DecodeError, KeyError, ValueError):
                # The server lacks this kind or speaks in riddles; perhaps not for ever.
                revision = ""
                delay = max(delay, 10.0)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 30.0)

    async def _stream(
        self, cls: type[ApiObject], revision: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        params = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": revision}
        async with self._request("GET", _path(cls), params=params) as response:
            async for line in _lines(response):
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise _error_of(event["object"])
                yield event["type"], event["object"]

    def _tell(self, cls: type[ApiObject], key: str, new: ApiObject | None) -> None:
        old = self._objects[cls].pop(key, None)
        if new is not None:
            self._objects[cls][key] = new
            self._see(new.metadata.resource_version)
            if isinstance(new, Lease):
                self._set_clock(new)
        if self._on_change is not None and (old is not None or new is not None):
            self._on_change(cls, key, old, new)

    def _see(self, revision: str) -> None:
        if revision.isdigit():
            self._revision = max(self._revision, int(revision))

    def _set_clock(self, lease: Lease) -> None:
        """Learn the cluster's time from its heartbeats: it need not be ours."""
        renewed = lease.spec.renew_time
        if renewed is not None and renewed > self._now():
            self._clock = (renewed, time.monotonic())

    def _now(self) -> float:
        wall = time.time()
        if self._clock is None:
            return wall if not self._objects.get(Lease) else 0.0
        renewed, heard = self._clock
        theirs = renewed + time.monotonic() - heard
        return wall if abs(wall - theirs) < CLOSE_ENOUGH else theirs

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        async with self._request(method, path, **more) as response:
            answer = orjson.loads(await response.read() or b"{}")
            return answer if isinstance(answer, dict) else {}

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._http is None:
            msg = f"not connected to {self.access.server}"
            raise UnavailableError(msg)
        data = None if body is None else orjson.dumps(body)
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            async with self._http.request(
                method, self.access.server + path, data=data, params=params, headers=headers
            ) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            msg = f"cannot reach {self.access.server}: {_why(error)}"
            raise UnavailableError(msg) from error
        except orjson.JSONDecodeError as error:
            msg = f"{self.access.server}{path} did not answer in JSON"
            raise InternalError(msg) from error


def _path(cls: type[ApiObject], namespace: str = "", name: str = "", subresource: str = "") -> str:
    resource = SCHEME.resource_of(cls)
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
    parts = [root]
    if resource.namespaced and namespace:
        parts.append(f"namespaces/{namespace}")
    parts.append(resource.plural)
    parts.extend(part for part in (name, subresource) if part)
    return "/".join(parts)


def _why(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or error
    words = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    if "Connect call failed" in words:
        return "connection refused"
    return str(words)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of an endless answer, however long each is."""
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
        if len(rest) > _LINE_LIMIT:
            msg = "the server sent a line of more than 64 MiB"
            raise InternalError(msg)
    if rest:
        yield rest


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    text = await response.read()
    try:
        status = orjson.loads(text)
    except orjson.JSONDecodeError:
        status = {}
    if not isinstance(status, dict) or "message" not in status:
        words = text.decode(errors="replace").strip()[:200] or response.reason or ""
        status = {"code": response.status, "message": f"{response.status}: {words}"}
    return _error_of(status)


def _error_of(status: Mapping[str, Any]) -> ApiError:
    """The error that a metav1.Status tells of."""
    message = str(status.get("message", ""))
    for cls in ApiError.__subclasses__():
        if cls.reason == status.get("reason"):
            return cls(message)
    for cls in ApiError.__subclasses__():
        if cls.code == status.get("code"):
            return cls(message)
    return InternalError(message)

"""The HTTP server: connections in, the API server's answers out, nothing before it is durable."""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

import attrs
import orjson
from aiohttp import web

from engine.adapters.encoded import EncodedObjects
from engine.adapters.http.access import access_of, asks_to_watch
from engine.adapters.http.audit_log import AuditLog
from engine.adapters.http.custom_metrics import answer as metric_answer
from engine.adapters.http.custom_metrics import group_document, metric_path
from engine.adapters.http.deadlines import SilenceGuard, request_seconds
from engine.adapters.http.documents import Documents
from engine.adapters.http.encoding import Encoder
from engine.adapters.http.incoming import read_request
from engine.adapters.http.limits import InFlight, Limits
from engine.adapters.http.listeners import Listeners
from engine.adapters.http.logs import LogSource, log_options, log_target
from engine.adapters.http.metrics import CONTENT_TYPE as METRICS_TYPE
from engine.adapters.http.metrics import ServerMetrics
from engine.adapters.http.outbox import Outbox
from engine.adapters.http.peer import certificate_user
from engine.adapters.http.request import ApiRequest, ApiResponse
from engine.adapters.http.responding import response_of, send_packed
from engine.adapters.http.routes import Target, parse_target
from engine.adapters.http.store_status import STORE_PATH, check_may_look, store_status
from engine.adapters.http.store_upkeep import StoreUpkeep
from engine.adapters.http.streams.gateway import STREAMS, StreamGateway
from engine.adapters.http.streams.log_socket import send_log
from engine.adapters.http.streams.upgrade import wants
from engine.adapters.http.verbs import Verbs
from engine.adapters.http.watching import WatchStream, as_readable, durable
from engine.api.pod import Pod
from engine.apiserver.authentication.authenticator import Authenticator
from engine.apiserver.authentication.impersonation import impersonated
from engine.apiserver.authentication.user import NOBODY, UserInfo
from engine.apiserver.errors import (
    ApiError,
    InternalError,
    NotFoundError,
    TimeoutApiError,
    UnavailableError,
)
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.cri.runtime import RuntimeFailure
from engine.errors import AdapterError
from engine.kernel.journal import Journal
from engine.store.observer import StoreObserver
from engine.store.watchable_store import Store

log = logging.getLogger(__name__)

_CHANNEL = "http"
# What the log of others calls an answer that nobody waits for any more.
_CLIENT_GONE = 499


@attrs.define(eq=False, repr=False, kw_only=True)
class HttpServer:
    """Serves an API server on a TCP port.

    Promises:
        * each request that changes something is one input of the journal and one step of the loop;
        * no answer and no watch event leaves before the revision it rests on is durable;
        * `stop` ends every watch and closes every connection.

    *nobody* is who a client is that shows neither a certificate nor a token.
    """

    cluster: ApiServer
    journal: Journal
    store: Store[Any]
    logs: LogSource | None = None
    gateway: StreamGateway | None = None
    observer: StoreObserver[Any] | None = None
    ssl_context: ssl.SSLContext | None = None
    nobody: UserInfo = NOBODY
    limits: Limits = attrs.field(factory=Limits)
    audit: AuditLog | None = None
    objects: EncodedObjects = attrs.field(factory=EncodedObjects)
    port: int = attrs.field(default=0, init=False)
    metrics: ServerMetrics = attrs.field(init=False)
    _in_flight: InFlight = attrs.field(init=False)
    _encoder: Encoder = attrs.field(init=False)
    _outbox: Outbox = attrs.field(init=False)
    _verbs: Verbs = attrs.field(init=False)
    _documents: Documents = attrs.field(init=False)
    _runner: web.ServerRunner | None = attrs.field(default=None, init=False)
    _streams: dict[int, "asyncio.Task[Any]"] = attrs.field(factory=dict, init=False)
    _authenticator: Authenticator = attrs.field(init=False)
    _upkeep: StoreUpkeep = attrs.field(init=False)
    _guard: SilenceGuard | None = attrs.field(default=None, init=False)
    _listeners: Listeners | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._encoder = Encoder(self.objects)
        self._outbox = Outbox(self.store)
        self._verbs = Verbs(self.cluster, self._encoder)
        self._documents = Documents(self.cluster)
        self._in_flight = InFlight(self.limits)
        self._upkeep = StoreUpkeep(self.store, self.journal)
        self.metrics = ServerMetrics(self.cluster, self._in_flight)
        self._authenticator = Authenticator(self.cluster.tokens, self.nobody)
        self.journal.register(_CHANNEL, self._verbs.handle)
        self.journal.register(f"{_CHANNEL}/watch", lambda stream: stream.open())
        self.journal.register(f"{_CHANNEL}/unwatch", lambda stream: stream.close())
        self.journal.register(f"{_CHANNEL}/resume", lambda stream: stream.resume())
        self.journal.register(f"{_CHANNEL}/mark", lambda stream: stream.mark())

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one, which `port` then says.

        Raises:
            AdapterError: the address cannot be had.
        """
        server = web.Server(self._handle, access_log=None, keepalive_timeout=self.limits.idle_time)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        self._guard = SilenceGuard(server, self.limits.head_time)
        self._guard.start()
        self._listeners = Listeners(server, self.ssl_context, self.limits)
        try:
            self.port = await self._listeners.listen_outside(host, port)
        except AdapterError:
            await self._runner.cleanup()
            self._runner = None
            raise
        self._documents.address = f"{host}:{self.port}"

    def advertise(self, host: str) -> None:
        """Tell clients to find us at *host*, which pods reach too."""
        self._documents.address = f"{host}:{self.port}"

    async def listen(self, host: str, port: int) -> None:
        """Listen on one more address.

        Raises:
            AdapterError: it cannot be had.
        """
        assert self._listeners is not None, "start comes first"
        await self._listeners.listen(host, port)

    async def stop(self) -> None:
        """End every watch, close every connection, listen no more. Stopping twice is allowed."""
        for task in tuple(self._streams.values()):
            task.cancel()
        if self.gateway is not None:
            await self.gateway.stop()
        if self._guard is not None:
            await self._guard.stop()
            self._guard = None
        if self._listeners is not None:
            self._listeners.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        if self._guard is not None:
            self._guard.heard(http)
        if self.audit is None:
            return await self._guarded(http)
        response = None
        self.audit.begin(http)
        try:
            response = await self._guarded(http)
        finally:
            self.audit.answered(http, response)
        return response

    async def _guarded(self, http: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(http)
        except ApiError as error:
            return response_of(self._verbs.refusal(error))
        except asyncio.CancelledError:
            raise
        except ConnectionError:
            log.debug("client went away method=%s path=%s", http.method, http.path)
            return web.Response(status=_CLIENT_GONE)
        except Exception:
            log.exception("request failed method=%s path=%s", http.method, http.path)
            failure = InternalError(
                "an error on the server has prevented the request from succeeding"
            )
            return response_of(self._verbs.refusal(failure))

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        user = self._authenticator.authenticate(
            certificate=certificate_user(http.transport),
            authorization=http.headers.get("Authorization", ""),
        )
        target = parse_target(http.path, self.cluster.scheme)
        asking, user = user, self._impersonated(http, user)
        access = access_of(http, target, user)
        if self.audit is not None:
            self.audit.identified(http, target, asking, access)
        self.cluster.check(access)
        if target is None:
            done = await self._upkeep.answer(http, user)
            return self._answer_document(http, user) if done is None else response_of(done)
        is_watch = http.method == "GET" and asks_to_watch(target, http.query)
        started = time.perf_counter()
        code, size = 200, None
        try:
            response = await self._answer_resource(http, target, user)
            code, size = response.status, response.content_length
        except ApiError as error:
            code = error.code
            raise
        finally:
            seconds = time.perf_counter() - started
            self.metrics.observe(http.method, target, code, seconds, is_watch=is_watch, size=size)
        return response

    async def _answer_resource(
        self, http: web.BaseRequest, target: Target, user: UserInfo
    ) -> web.StreamResponse:
        if self.cluster.latency:
            await asyncio.sleep(self.cluster.latency)
        if target.subresource in STREAMS:
            return await self._send_stream(http, target, user)
        if http.method == "GET" and target.subresource == "log":
            return await self._send_log(http, await read_request(http, target, user, self.limits))
        if http.method == "GET" and asks_to_watch(target, http.query):
            with self._in_flight.watch(user):
                request = await read_request(http, target, user, self.limits)
                return await self._send_watch(http, request)
        with self._in_flight.request(http.method, user):
            request = await read_request(http, target, user, self.limits)
            request_seconds(request.query, self.limits)
            if self.audit is not None:
                self.audit.read(http, request)
            return await send_packed(http, await self._carry_out(request))

    async def _carry_out(self, request: ApiRequest) -> ApiResponse:
        if request.method == "GET":
            # A read changes nothing, so the journal need not know of it.
            readable = as_readable(request, self.store)
            answer = self._verbs.handle(readable)
            if readable is not request:
                # It rests on a durable revision, refusals too.
                return answer
        else:
            answer = cast("ApiResponse", self.journal.call(_CHANNEL, request))
        if answer.revision > self.store.durable_revision:
            await self._until_durable(answer.revision, request_seconds(request.query, self.limits))
        return answer

    async def _until_durable(self, revision: int, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await durable(self.store, revision)
        except TimeoutError:
            raise TimeoutApiError(
                "Timeout: request did not complete within the allotted timeout"
            ) from None

    async def _send_stream(
        self, http: web.BaseRequest, target: Target, user: UserInfo
    ) -> web.StreamResponse:
        if self.gateway is None:
            raise UnavailableError(f"{target.subresource} is not served here")
        # What is passed on is not read here: it may be long, and an upgrade has no body.
        request = await read_request(http, target, user, self.limits, has_body=False)
        return await self.gateway.serve(http, request)

    def _answer_document(self, http: web.BaseRequest, user: UserInfo) -> web.StreamResponse:
        found = None
        if http.method == "GET" and http.path == STORE_PATH and self.observer is not None:
            check_may_look(user)
            return response_of(store_status(self.observer, http.query))
        if http.method == "GET" and http.path == "/metrics":
            return web.Response(body=self.metrics.text(), headers={"Content-Type": METRICS_TYPE})
        if http.method == "GET" and (series := self._metric_series(http, user)) is not None:
            return response_of(series)
        if http.method in ("GET", "HEAD"):
            found = self._documents.answer(
                http.path, http.headers.get("Accept", ""), dict(http.query)
            )
        if found is None:
            raise NotFoundError("the server could not find the requested resource")
        tag = found.headers.get("ETag")
        if tag is not None and tag in http.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=dict(found.headers))
        return response_of(found)

    def _metric_series(self, http: web.BaseRequest, user: UserInfo) -> ApiResponse | None:
        """What custom.metrics.k8s.io and external.metrics.k8s.io say, if they are asked."""
        wanted = metric_path(http.path)
        if wanted is None:
            found = group_document(http.path)
        else:
            info = RequestInfo(user=user.name, groups=user.groups)
            found = metric_answer(wanted, http.query, self.cluster, info)
        if found is None:
            return None
        return ApiResponse(status=200, body=orjson.dumps(found), revision=0)

    def _impersonated(self, http: web.BaseRequest, user: UserInfo) -> UserInfo:
        """Who the request is made for: *user*, or whom *user* asks to be and may."""
        if not any(name.lower().startswith("impersonate-") for name in http.headers):
            return user
        headers = tuple(http.headers.items())
        return impersonated(headers, user, self.cluster.check) or user

    async def _send_watch(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        stream = WatchStream(
            request,
            self.cluster,
            self._encoder,
            self._outbox,
            self.metrics.delivered(request.target.resource),
        )
        response = web.StreamResponse(headers={"Content-Type": request.form.content_type})
        stream.connect(response, http)
        self.journal.call(f"{_CHANNEL}/watch", stream)
        try:
            sending = stream.send(
                response,
                partial(self.journal.call, f"{_CHANNEL}/resume"),
                partial(self.journal.call, f"{_CHANNEL}/mark"),
            )
            return await self._stream(http, response, sending)
        finally:
            self.journal.call(f"{_CHANNEL}/unwatch", stream)

    async def _send_log(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        if self.logs is None:
            raise UnavailableError("logs are not served here")
        target = request.target
        pod = self.cluster.get(
            Pod,
            target.name,
            namespace=target.namespace,
            request=request.info(None),
        )
        node, container_id = log_target(pod, request)
        pieces = self.logs(node, container_id, log_options(request, self.cluster.now))
        if wants(http) == "websocket":
            return await self._track(send_log(http, pieces))
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})

        async def send() -> None:
            try:
                async for piece in pieces:
                    await response.write(piece)
            except RuntimeFailure as error:
                await response.write(f"{error}\n".encode())

        return await self._stream(http, response, send())

    async def _track(self, answer: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
        """Await an answer that ends, at the latest, when we stop."""
        task = asyncio.ensure_future(answer)
        self._streams[id(task)] = task
        try:
            return await task
        finally:
            self._streams.pop(id(task), None)

    async def _stream(
        self, http: web.BaseRequest, response: web.StreamResponse, sending: Any
    ) -> web.StreamResponse:
        """Send an answer of unknown length until it ends, the client goes, or we stop."""
        task = asyncio.ensure_future(sending)
        self._streams[id(task)] = task
        try:
            if self.audit is not None:
                self.audit.started(http)
            response.enable_chunked_encoding()
            await response.prepare(http)
            await task
            await response.write_eof()
        except asyncio.CancelledError:
            # Either the client is gone, or the server stops: the answer simply ends.
            if asyncio.current_task() is not None and not task.cancelled():
                task.cancel()
                raise
        except ConnectionError:
            log.debug("client went away path=%s", http.path)
        finally:
            self._streams.pop(id(task), None)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        return response

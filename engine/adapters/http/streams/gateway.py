"""The subresources that are streams or lead elsewhere: exec, attach, portforward, proxy.

It finds the pod, its node and container; the protocols and the proxy are modules of their own.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
from aiohttp import web

from engine.adapters.http.request import ApiRequest
from engine.adapters.http.streams import kubelet_api, port_forward, proxy, remote_command
from engine.adapters.http.streams.proxy_targets import (
    Backend,
    ProxyName,
    parse_name,
    pod_backend,
    service_backend,
)
from engine.adapters.http.streams.targets import (
    container_name,
    exec_options,
    node_of,
    running_container,
)
from engine.adapters.http.streams.tunnel import Dial, dial_address
from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.frozen import EMPTY
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import (
    BadRequestError,
    MethodNotAllowedError,
    NotFoundError,
    UnavailableError,
)
from engine.apiserver.server import ApiServer
from engine.cri.commands import PodIdentity
from engine.cri.runtime import Runtime

RuntimeOf = Callable[[str], Runtime]
"""The runtime of a node by its name; raises an `ApiError` if its kubelet cannot be reached."""

STREAMS = frozenset(("exec", "attach", "portforward", "proxy"))
_EVERY_METHOD = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


@attrs.define(eq=False)
class StreamGateway:
    """Serves the streams of one API server.

    Promises:
        * whoever calls has been authenticated and authorized before;
        * what is wrong before the upgrade is an `ApiError`; after it, the protocol says it;
        * a stream ends with its client, and `stop` ends them all.

    *kubelet* is the kubelets' configuration, as a file gives it.
    """

    cluster: ApiServer
    runtime_of: RuntimeOf
    kubelet: Mapping[str, Any] = EMPTY
    _tasks: dict[int, "asyncio.Task[web.StreamResponse]"] = attrs.field(factory=dict, init=False)
    _turn: int = attrs.field(default=0, init=False)

    async def serve(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        """Carry one stream to its end.

        Raises:
            ApiError: it cannot be had.
        """
        if request.target.subresource not in request.target.resource.subresources:
            raise NotFoundError("the server could not find the requested resource")
        carrying = {
            "exec": self._exec,
            "attach": self._exec,
            "portforward": self._forward,
            "proxy": self._proxy,
        }[request.target.subresource]
        task = asyncio.ensure_future(carrying(http, request))
        self._tasks[id(task)] = task
        try:
            return await task
        except ConnectionError:
            return web.Response()  # the client is gone
        finally:
            task.cancel()
            self._tasks.pop(id(task), None)

    async def stop(self) -> None:
        """End every stream."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _exec(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        if http.method not in ("GET", "POST"):
            raise MethodNotAllowedError(
                f"the server does not allow this method on the requested resource: {http.method}"
            )
        pod = self._pod(request)
        name = container_name(pod, http.query.get("container", ""))
        command: tuple[str, ...] = ()
        if request.target.subresource == "exec":
            command = tuple(http.query.getall("command", ()))
            if not command:
                raise BadRequestError("you must specify at least one command for the container")
        options = exec_options(http.query, command)
        runtime = self.runtime_of(node_of(pod))
        container_id = running_container(pod, name)
        carry = runtime.exec if command else runtime.attach
        return await remote_command.serve(http, options, partial(carry, container_id, options))

    async def _forward(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        pod = self._pod(request)
        runtime = self.runtime_of(node_of(pod))
        if pod.status.phase != "Running":
            raise BadRequestError(
                f"unable to forward port because pod is not running. Current status="
                f"{pod.status.phase}"
            )
        identity = _identity(pod)
        return await port_forward.serve(
            http,
            pod=identity.name,
            uid=identity.uid,
            forward=partial(runtime.forward, identity),
        )

    def _pod(self, request: ApiRequest) -> Pod:
        target = request.target
        return self.cluster.get(
            Pod, target.name, namespace=target.namespace, request=request.info(None)
        )

    # --- proxy ---

    async def _proxy(self, http: web.BaseRequest, request: ApiRequest) -> web.StreamResponse:
        target = request.target
        if http.method not in _EVERY_METHOD:
            raise MethodNotAllowedError(f"{http.method} is not passed on")
        wanted = parse_name(target.resource.kind.lower(), target.name)
        if target.resource.kind == "Node":
            return await self._proxy_node(http, request, wanted)
        if target.resource.kind == "Service":
            backend = self._service_backend(request, wanted)
        else:
            found = attrs.evolve(request, target=attrs.evolve(target, name=wanted.name))
            backend = pod_backend(self._pod(found), wanted)
        return await proxy.pass_on(
            http,
            authority=f"{backend.host}:{backend.port}",
            scheme=wanted.scheme,
            dial=self._dial(request, backend),
        )

    def _service_backend(self, request: ApiRequest, wanted: ProxyName) -> Backend:
        namespace, info = request.target.namespace, request.info(None)
        service = self.cluster.get(Service, wanted.name, namespace=namespace, request=info)
        slices = self.cluster.list(
            EndpointSlice,
            namespace=namespace,
            label_selector=f"kubernetes.io/service-name={wanted.name}",
            request=info,
        )
        self._turn += 1
        return service_backend(service, slices.items, wanted, self._turn)

    def _dial(self, request: ApiRequest, backend: Backend) -> Dial:
        if not backend.pod:
            return partial(dial_address, backend.host, backend.port)
        pod = self.cluster.get(
            Pod, backend.pod, namespace=request.target.namespace, request=request.info(None)
        )
        runtime = self.runtime_of(node_of(pod))
        return partial(runtime.forward, _identity(pod), backend.port)

    async def _proxy_node(
        self, http: web.BaseRequest, request: ApiRequest, wanted: ProxyName
    ) -> web.StreamResponse:
        node = self.cluster.get(Node, wanted.name, request=request.info(None))
        _, path = proxy.split_path(http.rel_url.path)
        if not kubelet_api.is_kubelet(wanted.port):
            host = next((item.address for item in node.status.addresses), "")
            if not host or not wanted.port.isdigit():
                raise UnavailableError(f'node "{wanted.name}" has no port "{wanted.port}"')
            return await proxy.pass_on(
                http,
                authority=f"{host}:{wanted.port}",
                scheme=wanted.scheme,
                dial=partial(dial_address, host, int(wanted.port)),
            )
        runtime = self.runtime_of(wanted.name)
        if (path or "").startswith("/containerLogs/"):
            return await self._send_log(http, request, path or "", runtime)
        return kubelet_api.answer(
            path or "/",
            node=wanted.name,
            runtime=runtime,
            server=self.cluster,
            request=request.info(None),
            configuration=self.kubelet,
        )

    async def _send_log(
        self, http: web.BaseRequest, request: ApiRequest, path: str, runtime: Runtime
    ) -> web.StreamResponse:
        pieces = kubelet_api.log_of(
            path, http.query, runtime=runtime, server=self.cluster, info=request.info(None)
        )
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(http)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response


def _identity(pod: Pod) -> PodIdentity:
    meta = pod.metadata
    return PodIdentity(namespace=meta.namespace, name=meta.name, uid=meta.uid)

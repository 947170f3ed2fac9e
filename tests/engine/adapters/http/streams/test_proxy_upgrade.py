"""Upgrades are passed on: WebSockets and anything else, to services and nodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from engine.adapters.http.app import HttpServer
from engine.adapters.http.streams.gateway import StreamGateway
from engine.api.core import Namespace, Service, ServicePort, ServiceSpec
from engine.api.discovery import Endpoint, EndpointSlice, SlicePort
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.node import Node, NodeAddress, NodeStatus
from engine.apiserver.errors import UnavailableError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.cri.runtime import Runtime
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

REQUEST = RequestInfo(user="test")


@attrs.frozen
class Proxied:
    """Where the server listens, and the paths that lead to a backend behind it."""

    port: int
    backend: int

    def path(self, kind: str) -> str:
        """The path of the proxy to the backend, by *kind*."""
        if kind == "node":
            return f"/api/v1/nodes/n:{self.backend}/proxy"
        return "/api/v1/namespaces/default/services/s:80/proxy"


def no_runtime(name: str) -> Runtime:
    """No kubelet is asked in these tests."""
    raise UnavailableError(name)


@asynccontextmanager
async def serving(backend: int) -> AsyncIterator[Proxied]:
    """An API server with a node and a service that lead to *backend* on this machine."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop)
    server = ApiServer(loop, store, RandomStreams(3))
    address = NodeAddress(type="InternalIP", address="127.0.0.1")
    labels = FrozenDict({"kubernetes.io/service-name": "s"})
    for made in (
        Namespace(metadata=ObjectMeta(name="default")),
        Node(metadata=ObjectMeta(name="n"), status=NodeStatus(addresses=(address,))),
        Service(
            metadata=ObjectMeta(name="s", namespace="default"),
            spec=ServiceSpec(ports=(ServicePort(port=80),)),
        ),
        EndpointSlice(
            metadata=ObjectMeta(name="s-1", namespace="default", labels=labels),
            address_type="IPv4",
            endpoints=(Endpoint(addresses=("127.0.0.1",)),),
            ports=(SlicePort(port=backend),),
        ),
    ):
        server.create(made, request=REQUEST)
    node = server.get(Node, "n", request=REQUEST)
    status = attrs.evolve(node.status, addresses=(address,))
    server.update(attrs.evolve(node, status=status), subresource="status", request=REQUEST)
    http = HttpServer(
        cluster=server,
        journal=Journal(loop),
        store=store,
        gateway=StreamGateway(server, no_runtime),
    )
    await http.start("127.0.0.1", 0)
    yield Proxied(http.port, backend)
    await http.stop()


@pytest.mark.parametrize("kind", ["node", "service"])
async def test_a_websocket_is_tunnelled(kind: str) -> None:
    """Messages arrive at the other side and come back, with the path and the protocol asked for."""

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("chat",))
        await socket.prepare(request)
        await socket.send_str(request.path_qs)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    runner = web.ServerRunner(web.Server(echo))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with (
        asyncio.timeout(20),
        serving(runner.addresses[0][1]) as proxied,
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{proxied.port}{proxied.path(kind)}/talk?a=b"
        async with session.ws_connect(url, protocols=("chat",)) as socket:
            place = await socket.receive_str()
            await socket.send_str("hello")
            said = await socket.receive_str()
            spoken = socket.protocol
    await runner.cleanup()

    assert (place, said, spoken) == ("/talk?a=b", "HELLO", "chat")


async def test_any_other_upgrade_is_tunnelled_too() -> None:
    """What is spoken after the handshake is not looked at: SPDY, or what one likes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Upgrade: SPDY/3.1" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\nfirst")
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    backend = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with asyncio.timeout(20), serving(backend.sockets[0].getsockname()[1]) as proxied:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxied.port)
        head = f"POST {proxied.path('node')}/x HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{head}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n".encode())
        status = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"ping")
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    backend.close()
    await backend.wait_closed()

    assert status.startswith(b"HTTP/1.1 101 ")
    assert rest == b"firstping"


async def test_a_refused_upgrade_is_answered_as_the_other_side_does() -> None:
    """Its status and its words reach the client."""

    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=418, text="no sockets here")

    runner = web.ServerRunner(web.Server(refuse))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with (
        asyncio.timeout(20),
        serving(runner.addresses[0][1]) as proxied,
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"http://127.0.0.1:{proxied.port}{proxied.path('service')}/")
    await runner.cleanup()

    assert refused.value.status == 418

"""Tests of node ports without privilege, on loopback sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator

import attrs
import pytest

from engine.adapters.network.userspace import UserspaceSink
from engine.api.frozen import FrozenDict
from engine.proxy.rules import NO_RULES, Backend, Frontend, RuleSet, ServiceRules, Target


@attrs.define(eq=False)
class Site:
    """The proxy, a free node port, and servers that answer with their own port."""

    sink: UserspaceSink
    port: int
    backends: list[int]
    rules: RuleSet = NO_RULES

    async def lead_to(self, *ports: int) -> None:
        """Let the node port have just these backends."""
        target = Target(backends=tuple(Backend("127.0.0.1", port) for port in ports))
        rules = ServiceRules(
            key="default/web", frontends=FrozenDict({Frontend("", "tcp", self.port): target})
        )
        wanted = RuleSet(services=FrozenDict({rules.key: rules}))
        self.sink.apply(self.rules, wanted)
        self.rules = wanted
        await self.sink.settled()

    async def fetch(self) -> int:
        """The port of the backend that answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"who\n")
            return int(await reader.readline())
        finally:
            writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every line with our own port."""
    while await reader.readline():
        writer.write(f"{writer.get_extra_info('sockname')[1]}\n".encode())
    writer.close()


def free_port() -> int:
    """A port nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A proxy with two servers behind it."""
    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    found = Site(UserspaceSink(), free_port(), ports)
    yield found
    await found.sink.close()
    for server in servers:
        server.close()


async def test_node_port_leads_to_every_backend(site: Site) -> None:
    """Connections are spread over the backends."""
    await site.lead_to(*site.backends)

    assert {await site.fetch() for _ in range(40)} == set(site.backends)


async def test_dead_backend_is_passed_over(site: Site) -> None:
    """A backend that refuses does not cost the client its request."""
    await site.lead_to(free_port(), site.backends[0])

    assert {await site.fetch() for _ in range(10)} == {site.backends[0]}


async def test_connection_survives_the_removal_of_its_backend(site: Site) -> None:
    """A keep-alive connection goes on while new ones go elsewhere."""
    await site.lead_to(site.backends[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"who\n")
    assert int(await reader.readline()) == site.backends[0]

    await site.lead_to(site.backends[1])

    writer.write(b"who\n")
    assert int(await reader.readline()) == site.backends[0]
    assert await site.fetch() == site.backends[1]
    writer.close()


async def test_port_without_backends_refuses(site: Site) -> None:
    """With the last backend the port closes."""
    await site.lead_to(*site.backends)
    await site.lead_to()

    with pytest.raises(ConnectionRefusedError):
        await site.fetch()


async def test_port_of_another_program_is_named(site: Site) -> None:
    """A port that is taken is an error that can be shown, not a crash."""
    site.port = site.backends[0]

    await site.lead_to(site.backends[1])

    assert "in use" in site.sink.errors[site.port]

"""Tests of node ports without privilege, on loopback sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from engine.adapters.network.disturbed import DisturbedPaths
from engine.adapters.network.userspace import UserspaceSink
from engine.api.frozen import FrozenDict
from engine.cri.commands import PodIdentity
from engine.cri.disturbance import DisturbTraffic
from engine.errors import AdapterError
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
    # Whoever answered has seen the end of its connection when nothing else runs.
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(rest, timeout=10.0) if rest else None


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


def _disturbance(action: str, **more: Any) -> DisturbTraffic:
    pod = PodIdentity(namespace="default", name="web", uid="1")
    return DisturbTraffic(id="d", pod=pod, action=action, addresses=("127.0.0.1/32",), **more)


async def test_a_fault_cuts_resets_and_lets_go(site: Site) -> None:
    """Where there is no firewall; afterwards everything is as it was."""
    await site.lead_to(site.backends[0])
    disturbed = site.sink.disturbed

    disturbed.begin(_disturbance("drop"))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    assert await reader.read() == b""
    writer.close()
    disturbed.end("d")
    disturbed.begin(_disturbance("reset"))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    disturbed.end("d")

    assert await site.fetch() == site.backends[0]


@pytest.mark.parametrize(
    ("disturbance", "least"),
    [
        (_disturbance("delay", latency=0.2), 0.4),
        (_disturbance("limit", rate=20), 0.2),
    ],
    ids=["delay", "limit"],
)
async def test_a_fault_makes_connections_slow(
    site: Site, disturbance: DisturbTraffic, least: float
) -> None:
    """In both directions."""
    await site.lead_to(site.backends[0])
    site.sink.disturbed.begin(disturbance)
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await site.fetch() == site.backends[0]

    assert loop.time() - began >= least


@pytest.mark.parametrize("more", [{"port": 53}, {"peers": ("10.0.0.0/8",)}])
def test_what_does_not_pass_here_is_refused(more: dict[str, Any]) -> None:
    """With what can be done about it."""
    with pytest.raises(AdapterError, match="run Kubarium as root"):
        DisturbedPaths().begin(_disturbance("drop", **more))

"""Node ports that lead from the machine's network into the cluster's."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from engine.adapters.rootless import relay
from engine.adapters.rootless.outside import listening
from engine.adapters.rootless.relay import NodePortRelay
from engine.api.frozen import FrozenDict
from engine.proxy.rules import (
    ANY_NODE,
    NO_RULES,
    Backend,
    Frontend,
    RecordingSink,
    RuleSet,
    ServiceRules,
    Target,
)


def rules(port: int, *backends: Backend, protocol: str = "tcp") -> RuleSet:
    """One service with a node port."""
    frontend = Frontend(ip=ANY_NODE, protocol=protocol, port=port)
    service = ServiceRules(
        key="default/web", frontends=FrozenDict({frontend: Target(backends=backends)})
    )
    return RuleSet(services=FrozenDict({service.key: service}))


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SOME = Backend(ip="10.0.0.1", port=80)


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NodePortRelay]:
    """A relay from 127.0.0.1 to what listens on 127.0.0.2, which stands for the inside."""
    monkeypatch.setattr(relay, "INSIDE", "127.0.0.2")
    found = NodePortRelay(RecordingSink())
    yield found
    await found.close()


async def echo(port: int) -> asyncio.Server:
    """A server inside that sends back what it gets, and then ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.2", port)


async def ask(port: int, text: bytes) -> bytes:
    """What the node port answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_rules_go_on_to_the_sink_and_connections_inside(made: NodePortRelay) -> None:
    """Bytes both ways, and the end of either side."""
    port = free_port()
    server = await echo(port)
    made.apply(NO_RULES, rules(port, SOME))
    await made.settled()

    answer = await ask(port, b"hello")

    server.close()
    assert answer == b"hello"
    assert isinstance(made.sink, RecordingSink)
    assert made.sink.current == rules(port, SOME)


async def test_a_port_without_endpoints_refuses(made: NodePortRelay) -> None:
    """As if nobody listened, also after there were some."""
    port = free_port()
    made.apply(NO_RULES, rules(port, SOME))
    await made.settled()

    made.apply(rules(port, SOME), rules(port))
    await made.settled()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_of_another_program_is_named(made: NodePortRelay) -> None:
    """And tried again at the next change."""
    (taken,) = listening("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    made.apply(NO_RULES, rules(port, SOME))
    await made.settled()
    errors = dict(made.errors)

    taken.close()
    made.apply(rules(port, SOME), rules(port, SOME))
    await made.settled()

    assert list(errors) == [("tcp", port)]
    assert made.errors == {}

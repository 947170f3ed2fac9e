"""Health check ports over real sockets."""

import asyncio
import json
import socket

from engine.adapters.network.health_ports import HealthPorts, answer
from engine.api.frozen import FrozenDict
from engine.proxy.rules import NO_RULES, Frontend, RecordingSink, RuleSet, ServiceRules, Target


def _rules(port: int, count: int) -> RuleSet:
    service = ServiceRules(
        key="shop/web",
        frontends=FrozenDict({Frontend("10.96.0.9", "tcp", 80): Target()}),
        health_port=port,
        local=FrozenDict({"node-1": count}),
    )
    return RuleSet(
        services=FrozenDict({service.key: service}), nodes=FrozenDict({"node-1": "127.0.0.1"})
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _ask(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return text


async def test_a_node_with_endpoints_is_healthy_and_one_without_is_not() -> None:
    """200 and 503, with kube-proxy's body and weight."""
    port = _free_port()
    ports = HealthPorts(RecordingSink())
    ports.apply(NO_RULES, _rules(port, 2))
    await ports.settled()
    healthy = await _ask(port)
    ports.apply(_rules(port, 2), _rules(port, 0))
    empty = await _ask(port)
    await ports.close()

    head, _, body = healthy.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "X-Load-Balancing-Endpoint-Weight: 2" in head
    assert json.loads(body) == {
        "service": {"namespace": "shop", "name": "web"},
        "localEndpoints": 2,
        "serviceProxyHealthy": True,
    }
    assert empty.startswith("HTTP/1.1 503 Service Unavailable")


async def test_a_port_goes_with_its_service() -> None:
    """Nobody listens when no service asks for it."""
    port = _free_port()
    ports = HealthPorts(RecordingSink())
    ports.apply(NO_RULES, _rules(port, 1))
    await ports.settled()
    ports.apply(_rules(port, 1), NO_RULES)
    await ports.close()

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_body_is_indented_as_the_proxy_has_it() -> None:
    """Tabs, and the lines in this order."""
    body = answer("shop/web", 1).partition(b"\r\n\r\n")[2].decode()

    assert body.splitlines()[1:4] == [
        '\t"service": {',
        '\t\t"namespace": "shop",',
        '\t\t"name": "web"',
    ]

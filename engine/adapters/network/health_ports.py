"""healthCheckNodePort: every node tells load balancers whether it has endpoints of a service.

Source: pkg/proxy/healthcheck/service_health.go, kubernetes v1.34.
"""

import asyncio
import contextlib
from collections.abc import Mapping

import attrs

from engine.adapters.network.open_ports import OpenPorts
from engine.proxy.rules import NodeRules, RuleSet, RuleSink

REQUEST_SECONDS = 5.0
_BODY = """\
{{
	"service": {{
		"namespace": "{namespace}",
		"name": "{name}"
	}},
	"localEndpoints": {count},
	"serviceProxyHealthy": true
}}"""

Where = tuple[str, int]


@attrs.define(eq=False)
class HealthPorts:
    """Gives rules to *sink*, and answers at the health check ports that they name.

    Every node answers at its own address: 200 while it has endpoints of the service, else 503.

    Promises:
        * an address that cannot be had is named in `errors`, and tried again when rules change;
        * after `close` nothing listens.
    """

    sink: RuleSink
    _counts: dict[Where, tuple[str, int]] = attrs.field(factory=dict, init=False)
    _ports: OpenPorts[Where] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ports = OpenPorts(self._listen, lambda where: f"health port {where[0]}:{where[1]}")

    @property
    def errors(self) -> Mapping[Where, str]:
        """The addresses that cannot be had, and why."""
        return self._ports.errors

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go to *current*; listen where it says."""
        self.sink.apply(previous, current)
        self._counts = {
            (address, rules.health_port): (key, rules.local.get(node, 0))
            for key, rules in current.services.items()
            if rules.health_port
            for node, address in current.nodes.items()
        }
        self._ports.want(self._counts)

    def freeze(self, rules: NodeRules) -> None:
        """Only the rules stand still."""
        self.sink.freeze(rules)

    def thaw(self, node: str) -> None:
        """They follow again."""
        self.sink.thaw(node)

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        await self._ports.settled()

    async def close(self) -> None:
        """Stop listening. Closing twice is allowed."""
        await self._ports.close()

    async def _listen(self, where: Where) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(EOFError, asyncio.LimitOverrunError):
                async with asyncio.timeout(REQUEST_SECONDS):
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(answer(*self._counts.get(where, ("/", 0))))
                    await writer.drain()

        return await asyncio.start_server(self._ports.serving(serve), *where)


def answer(key: str, count: int) -> bytes:
    """The HTTP response of a node that has *count* endpoints of the service *key*."""
    namespace, _, name = key.partition("/")
    body = _BODY.format(namespace=namespace, name=name, count=count).encode()
    status = "200 OK" if count else "503 Service Unavailable"
    head = (
        f"HTTP/1.1 {status}\r\n"
        "Content-Type: application/json\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Load-Balancing-Endpoint-Weight: {count}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body

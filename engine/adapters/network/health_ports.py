"""healthCheckNodePort: every node tells load balancers whether it has endpoints of a service.

Source: pkg/proxy/healthcheck/service_health.go, kubernetes v1.34.
"""

import asyncio
import logging

import attrs

from engine.proxy.rules import NodeRules, RuleSet, RuleSink

log = logging.getLogger(__name__)

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
    errors: dict[Where, str] = attrs.field(factory=dict, init=False)
    _wanted: dict[Where, tuple[str, int]] = attrs.field(factory=dict, init=False)
    _servers: dict[Where, asyncio.Server] = attrs.field(factory=dict, init=False)
    _opening: "dict[Where, asyncio.Task[None]]" = attrs.field(factory=dict, init=False)
    _tasks: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go to *current*; listen where it says."""
        self.sink.apply(previous, current)
        self._wanted = {
            (address, rules.health_port): (key, rules.local.get(node, 0))
            for key, rules in current.services.items()
            if rules.health_port
            for node, address in current.nodes.items()
        }
        for where in [where for where in self._servers if where not in self._wanted]:
            self._servers.pop(where).close()
        for where in self._wanted:
            if where not in self._servers and where not in self._opening:
                task = asyncio.get_running_loop().create_task(self._open(where))
                self._opening[where] = task

    def freeze(self, rules: NodeRules) -> None:
        """Only the rules stand still."""
        self.sink.freeze(rules)

    def thaw(self, node: str) -> None:
        """They follow again."""
        self.sink.thaw(node)

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        while self._opening:
            await asyncio.gather(*self._opening.values())

    async def close(self) -> None:
        """Stop listening. Closing twice is allowed."""
        self._wanted = {}
        await self.settled()
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, where: Where) -> None:
        try:
            server = await asyncio.start_server(
                lambda reader, writer: self._serve(where, reader, writer), *where
            )
        except OSError as error:
            self.errors[where] = str(error)
            log.warning("health port cannot be opened where=%s:%d error=%s", *where, error)
        else:
            self.errors.pop(where, None)
            if where in self._wanted:
                self._servers[where] = server
            else:
                server.close()
        finally:
            self._opening.pop(where, None)

    async def _serve(
        self, where: Where, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await reader.readuntil(b"\r\n\r\n")
                key, count = self._wanted.get(where, ("/", 0))
                writer.write(answer(key, count))
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            return  # nobody waits for an answer any more
        finally:
            self._tasks.discard(task)
            writer.close()


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

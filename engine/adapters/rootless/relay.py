"""Node ports of a cluster that has a network of its own, opened in the machine's network as well.

What comes there is passed on to the same port inside, where the rules of the services hold: which
pod is asked, and whether a client stays with one, is decided there.
"""

import asyncio
import socket
from collections.abc import Mapping

import attrs

from engine.adapters.network.open_ports import OpenPorts
from engine.adapters.podman.datagrams import Datagrams, take_datagrams
from engine.adapters.rootless import outside
from engine.proxy.rules import ANY_NODE, NodeRules, RuleSet, RuleSink

LOOPBACK = "127.0.0.1"
INSIDE = "127.0.0.1"
BUFFER = 65_536
Port = tuple[str, int]


@attrs.define(eq=False)
class NodePortRelay:
    """Gives rules to *sink*, and listens at every TCP and UDP node port of the machine's 127.0.0.1.

    Promises:
        * a port without endpoints refuses, as if nobody listened;
        * a port that another program has is named in `errors`, and tried again when rules change;
        * existing connections go on when their port is closed.
    """

    sink: RuleSink
    _ports: OpenPorts[Port] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ports = OpenPorts(self._listen, lambda port: f"node port {port[0]}/{port[1]}")

    @property
    def errors(self) -> Mapping[Port, str]:
        """The ports that cannot be had, and why."""
        return self._ports.errors

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go to *current*, inside first."""
        self.sink.apply(previous, current)
        wanted = {
            (frontend.protocol, frontend.port)
            for frontend, target in current.frontends().items()
            if frontend.ip == ANY_NODE and target.backends and frontend.protocol in {"tcp", "udp"}
        }
        self._ports.want(sorted(wanted))

    def freeze(self, rules: NodeRules) -> None:
        """Where the connections that come here are led is decided inside."""
        self.sink.freeze(rules)

    def thaw(self, node: str) -> None:
        """Where the connections that come here are led is decided inside."""
        self.sink.thaw(node)

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        await self._ports.settled()

    async def close(self) -> None:
        """Stop listening and end every connection. Closing twice is allowed."""
        await self._ports.close()

    async def _listen(self, port: Port) -> asyncio.Server | Datagrams:
        protocol, number = port
        if protocol == "udp":
            made = outside.listening(LOOPBACK, number, kind=socket.SOCK_DGRAM)
            return await take_datagrams(made[0], (INSIDE, number))
        made = outside.listening(LOOPBACK, number)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _pass_on(number, reader, writer)

        return await asyncio.start_server(self._ports.serving(serve), sock=made[0])


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answers, requests = await asyncio.open_connection(INSIDE, port)
    try:
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))
    finally:
        requests.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what comes until its end, and the end itself."""
    while data := await source.read(BUFFER):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()

"""Node ports of a cluster that has a network of its own, opened in the machine's network as well.

What comes there is passed on to the same port inside, where the rules of the services hold: which
pod is asked, and whether a client stays with one, is decided there.
"""

import asyncio
import contextlib
import logging
import socket

import attrs

from engine.adapters.podman.datagrams import Datagrams, take_datagrams
from engine.adapters.rootless import outside
from engine.proxy.rules import ANY_NODE, NodeRules, RuleSet, RuleSink

log = logging.getLogger(__name__)

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
    errors: dict[Port, str] = attrs.field(factory=dict, init=False)
    _servers: "dict[Port, asyncio.Server | Datagrams]" = attrs.field(factory=dict, init=False)
    _wanted: set[Port] = attrs.field(factory=set, init=False)
    _tasks: set["asyncio.Task[None]"] = attrs.field(factory=set, init=False)
    _opening: dict[Port, "asyncio.Task[None]"] = attrs.field(factory=dict, init=False)

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go to *current*, inside first."""
        self.sink.apply(previous, current)
        self._wanted = {
            (frontend.protocol, frontend.port)
            for frontend, target in current.frontends().items()
            if frontend.ip == ANY_NODE and target.backends and frontend.protocol in {"tcp", "udp"}
        }
        for port in [port for port in self._servers if port not in self._wanted]:
            self._servers.pop(port).close()
        for port in sorted(self._wanted):
            if port not in self._servers and port not in self._opening:
                self._opening[port] = asyncio.get_running_loop().create_task(self._open(port))

    def freeze(self, rules: NodeRules) -> None:
        """Where the connections that come here are led is decided inside."""
        self.sink.freeze(rules)

    def thaw(self, node: str) -> None:
        """Where the connections that come here are led is decided inside."""
        self.sink.thaw(node)

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        while self._opening:
            await asyncio.gather(*self._opening.values())

    async def close(self) -> None:
        """Stop listening and end every connection. Closing twice is allowed."""
        self._wanted = set()
        await self.settled()
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, port: Port) -> None:
        try:
            server = await self._listen(*port)
        except OSError as error:
            self.errors[port] = str(error)
            log.warning("node port cannot be opened port=%s/%d error=%s", *port, error)
        else:
            self.errors.pop(port, None)
            if port in self._wanted:
                self._servers[port] = server
            else:
                server.close()
        finally:
            self._opening.pop(port, None)

    async def _listen(self, protocol: str, number: int) -> asyncio.Server | Datagrams:
        if protocol == "udp":
            made = outside.listening(LOOPBACK, number, kind=socket.SOCK_DGRAM)
            return await take_datagrams(made[0], (INSIDE, number))
        made = outside.listening(LOOPBACK, number)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await _pass_on(number, reader, writer)
            finally:
                self._tasks.discard(task)
                writer.close()

        return await asyncio.start_server(serve, sock=made[0])


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

"""Node ports without privilege: a TCP proxy in this process, on 127.0.0.1.

It knows frontends and backends. Service addresses and UDP need a kernel that translates for us.
"""

import asyncio
import logging
import random
import socket
import struct
from collections.abc import Awaitable, Callable

import attrs

from engine.adapters.network.disturbed import DisturbedPaths, ResetByFaultError
from engine.proxy.rules import ANY_NODE, NO_RULES, Backend, NodeRules, RuleSet, Target

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
BUFFER = 65_536
LISTEN = "127.0.0.1"
HEAD = "control-plane"


@attrs.define(eq=False)
class UserspaceSink:
    """Listens at every TCP node port and passes connections on.

    Promises:
        * existing connections go on when their backend is removed from the rules;
        * a backend that does not accept is passed over for the next one;
        * a port without backends refuses, as if nobody listened; `errors` names the ports that
          another program has.
    """

    address: str = LISTEN
    head: str = HEAD
    disturbed: DisturbedPaths = attrs.field(factory=DisturbedPaths)
    errors: dict[int, str] = attrs.field(factory=dict, init=False)
    _wanted: RuleSet = attrs.field(default=NO_RULES, init=False)
    _still: bool = attrs.field(default=False, init=False)
    _targets: dict[int, Target] = attrs.field(factory=dict, init=False)
    _servers: dict[int, asyncio.Server] = attrs.field(factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _opening: dict[int, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
    _last: dict[tuple[int, str], Backend] = attrs.field(factory=dict, init=False)

    def apply(self, previous: RuleSet, current: RuleSet) -> None:  # noqa: ARG002 - the protocol's
        """Listen where there are backends now, and nowhere else."""
        self._wanted = current
        if self._still:
            return
        self._targets = {
            frontend.port: target
            for frontend, target in current.frontends().items()
            if frontend.ip == ANY_NODE and frontend.protocol == "tcp" and target.backends
        }
        for port in [port for port in self._servers if port not in self._targets]:
            self._servers.pop(port).close()
        for port in self._targets:
            if port not in self._servers and port not in self._opening:
                task = asyncio.get_running_loop().create_task(self._open(port))
                self._opening[port] = task

    def freeze(self, rules: NodeRules) -> None:
        """All that is listened to here is the host's: if it stands still, so do the ports."""
        if rules.node == self.head:
            self._still = True

    def thaw(self, node: str) -> None:
        """Follow again, from what was applied last."""
        if self._still and node == self.head:
            self._still = False
            self.apply(self._wanted, self._wanted)

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        while self._opening:
            await asyncio.gather(*self._opening.values())

    async def close(self) -> None:
        """Stop listening and end every connection. Closing twice is allowed."""
        self._targets = {}
        await self.settled()
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, port: int) -> None:
        try:
            server = await asyncio.start_server(self._handler(port), self.address, port)
        except OSError as error:
            self.errors[port] = str(error)
            log.warning("node port cannot be opened port=%d error=%s", port, error)
        else:
            self.errors.pop(port, None)
            if port in self._targets:
                self._servers[port] = server
            else:
                server.close()
        finally:
            self._opening.pop(port, None)

    def _handler(
        self, port: int
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await self._pass_on(port, reader, writer)
            except (OSError, asyncio.CancelledError):
                return
            finally:
                self._tasks.discard(task)
                writer.close()

        return serve

    async def _pass_on(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = writer.get_extra_info("peername")[0]
        for backend in self._candidates(port, client):
            try:
                self.disturbed.check(backend.ip)
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self.disturbed.come_through(backend.ip)
                    answers, requests = await asyncio.open_connection(backend.ip, backend.port)
            except ResetByFaultError:
                _reset(writer)
                return
            except OSError:  # TimeoutError is one
                continue
            self._last[port, client] = backend
            ways = [
                asyncio.create_task(self._copy(backend.ip, reader, requests)),
                asyncio.create_task(self._copy(backend.ip, answers, writer)),
            ]
            try:
                await asyncio.gather(*ways)
            except ResetByFaultError:
                _reset(writer)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                requests.close()
            return

    def _candidates(self, port: int, client: str) -> list[Backend]:
        """The backends in the order they are tried."""
        target = self._targets.get(port)
        if target is None:
            return []
        backends = list(target.backends)
        random.shuffle(backends)
        if target.affinity_seconds and self._last.get((port, client)) in backends:
            backends.sort(key=lambda backend: backend != self._last[port, client])
        return backends

    async def _copy(
        self, address: str, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        """Pass on what comes until its end, and the end itself; as faults let it."""
        while data := await source.read(BUFFER):
            await self.disturbed.hold(address, len(data))
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset instead of an orderly end."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

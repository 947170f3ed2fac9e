"""Node ports without privilege: a TCP proxy in this process, on 127.0.0.1.

It knows frontends and backends. Service addresses and UDP need a kernel that translates for us.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Mapping

import attrs

from engine.adapters.network.disturbed import DisturbedPaths, ResetByFaultError
from engine.adapters.network.open_ports import OpenPorts
from engine.proxy.rules import ANY_NODE, NO_RULES, Backend, NodeRules, RuleSet, Target

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
    _wanted: RuleSet = attrs.field(default=NO_RULES, init=False)
    _still: bool = attrs.field(default=False, init=False)
    _targets: dict[int, Target] = attrs.field(factory=dict, init=False)
    _last: dict[tuple[int, str], Backend] = attrs.field(factory=dict, init=False)
    _ports: OpenPorts[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ports = OpenPorts(self._listen, lambda port: f"node port {port}")

    @property
    def errors(self) -> Mapping[int, str]:
        """The ports that cannot be had, and why."""
        return self._ports.errors

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
        self._ports.want(self._targets)

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
        await self._ports.settled()

    async def close(self) -> None:
        """Stop listening and end every connection. Closing twice is allowed."""
        self._targets = {}
        await self._ports.close()

    async def _listen(self, port: int) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._pass_on(port, reader, writer)

        return await asyncio.start_server(self._ports.serving(serve), self.address, port)

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

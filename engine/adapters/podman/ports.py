"""Host ports of pods: connections and packets to a port of the node's address, passed on.

It knows addresses and ports, TCP and UDP.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Protocol

import attrs

from engine.adapters.podman.datagrams import listen_datagrams, take_datagrams
from engine.adapters.rootless import outside
from engine.cri.commands import PortMapping
from engine.errors import AdapterError

BLOCK = 1 << 16
LOOPBACK = "127.0.0.1"
ANY_ADDRESS = frozenset({"", "0.0.0.0"})  # noqa: S104 - only compared


class Listening(Protocol):
    """A port that is open."""

    def close(self) -> None:
        """Take nothing more."""
        ...


@attrs.define(eq=False)
class HostPorts:
    """The host ports of one node, listening on *address* unless a mapping names another one.

    Where the nodes are in a network of their own, also on 127.0.0.1 of the machine; there only one
    node can have a port.
    """

    address: str
    _servers: dict[str, list[Listening]] = attrs.field(factory=dict, init=False)
    _passing: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def open(self, sandbox: str, ip: str, ports: Sequence[PortMapping]) -> None:
        """Listen for *sandbox*, whose pod has address *ip*.

        Raises:
            AdapterError: a port is taken, or is neither TCP nor UDP; then none of them is open.
        """
        for port in ports:
            if port.protocol not in {"TCP", "UDP"}:
                why = f"{port.protocol} cannot be published, only TCP and UDP"
                raise AdapterError(f"hostPort {port.host_port}: {why}")
        servers = self._servers.setdefault(sandbox, [])
        for port in ports:
            try:
                servers.append(await self._listen(port, ip))
                if outside.is_elsewhere() and port.host_ip in ANY_ADDRESS:
                    servers.append(await self._listen(port, ip, is_outside=True))
            except OSError as error:
                self.close(sandbox)
                raise AdapterError(f"hostPort {port.host_port}: {error}") from error

    def close(self, sandbox: str) -> None:
        """Listen no more for *sandbox*. One that has no ports may be closed too."""
        for server in self._servers.pop(sandbox, []):
            server.close()

    def close_all(self) -> None:
        """Listen no more, and cut what is being passed on."""
        for sandbox in list(self._servers):
            self.close(sandbox)
        for task in self._passing:
            task.cancel()

    async def _listen(self, port: PortMapping, ip: str, *, is_outside: bool = False) -> Listening:
        host = port.host_ip if port.host_ip not in ANY_ADDRESS else self.address
        if port.protocol == "UDP":
            target = (ip, port.container_port)
            if not is_outside:
                return await listen_datagrams(host, port.host_port, target)
            (made,) = outside.listening(LOOPBACK, port.host_port, kind=socket.SOCK_DGRAM)
            return await take_datagrams(made, target)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._passing.add(task)
            try:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await _pass_on(reader, writer, ip, port.container_port)
            finally:
                self._passing.discard(task)
                writer.close()

        if is_outside:
            (taken,) = outside.listening(LOOPBACK, port.host_port)
            return await asyncio.start_server(serve, sock=taken)
        return await asyncio.start_server(serve, host, port.host_port)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ip: str, port: int
) -> None:
    """Copy both ways until both sides have ended."""
    pod_reader, pod_writer = await asyncio.open_connection(ip, port)
    try:
        await asyncio.gather(_copy(reader, pod_writer), _copy(pod_reader, writer))
    finally:
        pod_writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(BLOCK):
        target.write(piece)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()

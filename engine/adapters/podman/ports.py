"""Host ports of pods: connections and packets to a port of the node's address, passed on.

It knows addresses and ports, TCP and UDP.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import attrs

from engine.adapters.podman.datagrams import listen_datagrams
from engine.cri.commands import PortMapping
from engine.errors import AdapterError

BLOCK = 1 << 16


class Listening(Protocol):
    """A port that is open."""

    def close(self) -> None:
        """Take nothing more."""
        ...


@attrs.define(eq=False)
class HostPorts:
    """The host ports of one node, listening on *address* unless a mapping names another one."""

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

    async def _listen(self, port: PortMapping, ip: str) -> Listening:
        host = port.host_ip if port.host_ip not in {"", "0.0.0.0"} else self.address  # noqa: S104
        if port.protocol == "UDP":
            return await listen_datagrams(host, port.host_port, (ip, port.container_port))

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

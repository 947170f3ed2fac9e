"""Host ports of pods: TCP connections to a port of the node's address, passed on to the pod.

It knows addresses and ports; UDP host ports are not offered.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import attrs

from engine.cri.commands import PortMapping
from engine.errors import AdapterError

BLOCK = 1 << 16


@attrs.define(eq=False)
class HostPorts:
    """The host ports of one node, listening on *address* unless a mapping names another one."""

    address: str
    _servers: dict[str, list[asyncio.Server]] = attrs.field(factory=dict, init=False)
    _passing: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def open(self, sandbox: str, ip: str, ports: Sequence[PortMapping]) -> None:
        """Listen for *sandbox*, whose pod has address *ip*.

        Raises:
            AdapterError: a port is taken, or is not TCP; then none of them is open.
        """
        for port in ports:
            if port.protocol != "TCP":
                raise AdapterError(f"hostPort {port.host_port}: only TCP can be published")
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

    async def _listen(self, port: PortMapping, ip: str) -> asyncio.Server:
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

        host = port.host_ip if port.host_ip not in {"", "0.0.0.0"} else self.address  # noqa: S104
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

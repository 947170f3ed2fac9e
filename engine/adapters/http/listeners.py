"""The sockets a server listens on: TCP, with TLS where it is given."""

import asyncio
import ssl
from typing import Any

import attrs
from aiohttp import web

from engine.adapters.http.limits import Limits
from engine.adapters.rootless import outside
from engine.errors import AdapterError

# Connections that the kernel holds for us until we take them.
_BACKLOG = 1024


@attrs.define(eq=False, repr=False)
class Listeners:
    """Takes connections for *server* on any number of addresses.

    A connection whose TLS handshake is not done within *limits*' time is dropped.
    """

    server: web.Server
    tls: ssl.SSLContext | None
    limits: Limits
    _listening: list[asyncio.Server] = attrs.field(factory=list, init=False)

    async def listen(self, host: str, port: int) -> int:
        """Listen on one more address; the answer is the port, which matters if *port* is 0.

        Raises:
            AdapterError: it cannot be had.
        """
        try:
            return await self._listen(host=host, port=port)
        except OSError as error:
            raise AdapterError(f"cannot listen on {host}:{port}: {error.strerror}") from error

    async def listen_outside(self, host: str, port: int) -> int:
        """Listen in the machine's network, and in the cluster's where that is another one.

        The answer is the port.

        Raises:
            AdapterError: it cannot be had.
        """
        if outside.is_elsewhere():
            try:
                for made in outside.listening(host, port):
                    port = await self._listen(sock=made)
            except OSError as error:
                raise AdapterError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        return await self.listen(host, port)

    async def _listen(self, **where: Any) -> int:
        listening = await asyncio.get_running_loop().create_server(
            self.server,
            **where,
            ssl=self.tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self.limits.handshake_time if self.tls else None,
        )
        self._listening.append(listening)
        return int(listening.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more connections; those that are there stay."""
        for listening in self._listening:
            listening.close()
        self._listening.clear()

"""A UDP port passed on to a pod: one socket towards it a client, so that answers find home."""

import asyncio
import socket
from typing import Any, cast

import attrs

IDLE_SECONDS = 60.0
MOST_CLIENTS = 4096

Address = tuple[str, int]


@attrs.define(eq=False)
class Datagrams(asyncio.DatagramProtocol):
    """Packets to one port, passed on to *target*; a client silent for a minute is forgotten."""

    target: Address
    _outside: asyncio.DatagramTransport | None = attrs.field(default=None, init=False)
    _clients: "dict[Any, _Client]" = attrs.field(factory=dict, init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open."""
        self._outside = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Pass a client's packet on."""
        client = self._clients.get(addr)
        if client is None:
            if len(self._clients) >= MOST_CLIENTS:
                return
            client = self._clients[addr] = _Client(self, addr)
            client.connect()
        client.send(data)

    def answer(self, data: bytes, addr: Any) -> None:
        """Pass the pod's answer back."""
        if self._outside is not None:
            self._outside.sendto(data, addr)

    def forget(self, addr: Any) -> None:
        """That client is silent."""
        self._clients.pop(addr, None)

    def close(self) -> None:
        """Take nothing more."""
        if self._outside is not None:
            self._outside.close()
        for client in tuple(self._clients.values()):
            client.close()


@attrs.define(eq=False)
class _Client(asyncio.DatagramProtocol):
    """One client's packets."""

    port: Datagrams
    addr: Any
    _inside: asyncio.DatagramTransport | None = attrs.field(default=None, init=False)
    _early: list[bytes] = attrs.field(factory=list, init=False)
    _idle: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _connecting: "asyncio.Task[Any] | None" = attrs.field(default=None, init=False)

    def connect(self) -> None:
        loop = asyncio.get_running_loop()
        work = loop.create_datagram_endpoint(lambda: self, remote_addr=self.port.target)
        self._connecting = loop.create_task(work)

    def send(self, data: bytes) -> None:
        self._touch()
        if self._inside is None:
            self._early.append(data)
        else:
            self._inside.sendto(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inside = cast("asyncio.DatagramTransport", transport)
        for data in self._early:
            self._inside.sendto(data)
        self._early.clear()

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        self._touch()
        self.port.answer(data, self.addr)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens (yet); the client will ask again."""

    def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._inside is not None:
            self._inside.close()
        self.port.forget(self.addr)

    def _touch(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)


async def take_datagrams(bound: socket.socket, target: Address) -> Datagrams:
    """Pass packets that come to the socket *bound* on to *target*."""
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(lambda: Datagrams(target), sock=bound)
    return made


async def listen_datagrams(host: str, port: int, target: Address) -> Datagrams:
    """Pass packets to *port* of *host* on to *target*.

    Raises:
        OSError: the port is taken.
    """
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(
        lambda: Datagrams(target), local_addr=(host, port)
    )
    return made

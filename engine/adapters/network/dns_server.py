"""The cluster's DNS server: answers for the cluster's zone, forwards everything else.

It knows the wire format; what is in the zone is asked of the zone.
"""

# mypy: disable-error-code="no-untyped-call"
# dnslib ships no types.

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from dnslib import (
    CLASS,
    CNAME,
    PTR,
    QTYPE,
    RCODE,
    RR,
    SOA,
    SRV,
    A,
    DNSError,
    DNSRecord,
)

from engine.adapters.rootless import outside
from engine.errors import AdapterError
from engine.proxy.dns_zone import Answer, DnsZone

log = logging.getLogger(__name__)

TTL = 5
FORWARD_SECONDS = 2.0
UDP_SIZE = 512
FORWARDED_AT_ONCE = 200
MAX_ALIASES = 8
IDLE_SECONDS = 10.0


def host_resolvers(path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The name servers this host asks itself."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple(word[1] for word in words if len(word) > 1 and word[0] == "nameserver")


@attrs.define(eq=False, kw_only=True)
class DnsServer:
    """Serves UDP and TCP at *address*.

    Promises:
        * a name of the cluster is answered at once, NXDOMAIN included, and never leaves the host;
        * a forwarded question is answered within `FORWARD_SECONDS` per resolver, by SERVFAIL if
          nobody answered; no question waits for another.
    """

    zone: DnsZone = attrs.field(repr=False)
    address: str
    port: int = 53
    is_up: Callable[[], bool] = lambda: True
    resolvers: Sequence[str] = attrs.field(factory=host_resolvers)
    counts: dict[str, int] = attrs.field(
        factory=lambda: {"answered": 0, "nxdomain": 0, "forwarded": 0, "failed": 0}, init=False
    )
    _udp: asyncio.DatagramTransport | None = attrs.field(default=None, init=False)
    _tcp: asyncio.Server | None = attrs.field(default=None, init=False)
    _tasks: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    async def start(self) -> None:
        """Begin to answer.

        Raises:
            AdapterError: the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        try:
            self._tcp = await asyncio.start_server(self._serve_tcp, self.address, self.port)
            self.port = self._tcp.sockets[0].getsockname()[1]
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _UdpServer(self), local_addr=(self.address, self.port)
            )
        except OSError as error:
            await self.stop()
            raise AdapterError(
                f"DNS cannot listen at {self.address}:{self.port}: {error}"
            ) from error

    async def stop(self) -> None:
        """Answer nothing any more. Stopping twice is allowed."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, query: bytes, *, is_udp: bool) -> bytes | None:
        """The reply to *query*; None if it is no query at all, or DNS is down."""
        if not self.is_up():
            return None
        reply = self.answer_locally(query, is_udp=is_udp)
        if reply is not None or len(query) < 12 or query[2] & 0x80:
            return reply
        self.counts["forwarded"] += 1
        forwarded = await self._forward(query, is_udp=is_udp)
        if forwarded is not None:
            return forwarded
        self.counts["failed"] += 1
        return _failure(query)

    def answer_locally(self, query: bytes, *, is_udp: bool) -> bytes | None:
        """The reply if the zone is asked; None if the question is not for us."""
        try:
            request = DNSRecord.parse(query)
        except DNSError:
            return None
        if request.header.qr or len(request.questions) != 1:
            return None
        question = request.q
        name = str(question.qname).rstrip(".").lower()
        found = self.zone.lookup(name)
        if found is None or question.qclass != CLASS.IN:
            return None
        reply = request.reply(ra=1, aa=1)
        for record in self._resolve(name, found, QTYPE[question.qtype]):
            reply.add_answer(record)
        self.counts["answered" if found.exists else "nxdomain"] += 1
        if not found.exists:
            reply.header.rcode = RCODE.NXDOMAIN
        if not reply.rr:
            reply.add_auth(_authority(self.zone.domain))
        packed: bytes = reply.pack()
        if is_udp and len(packed) > _udp_size(request):
            packed = reply.truncate().pack()
        return packed

    def _resolve(self, name: str, found: Answer, kind: str) -> list[Any]:
        """The records of *kind* under *name*, aliases within the zone followed."""
        records: list[Any] = []
        for _ in range(MAX_ALIASES):
            if not found.cname:
                break
            records.append(RR(name, QTYPE.CNAME, rdata=CNAME(found.cname), ttl=TTL))
            name = found.cname
            following = self.zone.lookup(name)
            if following is None:
                return records
            found = following
        if kind in {"A", "ANY"}:
            addresses = list(found.a)
            random.shuffle(addresses)
            records += [RR(name, QTYPE.A, rdata=A(ip), ttl=TTL) for ip in addresses]
        if kind in {"SRV", "ANY"}:
            for srv in found.srv:
                rdata = SRV(srv.priority, srv.weight, srv.port, srv.target)
                records.append(RR(name, QTYPE.SRV, rdata=rdata, ttl=TTL))
        if kind in {"PTR", "ANY"} and found.ptr:
            records.append(RR(name, QTYPE.PTR, rdata=PTR(found.ptr), ttl=TTL))
        return records

    def take_datagram(self, query: bytes, client: tuple[str, int]) -> None:
        """Answer one UDP query, at once if the zone can."""
        if not self.is_up():
            return
        reply = self.answer_locally(query, is_udp=True)
        if reply is not None:
            self._send(reply, client)
        elif len(self._tasks) < FORWARDED_AT_ONCE:
            self._spawn(self._answer_later(query, client))

    async def _answer_later(self, query: bytes, client: tuple[str, int]) -> None:
        reply = await self.answer(query, is_udp=True)
        if reply is not None:
            self._send(reply, client)

    def _send(self, reply: bytes, client: tuple[str, int]) -> None:
        if self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(reply, client)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    query = await reader.readexactly(length)
                reply = await self.answer(query, is_udp=False)
                if reply is None:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _forward(self, query: bytes, *, is_udp: bool) -> bytes | None:
        """What the first resolver that answers in time says."""
        for resolver in self.resolvers:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(FORWARD_SECONDS):
                    ask = _ask_udp if is_udp else _ask_tcp
                    return await ask(query, resolver)
        return None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@attrs.define(eq=False)
class _UdpServer(asyncio.DatagramProtocol):
    """Passes datagrams on."""

    server: DnsServer = attrs.field(repr=False)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.server.take_datagram(data, addr)


@attrs.define(eq=False)
class _UdpClient(asyncio.DatagramProtocol):
    """Waits for the reply to one query."""

    query: bytes
    reply: "asyncio.Future[bytes]"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002
        if data[:2] == self.query[:2] and not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)


async def _ask_udp(query: bytes, resolver: str) -> bytes:
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _UdpClient(query, reply), sock=await _way_to(resolver, socket.SOCK_DGRAM)
    )
    try:
        transport.sendto(query)
        return await reply
    finally:
        transport.close()


async def _ask_tcp(query: bytes, resolver: str) -> bytes:
    reader, writer = await asyncio.open_connection(sock=await _way_to(resolver, socket.SOCK_STREAM))
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(length)
    finally:
        writer.close()


async def _way_to(resolver: str, kind: int) -> socket.socket:
    """A connected socket in the machine's network, whose resolver it is."""
    family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
    made = outside.new_socket(family, kind)
    try:
        await asyncio.get_running_loop().sock_connect(made, (resolver, 53))
    except BaseException:
        made.close()
        raise
    return made


def _udp_size(request: Any) -> int:
    """How long a datagram the client takes."""
    sizes = [record.rclass for record in request.ar if record.rtype == QTYPE.OPT]
    return max(UDP_SIZE, *sizes) if sizes else UDP_SIZE


def _authority(domain: str) -> Any:
    """Lets resolvers remember for `TTL` that there is nothing."""
    times = (1, 7200, 1800, 86400, TTL)
    rdata = SOA(f"ns.dns.{domain}", f"hostmaster.{domain}", times)
    return RR(domain, QTYPE.SOA, rdata=rdata, ttl=TTL)


def _failure(query: bytes) -> bytes | None:
    try:
        reply = DNSRecord.parse(query).reply(ra=1, aa=0)
    except DNSError:
        return None
    reply.header.rcode = RCODE.SERVFAIL
    packed: bytes = reply.pack()
    return packed

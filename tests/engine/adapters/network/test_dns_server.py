"""Tests of the DNS server over real sockets on loopback."""

# mypy: disable-error-code="no-untyped-call"
# dnslib ships no types.

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from engine.adapters.network.dns_server import DnsServer
from engine.proxy.dns_zone import DnsZone
from tests.engine.proxy.objects import IP, make_endpoint, make_service, make_slice
from tests.engine.proxy.served import Served

NAME = "web.default.svc.cluster.local"


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    """A server that knows a few services and nobody to forward to."""
    served = Served()
    served.admin.create(make_service())
    served.admin.create(
        make_service("alias", type="ExternalName", cluster_ip="", external_name=NAME)
    )
    served.admin.create(make_service("many", cluster_ip="None", cluster_ips=("None",)))
    endpoints = [make_endpoint(f"10.244.1.{number}") for number in range(100)]
    served.admin.create(make_slice(*endpoints, service="many", name="many-1"))
    zone = DnsZone(informers=served.informers)
    served.informers.start()
    served.loop.run_for(1.0)
    server = DnsServer(zone=zone, address="127.0.0.1", port=0, resolvers=())
    await server.start()
    yield server
    await server.stop()


async def ask(server: DnsServer, name: str, kind: str = "A") -> Any:
    """The reply over UDP."""
    query = DNSRecord.question(name, kind).pack()
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await loop.sock_sendall(client, query)
        return DNSRecord.parse(await loop.sock_recv(client, 4096))


async def ask_tcp(server: DnsServer, name: str, kind: str = "A") -> Any:
    """The reply over TCP."""
    query = DNSRecord.question(name, kind).pack()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(len(query).to_bytes(2, "big") + query)
    length = int.from_bytes(await reader.readexactly(2), "big")
    reply = await reader.readexactly(length)
    writer.close()
    return DNSRecord.parse(reply)


async def test_service_name_has_its_address(server: DnsServer) -> None:
    """A is the service's address, whatever the case of the question."""
    reply = await ask(server, NAME.upper())

    assert [str(record.rdata) for record in reply.rr] == [IP]
    assert reply.header.aa


async def test_unknown_name_does_not_exist(server: DnsServer) -> None:
    """A name the search path made up is NXDOMAIN at once, with an SOA to remember it by."""
    reply = await ask(server, "example.org.default.svc.cluster.local")

    assert reply.header.rcode == RCODE.NXDOMAIN
    assert QTYPE[reply.auth[0].rtype] == "SOA"


async def test_address_without_ipv6_is_no_data(server: DnsServer) -> None:
    """AAAA of a service with IPv4 only is an empty answer, not NXDOMAIN."""
    reply = await ask(server, NAME, "AAAA")

    assert reply.header.rcode == RCODE.NOERROR
    assert not reply.rr


async def test_alias_within_the_cluster_is_followed(server: DnsServer) -> None:
    """The answer has the alias and what it leads to."""
    reply = await ask(server, "alias.default.svc.cluster.local")

    assert [QTYPE[record.rtype] for record in reply.rr] == ["CNAME", "A"]


async def test_named_port_has_srv_and_address_has_ptr(server: DnsServer) -> None:
    """SRV gives port and target, PTR the way back."""
    srv = await ask(server, f"_http._tcp.{NAME}", "SRV")
    ptr = await ask(server, "80.0.96.10.in-addr.arpa", "PTR")

    assert srv.rr[0].rdata.port == 80
    assert str(ptr.rr[0].rdata) == f"{NAME}."


async def test_long_answer_is_cut_and_complete_over_tcp(server: DnsServer) -> None:
    """What does not fit a datagram says so, and TCP has it all."""
    name = "many.default.svc.cluster.local"

    assert (await ask(server, name)).header.tc
    assert len((await ask_tcp(server, name)).rr) == 100


async def test_nobody_to_forward_to_is_a_failure(server: DnsServer) -> None:
    """A question about the outside world that nobody answers is SERVFAIL, not silence."""
    assert (await ask(server, "example.org")).header.rcode == RCODE.SERVFAIL


async def test_rubbish_is_ignored(server: DnsServer) -> None:
    """What is no DNS message gets no answer and harms nobody."""
    assert await server.answer(b"rubbish", is_udp=True) is None
    assert await server.answer(b"\0" * 40, is_udp=True) is not None
    assert (await ask(server, NAME)).rr

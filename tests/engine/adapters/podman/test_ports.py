"""Host ports, passed on to pods."""

import asyncio
import socket
from typing import cast

import pytest

from engine.adapters.podman.ports import HostPorts
from engine.cri.commands import PortMapping
from engine.errors import AdapterError


class Echo(asyncio.DatagramProtocol):
    """Answers every packet with itself."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send it back."""
        self.transport.sendto(b"echo " + data, addr)


def free_port() -> int:
    """A UDP port that nobody uses."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_packets_find_the_pod_and_their_way_back() -> None:
    """UDP, for several clients at once."""
    loop = asyncio.get_running_loop()
    pod, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    inside, outside = pod.get_extra_info("sockname")[1], free_port()
    ports = HostPorts("127.0.0.1")
    mapping = PortMapping(container_port=inside, host_port=outside, protocol="UDP")
    await ports.open("pod", "127.0.0.1", [mapping])
    answers = []
    for text in (b"one", b"two"):
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", outside))
            await loop.sock_sendall(client, text)
            async with asyncio.timeout(5):
                answers.append(await loop.sock_recv(client, 100))
    ports.close("pod")
    pod.close()
    await asyncio.sleep(0)

    assert answers == [b"echo one", b"echo two"]


async def test_other_protocols_are_refused() -> None:
    """With the port and what can be published."""
    mapping = PortMapping(container_port=1, host_port=2, protocol="SCTP")

    with pytest.raises(AdapterError, match="hostPort 2: SCTP cannot be published"):
        await HostPorts("127.0.0.1").open("pod", "127.0.0.1", [mapping])

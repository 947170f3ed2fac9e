"""Tests of the whole network of a cluster, from API objects to packets, in a network namespace."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from engine.adapters.network.slots import Slot
from engine.adapters.network.stack import NetworkStack
from engine.api.discovery import EndpointSlice
from engine.proxy.proxier import Proxier
from tests.engine.adapters.network.netns import own_network, start_pod
from tests.engine.proxy.objects import IP, make_endpoint, make_slice, node_port_service
from tests.engine.proxy.served import Served

pytestmark = pytest.mark.podman

NODES = ("10.64.0.10", "10.64.0.11")
PORT = 30_080


@attrs.define(eq=False, repr=False)
class Site:
    """A cluster without kubelets on a host of its own."""

    served: Served
    stack: NetworkStack

    def settle(self) -> None:
        """Let what was written take effect."""
        self.served.loop.run_for(1.0)


def route_localnet(value: str = "") -> str:
    """Whether the host takes packets for 127.0.0.0/8 from anywhere; sets it if told so."""
    path = Path("/proc/sys/net/ipv4/conf/all/route_localnet")
    if value:
        path.write_text(value)
    return path.read_text().strip()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A host with a started stack and the service web."""
    with own_network():
        # A new namespace begins with what the host has, which another cluster may need.
        route_localnet("0")
        served = Served()
        stack = NetworkStack(slot=Slot(0), node_addresses=NODES, is_privileged=True)
        assert stack.host is not None
        stack.host.record = tmp_path / "sysctls.json"
        proxier = Proxier(loop=served.loop, informers=served.informers, sink=stack.sink)
        stack.connect(served.informers)
        try:
            await stack.start()
            proxier.start()
            served.admin.create(node_port_service())
            served.loop.run_for(1.0)
            yield Site(served, stack)
        finally:
            await stack.stop()


async def test_no_request_is_lost_while_pods_are_replaced(site: Site) -> None:
    """New connections and a keep-alive one all get answers while endpoints come and go."""
    pods = [start_pod(site.stack.slot, number) for number in range(2, 6)]
    endpoints = [make_endpoint(pod.ip) for pod in pods]
    slice_ = site.served.admin.create(make_slice(*endpoints[:2]))
    site.settle()
    answers: list[str] = []
    is_over = asyncio.Event()

    async def load() -> None:
        while not is_over.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(b"who\n")
            answers.append((await reader.readline()).decode().strip())
            writer.close()

    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    loads = [asyncio.create_task(load()) for _ in range(4)]
    try:
        for round_ in range(30):
            chosen = tuple(endpoints[(round_ + step) % 4] for step in range(2))
            current = site.served.admin.get(
                EndpointSlice, slice_.metadata.name, namespace="default"
            )
            site.served.admin.update(attrs.evolve(current, endpoints=chosen))
            site.settle()
            writer.write(b"who\n")
            assert (await reader.readline()).startswith(b"pod-")
        is_over.set()
        await asyncio.gather(*loads)
    finally:
        writer.close()
        for pod in pods:
            pod.stop()

    assert set(answers) == {pod.name for pod in pods}


async def test_pods_resolve_names_through_the_dns_service(site: Site) -> None:
    """A pod that asks the DNS service's address for a service gets the service's address."""
    pod = start_pod(site.stack.slot, 2)
    try:
        found = await asyncio.to_thread(pod.ask, "dns 10.96.0.10 web.default.svc.cluster.local")
    finally:
        pod.stop()

    assert found == IP


async def test_next_start_cleans_up_after_a_killed_one(site: Site) -> None:
    """A stack that was never stopped is in nobody's way, and is gone after the next one."""
    record = site.stack.host.record if site.stack.host else Path()
    assert site.stack.dns is not None
    await site.stack.dns.stop()

    following = NetworkStack(slot=Slot(0), node_addresses=NODES, is_privileged=True)
    assert following.host is not None
    following.host.record = record
    await following.start()
    await following.stop()

    assert shown("nft", "list", "ruleset") == ""
    assert "10." not in shown("ip", "route") + shown("ip", "addr")
    assert route_localnet() == "0"


async def test_another_cluster_keeps_what_it_needs(site: Site) -> None:
    """The sysctls go back only when the last cluster of the host closes."""
    other = NetworkStack(slot=Slot(1), node_addresses=("10.65.0.10",), is_privileged=True)
    assert other.host is not None
    assert site.stack.host is not None
    other.host.record = site.stack.host.record
    await other.start()
    await other.stop()

    assert route_localnet() == "1"
    assert "kubarium_0" in shown("nft", "list", "ruleset")
    assert "kubarium_1" not in shown("nft", "list", "ruleset")


def shown(*command: str) -> str:
    """What *command* prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

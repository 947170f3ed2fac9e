"""Measures the service proxy: changes of rules, and the way of packets through them.

Run as root: `python -m tests.benchmarks.proxy`. Works in a network namespace of its own.
"""

import socket
import statistics
import subprocess
import time
from collections.abc import Callable

import attrs

from engine.adapters.network.nftables import NftablesSink
from engine.adapters.network.slots import Slot
from engine.api.discovery import EndpointSlice
from engine.api.frozen import FrozenDict
from engine.proxy.change_tracker import ChangeTracker
from engine.proxy.rules import NO_RULES, Backend, Frontend, RuleSet, ServiceRules, Target
from tests.engine.adapters.network.netns import own_network, start_pod
from tests.engine.proxy.objects import make_endpoint, make_service, make_slice

SERVICES, ENDPOINTS, CHANGES, REQUESTS = 1_000, 10, 50, 5_000


def milliseconds(work: Callable[[], object], times: int = 1) -> float:
    """The median wall time of *work*."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1_000)
    return statistics.median(taken)


@attrs.define(eq=False, repr=False)
class Load:
    """Many services in a tracker, and a sink that has their rules."""

    sink: NftablesSink
    tracker: ChangeTracker = attrs.field(factory=ChangeTracker)
    round: int = 0

    def fill(self) -> None:
        """Take all services in."""
        for number in range(SERVICES):
            ip = f"10.96.{number // 250 + 1}.{number % 250 + 1}"
            service = make_service(f"s{number}", cluster_ip=ip)
            self.tracker.update_service(service.key, service)
            self.tracker.update_slice(f"s{number}", None, self.slice(number, 0))

    def slice(self, number: int, shift: int) -> EndpointSlice:
        """The endpoints of service *number*, one of them another with each *shift*."""
        ips = [f"10.244.{number % 250}.{2 + index}" for index in range(ENDPOINTS - 1)]
        endpoints = [make_endpoint(ip) for ip in (*ips, f"10.244.251.{1 + shift % 250}")]
        return make_slice(*endpoints, service=f"s{number}", name=f"s{number}-1")

    def change_one(self) -> None:
        """Replace one endpoint of one service, from slice to kernel."""
        self.round += 1
        old, new = (self.slice(500, self.round + step) for step in (0, 1))
        self.tracker.update_slice("s500", old, new)
        self.sync()

    def sync(self) -> None:
        """Bring what has changed to the kernel."""
        self.sink.apply(*self.tracker.advance())


def requests_per_second(ip: str, port: int) -> float:
    """Requests over one keep-alive connection."""
    with socket.create_connection((ip, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(REQUESTS):
            connection.sendall(b"who\n")
            connection.recv(64)
        return REQUESTS / (time.perf_counter() - began)


def connections_per_second(ip: str, port: int, count: int = 1_000) -> float:
    """New connections, one after the other, with a request each."""
    began = time.perf_counter()
    for _ in range(count):
        with socket.create_connection((ip, port)) as connection:
            connection.sendall(b"who\n")
            connection.recv(64)
    return count / (time.perf_counter() - began)


def measure_changes() -> None:
    """Print what changes cost."""
    sink = NftablesSink(slot=Slot(0))
    sink.open()
    load = Load(sink)
    load.fill()
    print(f"{SERVICES} services with {ENDPOINTS} endpoints")
    print(f"  all of them, into an empty table  {milliseconds(load.sync):8.1f} ms")
    print(f"  one endpoint of one service       {milliseconds(load.change_one, CHANGES):8.2f} ms")
    sink.close()


def measure_path() -> None:
    """Print what the way through the rules costs."""
    slot = Slot(0)
    sink = NftablesSink(slot=slot)
    sink.open()
    pod = start_pod(slot, 2)
    target = Target(backends=(Backend(pod.ip, 8080),))
    rules = ServiceRules(
        key="a/b", frontends=FrozenDict({Frontend("10.96.7.7", "tcp", 80): target})
    )
    sink.apply(NO_RULES, RuleSet(services=FrozenDict({rules.key: rules})))
    print("one client, one connection          direct      service address")
    for name, rate in (
        ("requests/s, keep-alive", requests_per_second),
        ("requests/s, new connections", connections_per_second),
    ):
        direct, through = rate(pod.ip, 8080), rate("10.96.7.7", 80)
        print(f"  {name:32} {direct:8.0f}    {through:8.0f}  ({through / direct:.2f})")
    pod.stop()
    sink.close()


def main() -> None:
    """Measure everything, in a network namespace of its own."""
    with own_network():
        for command in (
            "ip addr add 10.64.0.10/32 dev lo",
            "ip route add 10.96.0.0/16 dev lo src 10.64.0.10",
        ):
            subprocess.run(command.split(), check=True)
        measure_changes()
        measure_path()


if __name__ == "__main__":
    main()

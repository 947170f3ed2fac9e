"""Tests of the nftables sink on real traffic, in network namespaces of their own."""

import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from engine.adapters.network.host import HostNetwork
from engine.adapters.network.nft import NftCommand, NftError
from engine.adapters.network.nftables import NftablesSink
from engine.adapters.network.slots import Slot
from engine.adapters.network.tables import table_names
from engine.api.frozen import FrozenDict
from engine.proxy.rules import (
    NO_RULES,
    Backend,
    Frontend,
    NodeRules,
    RuleSet,
    ServiceRules,
    Target,
)
from tests.engine.adapters.network.netns import (
    PodProcess,
    fetch,
    fetch_udp,
    own_network,
    start_pod,
)

pytestmark = pytest.mark.podman

NODE, VIP, PORT = "10.64.0.11", "10.96.7.7", 30_080


@attrs.define(eq=False)
class Site:
    """A host with rules and two pods."""

    sink: NftablesSink
    host: HostNetwork
    pods: list[PodProcess]
    rules: RuleSet = NO_RULES

    def lead_to(self, *pods: PodProcess, affinity: int = 0) -> None:
        """Let the service have just these backends."""
        backends = tuple(sorted(Backend(pod.ip, 8080, "node-1") for pod in pods))
        target = Target(backends=backends, affinity_seconds=affinity)
        frontends = {
            Frontend(VIP, "tcp", 80): target,
            Frontend(VIP, "udp", 80): target,
            Frontend("", "tcp", PORT): target,
        }
        rules = ServiceRules(key="default/web", frontends=FrozenDict(frontends))
        wanted = RuleSet(
            services=FrozenDict({rules.key: rules}), nodes=FrozenDict({"node-1": NODE})
        )
        self.sink.apply(self.rules, wanted)
        self.rules = wanted

    def clear(self) -> None:
        """Have no service at all."""
        self.sink.apply(self.rules, NO_RULES)
        self.rules = NO_RULES


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A host in a network namespace of its own."""
    slot = Slot(0)
    with own_network():
        host = HostNetwork(slot=slot, record=tmp_path / "sysctls.json")
        await host.open([NODE, "10.64.0.12"])
        sink = NftablesSink(slot=slot)
        sink.open(local_source=NODE)
        pods = [start_pod(slot, number) for number in (2, 3)]
        try:
            yield Site(sink, host, pods)
        finally:
            for pod in pods:
                pod.stop()
            sink.close()
            await host.close()


def test_service_address_leads_to_every_backend(site: Site) -> None:
    """From the host, connections to the service's address reach all of its pods."""
    site.lead_to(*site.pods)

    assert {fetch(VIP, 80) for _ in range(40)} == {"pod-2", "pod-3"}


def test_pods_reach_services(site: Site) -> None:
    """From inside a pod as well, and the other pod sees the pod's own address."""
    site.lead_to(site.pods[1])

    assert site.pods[0].ask(f"tcp {VIP} 80") == "pod-3"
    assert site.pods[0].ask(f"tcp {VIP} 80 from") == site.pods[0].ip


def test_pod_reaches_itself_through_its_service(site: Site) -> None:
    """A pod that is chosen as its own backend gets an answer."""
    site.lead_to(site.pods[0])

    assert site.pods[0].ask(f"tcp {VIP} 80") == "pod-2"
    assert site.pods[0].ask(f"tcp {NODE} {PORT}") == "pod-2"


@pytest.mark.parametrize("ip", ["127.0.0.1", NODE])
def test_node_port_answers_on_the_host(site: Site, ip: str) -> None:
    """A node port answers at the node's address and on loopback."""
    site.lead_to(*site.pods)

    assert {fetch(ip, PORT) for _ in range(40)} == {"pod-2", "pod-3"}


def test_node_port_does_not_answer_for_another_cluster(site: Site) -> None:
    """An address of a node of another slot is not ours, even on the same host."""
    site.lead_to(*site.pods)
    subprocess.run(["ip", "addr", "add", "10.65.0.11/32", "dev", "lo"], check=True)

    with pytest.raises(ConnectionRefusedError):
        fetch("10.65.0.11", PORT)


@pytest.mark.parametrize(("ip", "port"), [(VIP, 80), (NODE, PORT), ("127.0.0.1", PORT)])
def test_service_without_endpoints_refuses(site: Site, ip: str, port: int) -> None:
    """Clients hear at once that nobody is there, from host and pod, and it is counted."""
    site.lead_to()

    with pytest.raises(ConnectionRefusedError):
        fetch(ip, port)
    if ip != "127.0.0.1":
        assert site.pods[0].ask(f"tcp {ip} {port}") == "ConnectionRefusedError"
    assert site.sink.counters()["refused"][0] >= 1


def test_unused_service_address_refuses(site: Site) -> None:
    """An address that no service has never leaves the host."""
    with pytest.raises(ConnectionRefusedError):
        fetch("10.96.99.99", 80)
    assert site.pods[0].ask("tcp 10.96.99.99 80") == "ConnectionRefusedError"


def test_service_comes_back_when_endpoints_do(site: Site) -> None:
    """From none to one and away again, the rules follow."""
    site.lead_to()
    site.lead_to(site.pods[0])
    assert fetch(VIP, 80) == "pod-2"

    site.clear()

    with pytest.raises(ConnectionRefusedError):
        fetch(VIP, 80)


def test_connection_survives_the_removal_of_its_backend(site: Site) -> None:
    """A keep-alive connection to a removed pod goes on; new ones go to the other."""
    site.lead_to(site.pods[0])
    with socket.create_connection(("127.0.0.1", PORT), timeout=3) as connection:
        answers = connection.makefile()
        connection.sendall(b"who\n")
        assert answers.readline() == "pod-2\n"

        site.lead_to(site.pods[1])

        connection.sendall(b"who\n")
        assert answers.readline() == "pod-2\n"
    assert fetch("127.0.0.1", PORT) == "pod-3"


def test_udp_client_is_led_away_from_a_removed_backend(site: Site) -> None:
    """The same UDP socket reaches the new backend as soon as the old one is removed."""
    site.lead_to(site.pods[0])
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        assert fetch_udp(client, VIP, 80) == "pod-2"

        site.lead_to(site.pods[1])

        assert fetch_udp(client, VIP, 80) == "pod-3"


def test_affinity_keeps_a_client_at_its_backend(site: Site) -> None:
    """With session affinity one client stays at one pod, until that pod is removed."""
    site.lead_to(*site.pods, affinity=600)
    chosen = {fetch(VIP, 80) for _ in range(20)}
    assert len(chosen) == 1
    other = next(pod for pod in site.pods if pod.name not in chosen)

    site.lead_to(other, affinity=600)

    assert {fetch(VIP, 80) for _ in range(5)} == {other.name}


def test_removed_table_is_made_again(site: Site) -> None:
    """Somebody flushed the firewall: the next change brings everything back."""
    site.lead_to(*site.pods)
    subprocess.run(["nft", "flush", "ruleset"], check=True)

    site.lead_to(site.pods[1])

    assert {fetch("127.0.0.1", PORT) for _ in range(5)} == {"pod-3"}


def test_pods_reach_a_service_on_the_hosts_loopback(site: Site) -> None:
    """A service may lead to the host itself, at 127.0.0.1: the API server listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        target = Target(backends=(Backend("127.0.0.1", port),))
        rules = ServiceRules(
            key="default/kubernetes", frontends=FrozenDict({Frontend(VIP, "tcp", 443): target})
        )
        site.sink.apply(NO_RULES, RuleSet(services=FrozenDict({rules.key: rules})))
        server.settimeout(5)

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(site.pods[0].ask, f"tcp {VIP} 443")
            connection, client = server.accept()
            with connection:
                connection.sendall(b"here\n")

        assert asked.result() == "here"
        assert client[0] == site.pods[0].ip


async def test_nothing_is_left_after_close(site: Site) -> None:
    """Links, routes, addresses and tables of ours are gone."""
    site.lead_to(*site.pods)
    for pod in site.pods:
        pod.stop()
    site.sink.close()
    await site.host.close()

    while "kv0" in shown("ip", "link"):
        pass  # the kernel takes pods' namespaces down after their processes, in its own time
    for command in (["nft", "list", "ruleset"], ["ip", "route"], ["ip", "addr"]):
        left = shown(*command)
        assert "kubarium" not in left
        assert "kv0" not in left
        assert "10." not in left


def shown(*command: str) -> str:
    """What *command* prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_refused_change_changes_nothing(site: Site) -> None:
    """A transaction that nftables refuses raises, and the old rules stay."""
    site.lead_to(site.pods[0])
    broken = Target(backends=(Backend("not an address", 1),))
    rules = ServiceRules(key="a/b", frontends=FrozenDict({Frontend(VIP, "tcp", 81): broken}))

    with pytest.raises(NftError):
        site.sink.apply(
            site.rules,
            attrs.evolve(site.rules, services=site.rules.services.with_items({"a/b": rules})),
        )

    assert fetch(VIP, 80) == "pod-2"


@pytest.fixture
def command() -> Iterator[NftCommand]:
    """The command, in a network namespace of its own."""
    with own_network():
        yield NftCommand("/usr/sbin/nft")


def test_command_serves_where_the_library_is_missing(command: NftCommand) -> None:
    """The `nft` command runs the same transactions and lists the same objects."""
    sink = NftablesSink(slot=Slot(1), nft=command)
    sink.open()

    assert sink.counters() == {"services": (0, 0), "refused": (0, 0), "outside": (0, 0)}
    with pytest.raises(NftError):
        command.run("add nonsense")


def _still(site: Site, pod: PodProcess) -> NodeRules:
    """A node of that pod alone, as it is now."""
    return NodeRules("node-1", "10.64.0.12", f"{pod.ip}/32", site.rules)


def test_a_node_that_stands_still_keeps_its_rules(site: Site) -> None:
    """Its pods and its address are led as before, everybody else follows; then it catches up."""
    first, second = site.pods
    site.lead_to(first)

    site.sink.freeze(_still(site, first))
    site.lead_to(second)

    assert first.ask(f"tcp {VIP} 80") == "pod-2"
    assert fetch("10.64.0.12", PORT) == "pod-2"
    assert second.ask(f"tcp {VIP} 80") == "pod-3"
    assert {fetch(VIP, 80), fetch(NODE, PORT), fetch("127.0.0.1", PORT)} == {"pod-3"}
    site.sink.thaw("node-1")
    assert first.ask(f"tcp {VIP} 80") == "pod-3"
    assert fetch(VIP, 80) == "pod-3"


def test_a_node_that_stands_still_refuses_what_is_new(site: Site) -> None:
    """A service that its rules do not know is unused there, and one it knows goes on."""
    first, second = site.pods
    site.sink.freeze(_still(site, first))
    site.lead_to(second)

    assert first.ask(f"tcp {VIP} 80") != "pod-3"
    assert second.ask(f"tcp {VIP} 80") == "pod-3"


def test_the_host_itself_can_stand_still(site: Site) -> None:
    """What no pod sends, and what comes to its address, follows the rules of the control plane."""
    first, second = site.pods
    site.lead_to(first)
    site.sink.freeze(NodeRules("control-plane", NODE, "10.244.0.0/24", site.rules))
    site.lead_to(second)

    assert {fetch(VIP, 80), fetch(NODE, PORT), fetch("127.0.0.1", PORT)} == {"pod-2"}
    assert first.ask(f"tcp {VIP} 80") == "pod-3"
    site.sink.thaw("control-plane")
    assert {fetch(VIP, 80), fetch(NODE, PORT), fetch("127.0.0.1", PORT)} == {"pod-3"}


def test_tables_of_nodes_that_stood_still_are_found_again(site: Site) -> None:
    """After a crash too: the next one begins with none, and closing leaves none."""
    site.lead_to(site.pods[0])
    site.sink.freeze(_still(site, site.pods[0]))
    names = table_names(site.sink.nft, "kubarium_0_still_")

    again = NftablesSink(slot=Slot(0))
    again.open(local_source=NODE)

    assert names == ["kubarium_0_still_10_64_0_12"]
    assert table_names(again.nft, "kubarium_0_still_") == []
    again.close()

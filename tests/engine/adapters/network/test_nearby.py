"""Tests of rules for clients of single nodes, with real packets in a network namespace."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from engine.adapters.network.host import HostNetwork
from engine.adapters.network.nearby import NearbySink
from engine.adapters.network.nft import NftError
from engine.adapters.network.nftables import NftablesSink
from engine.adapters.network.slots import Slot
from engine.api.frozen import FrozenDict
from engine.proxy.rules import NO_RULES, Backend, Frontend, RuleSet, ServiceRules, Target
from tests.engine.adapters.network.netns import PodProcess, own_network, start_pod

pytestmark = pytest.mark.podman

VIP = "10.96.7.7"


@attrs.define(eq=False)
class Site:
    """Two pods, each the only one of its node."""

    sink: NearbySink
    pods: list[PodProcess]
    rules: RuleSet = NO_RULES

    def lead_to(self, near: dict[str, tuple[Backend, ...]], *, affinity: int = 0) -> None:
        """Let the service have both pods, and nodes what *near* says."""
        target = Target(backends=self.backends, affinity_seconds=affinity, near=FrozenDict(near))
        rules = ServiceRules(
            key="default/web", frontends=FrozenDict({Frontend(VIP, "tcp", 80): target})
        )
        wanted = RuleSet(
            services=FrozenDict({rules.key: rules}),
            networks=FrozenDict({f"node-{i}": f"{pod.ip}/32" for i, pod in enumerate(self.pods)}),
        )
        self.sink.apply(self.rules, wanted)
        self.rules = wanted

    @property
    def backends(self) -> tuple[Backend, ...]:
        """Both pods."""
        return tuple(Backend(pod.ip, 8080, f"node-{i}") for i, pod in enumerate(self.pods))

    def seen(self, client: int) -> set[str]:
        """Who answers a pod that asks often."""
        return {self.pods[client].ask(f"tcp {VIP} 80") for _ in range(12)}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A host in a network namespace of its own."""
    slot = Slot(0)
    with own_network():
        host = HostNetwork(slot=slot, record=tmp_path / "sysctls.json")
        await host.open(["10.64.0.11", "10.64.0.12"])
        rules = NftablesSink(slot=slot)
        rules.open()
        sink = NearbySink(sink=rules, slot=slot)
        pods = [start_pod(slot, number) for number in (2, 3)]
        try:
            yield Site(sink, pods)
        finally:
            for pod in pods:
                pod.stop()
            sink.close()
            rules.close()
            await host.close()


def test_each_node_uses_what_is_near(site: Site) -> None:
    """A node of which nothing is said uses all; a change is seen at once."""
    first, second = site.backends

    site.lead_to({"node-0": (first,), "node-1": (second,)})
    apart = (site.seen(0), site.seen(1))
    site.lead_to({"node-0": (second,)})
    crossed = site.seen(0)
    both = {site.pods[1].ask(f"tcp {VIP} 80") for _ in range(60)}

    assert apart == ({"pod-2"}, {"pod-3"})
    assert crossed == {"pod-3"}
    assert both == {"pod-2", "pod-3"}


def test_where_there_is_nothing_near_packets_are_dropped(site: Site) -> None:
    """As kube-proxy does for internalTrafficPolicy Local; the other node is not concerned."""
    first, _ = site.backends

    site.lead_to({"node-0": (first,), "node-1": ()})

    assert site.seen(0) == {"pod-2"}
    assert "pod-" not in site.pods[1].ask(f"tcp {VIP} 80")


def test_a_sticky_client_stays(site: Site) -> None:
    """Session affinity holds among the near ones."""
    site.lead_to({"node-0": site.backends}, affinity=60)

    assert len(site.seen(0)) == 1


def test_without_such_services_there_is_no_table(site: Site) -> None:
    """The table comes with the first service that needs it and goes with the last."""
    site.lead_to({"node-0": site.backends[:1]})
    there = site.sink.nft.query(f"list table ip {site.sink.table}")
    site.lead_to({})

    assert there
    with pytest.raises(NftError):
        site.sink.nft.query(f"list table ip {site.sink.table}")

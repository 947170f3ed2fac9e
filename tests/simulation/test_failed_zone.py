"""A whole zone goes: it is noticed, tainted and replaced at the documented rates, at an even pace.

Source: kubernetes.io/docs/concepts/architecture/nodes, "Rate limits on eviction".
"""

import attrs
import pytest

from engine.api.apps import Deployment
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_deployment

ZONES = 3


@pytest.fixture
def cluster() -> Cluster:
    """24 nodes in three zones with 24 pods that leave a dead node after seconds."""
    nodes = make_nodes(24, has_control_plane=False)
    zoned = tuple(
        attrs.evolve(node, zone=f"zone-{number % ZONES}") for number, node in enumerate(nodes)
    )
    made = Cluster(config=ClusterConfig(nodes=zoned))
    made.start()
    made.run_for(15.0)
    made.apply(make_deployment("web", replicas=24, cpu=10))
    made.run_for(30.0)
    return made


def fail(cluster: Cluster, *zones: str) -> None:
    """Cut the power of every node of these zones."""
    for node in cluster.nodes.values():
        if node.config.zone in zones:
            node.link.cut()
            node.runtime.power_off()
            node.kubelet.stop()


def unknown(cluster: Cluster) -> int:
    """Nodes of which nobody knows how they are doing."""
    found = [condition_of(node.status.conditions, "Ready") for node in cluster.list(Node)]
    return sum(one is not None and one.status == "Unknown" for one in found)


def tainted(cluster: Cluster) -> int:
    """Nodes whose pods may not stay."""
    return sum(
        any(taint.effect == "NoExecute" for taint in node.spec.taints)
        for node in cluster.list(Node)
    )


def test_a_zone_is_evicted_at_a_node_in_ten_seconds(cluster: Cluster) -> None:
    """All of it is noticed within a minute; then 0.1 nodes a second are tainted."""
    fail(cluster, "zone-1")
    cluster.run_for(60.0)
    noticed, first = unknown(cluster), tainted(cluster)
    cluster.run_for(50.0)
    then = tainted(cluster)

    assert noticed == 8
    assert 1 <= first <= 2
    assert 4 <= then - first <= 5


def test_what_ran_there_runs_elsewhere_in_the_end(cluster: Cluster) -> None:
    """Eight nodes at a node in ten seconds are a minute and a half."""
    fail(cluster, "zone-1")
    cluster.run_for(45.0 + 90.0 + 40.0)

    assert tainted(cluster) == 8
    assert cluster.get(Deployment, "web", namespace="default").status.available_replicas == 24


def test_no_moment_holds_all_the_work(cluster: Cluster) -> None:
    """Eight nodes and their pods are told of over seconds, not in one of them."""
    fail(cluster, "zone-1")
    writes = []
    for _ in range(60):
        before = cluster.store.revision
        cluster.run_for(1.0)
        writes.append(cluster.store.revision - before)

    assert max(writes) < 80


def test_when_all_zones_fail_nobody_is_evicted(cluster: Cluster) -> None:
    """Then it is us who hear nothing."""
    fail(cluster, "zone-0", "zone-1", "zone-2")
    cluster.run_for(120.0)

    assert unknown(cluster) == 24
    assert tainted(cluster) == 0

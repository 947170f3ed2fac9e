"""A cluster's history is bounded, and nobody in it notices."""

from engine.api.apps import Deployment
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.store.compactor import Retention
from tests.builders import make_deployment


def test_a_cluster_forgets_old_revisions_and_works_on() -> None:
    """What is older than asked goes, within a minute; watches and controllers go on."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)), retention=Retention(revisions=50))
    cluster.start()
    cluster.run_for(300.0)
    compacted = cluster.store.compact_revision
    cluster.apply(make_deployment("web", replicas=2))
    cluster.run_for(60.0)

    assert compacted > 0
    assert cluster.store.compact_revision > compacted
    assert cluster.get(Deployment, "web", namespace="default").status.available_replicas == 2
    cluster.stop()


def test_an_hour_is_kept_whole_by_default() -> None:
    """A session can be read back to its first revision."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    cluster.run_for(3600.0)

    assert cluster.store.compact_revision == 0
    assert cluster.store.range(b"/", b"0", revision=2).count == 1
    cluster.stop()

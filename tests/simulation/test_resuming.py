"""A kept cluster goes on where it was."""

from pathlib import Path

from engine.adapters.storage.sqlite import SqliteLog
from engine.api.apps import Deployment, ReplicaSet
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.cluster import OBJECT_CODEC, Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_deployment


def open_cluster(folder: Path) -> Cluster:
    """A cluster kept in *folder*, with the same seed each time."""
    log = SqliteLog(folder / "store.db", OBJECT_CODEC, lambda callback: None)
    found = Cluster(config=ClusterConfig(nodes=make_nodes(1)), log=log)
    found.start()
    return found


def uids(cluster: Cluster) -> list[str]:
    """Those of all workloads."""
    kinds: tuple[type[ApiObject], ...] = (Deployment, ReplicaSet, Pod)
    return [obj.metadata.uid for kind in kinds for obj in cluster.list(kind)]


def test_new_objects_never_get_the_uid_of_an_old_one(tmp_path: Path) -> None:
    """Though the seed is the same and chance begins anew."""
    first = open_cluster(tmp_path)
    first.apply(make_deployment("one", replicas=2))
    first.run_for(30.0)
    before = uids(first)
    first.stop()

    second = open_cluster(tmp_path)
    kept = uids(second)
    for name in ("two", "three", "four", "five", "six", "seven", "eight"):
        second.apply(make_deployment(name, replicas=2))
    second.run_for(30.0)
    after = uids(second)
    second.stop()

    assert kept == before
    assert len(after) == 8 * 4
    assert len(set(after)) == len(after)

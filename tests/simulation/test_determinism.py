"""Same seed, same history, whatever the hash seed of the process."""

import os
import subprocess
import sys

PROGRAM = """
import hashlib, sys
from engine.api.codec import encode_json
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_deployment, make_service

cluster = Cluster(config=ClusterConfig(nodes=make_nodes(5), seed=int(sys.argv[1])))
history = hashlib.sha256()

def record(batch):
    for change in batch.changes:
        value = b"" if change.kv.value is None else encode_json(change.kv.value)
        history.update(b"%d %s %s" % (change.revision, change.kv.key, value))

cluster.store.watch(b"/", b"0", deliver=record)
cluster.start()
cluster.run_for(15)
cluster.apply(make_deployment("web", replicas=12, is_probed=True), make_service("web"))
cluster.run_for(30)
cluster.controls.crash_node("node-2")
cluster.run_for(120)
cluster.controls.restore_node("node-2")
cluster.run_for(30)
print(cluster.store.revision, history.hexdigest())
"""


def run(seed: int, hash_seed: str) -> str:
    """The history of one run as a number of revisions and a digest."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_one_seed_gives_one_history_under_two_hash_seeds() -> None:
    """A bug report is a seed."""
    first = run(7, "1")

    assert first == run(7, "2")
    assert int(first.split()[0]) > 100


def test_another_seed_gives_another_history() -> None:
    """The seed is not ignored."""
    assert run(7, "1") != run(8, "1")

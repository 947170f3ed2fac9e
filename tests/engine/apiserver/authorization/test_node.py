"""What a node may: its own objects, and what its pods refer to."""

import attrs
import pytest

from engine.api.coordination import Lease
from engine.api.core import ConfigMap, Secret
from engine.api.meta import ObjectMeta
from engine.api.node import Node, Taint
from engine.api.pod import Pod
from engine.apiserver.errors import ForbiddenError
from engine.client.client import Client
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.scenario.actions import apply_yaml

PODS = """
apiVersion: v1
kind: Secret
metadata: {name: used}
---
apiVersion: v1
kind: Secret
metadata: {name: unused}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeName: node-1
  containers:
  - name: main
    image: demo:v1
    envFrom: [{configMapRef: {name: settings}}]
  volumes: [{name: s, secret: {secretName: used}}]
"""


@pytest.fixture
def cluster() -> Cluster:
    """Two nodes; a pod on node-1 uses a Secret and a ConfigMap."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    made.start()
    made.run_for(3.0)
    apply_yaml(made.admin, PODS, "default")
    made.run_for(3.0)
    return made


def node(cluster: Cluster, name: str) -> Client:
    """What the node asks with."""
    groups = ("system:nodes", "system:authenticated")
    return cluster.client(f"test-{name}", user=f"system:node:{name}", groups=groups)


def test_a_node_reads_what_its_pods_use(cluster: Cluster) -> None:
    """By volume, by environment; while the pod is there."""
    own = node(cluster, "node-1")

    assert own.get(Secret, "used", namespace="default").metadata.uid
    assert own.get(ConfigMap, "settings", namespace="default").metadata.uid
    assert own.get(Pod, "web", namespace="default").metadata.uid
    assert own.create_token("default", namespace="default").token

    cluster.admin.delete(Pod, "web", namespace="default", grace_period_seconds=0)
    with pytest.raises(ForbiddenError, match="no relationship found between node 'node-1'"):
        own.get(Secret, "used", namespace="default")


def test_a_node_reads_nothing_else(cluster: Cluster) -> None:
    """What no pod of it uses, what pods elsewhere use, lists of everything, other nodes."""
    own, other = node(cluster, "node-1"), node(cluster, "node-2")

    for refused in (
        lambda: own.get(Secret, "unused", namespace="default"),
        lambda: own.list(Secret, namespace="default"),
        lambda: other.get(Secret, "used", namespace="default"),
        lambda: other.get(Pod, "web", namespace="default"),
        lambda: other.create_token("default", namespace="default"),
        lambda: other.list(Pod),
        lambda: own.get(Node, "node-2"),
        lambda: own.get(Lease, "node-2", namespace="kube-node-lease"),
        lambda: own.delete(Node, "node-1"),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_a_node_writes_its_own_objects_only(cluster: Cluster) -> None:
    """Status of its pods and itself; no taints, no reserved labels, no pods of its own making."""
    own, other = node(cluster, "node-1"), node(cluster, "node-2")
    pod = cluster.get(Pod, "web", namespace="default")
    itself = cluster.get(Node, "node-1")
    tainted = attrs.evolve(itself.spec, taints=(*itself.spec.taints, Taint(key="a", effect="b")))
    label = {"node-restriction.kubernetes.io/a": "b"}
    labels = attrs.evolve(itself.metadata, labels=itself.metadata.labels.with_items(label))

    assert own.update_status(itself).metadata.uid
    with pytest.raises(ForbiddenError, match=r"spec\.nodeName set to itself"):
        other.update_status(pod)
    with pytest.raises(ForbiddenError, match='not allowed to modify node "node-1"'):
        other.update_status(itself)
    with pytest.raises(ForbiddenError, match="not allowed to modify taints"):
        own.update(attrs.evolve(itself, spec=tainted))
    with pytest.raises(ForbiddenError, match="following labels"):
        own.update(attrs.evolve(itself, metadata=labels))
    with pytest.raises(ForbiddenError, match="can only create mirror pods"):
        own.create(Pod(metadata=ObjectMeta(name="x", namespace="default"), spec=pod.spec))

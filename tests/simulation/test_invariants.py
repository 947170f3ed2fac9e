"""Every invariant fires when what it promises is broken, and a scenario can require it."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import decode
from engine.api.core import Service
from engine.api.kubarium import Invariant
from engine.api.meta import ApiObject, OwnerReference
from engine.api.pod import Pod
from engine.apiserver.keys import key_of
from engine.apiserver.subresources import Subresources
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.faults.invariants.registry import NAMES
from engine.scenario.loader import load_scenario
from engine.scenario.schema import ScenarioError
from engine.store.watch_hub import WatchHub
from engine.telemetry.trace import Origin
from tests.builders import make_deployment, make_pod, make_service
from tests.simulation.test_scenarios import WEB, play

Break = Callable[[Cluster, pytest.MonkeyPatch], object]
NOBODY = Origin("nobody")


def put(cluster: Cluster, obj: ApiObject, origin: Origin = NOBODY) -> None:
    """Write past the API server, as only a bug could."""
    meta = obj.metadata
    if not meta.uid:
        obj = attrs.evolve(obj, metadata=attrs.evolve(meta, uid=f"uid-of-{meta.name}"))
    resource = cluster.server.scheme.resource_of(type(obj))
    cluster.store.put(key_of(resource, meta.namespace, meta.name), obj, origin=origin)


def remove(cluster: Cluster, obj: ApiObject, actor: str) -> None:
    """Delete past the API server."""
    resource = cluster.server.scheme.resource_of(type(obj))
    key = key_of(resource, obj.metadata.namespace, obj.metadata.name)
    cluster.store.delete_range(key, origin=Origin(actor))


def pod_of(cluster: Cluster, start: str) -> Pod:
    """The first pod whose name begins so."""
    pods = cluster.list(Pod, namespace="default")
    return next(pod for pod in pods if pod.metadata.name.startswith(start))


def lose_an_event(_cluster: Cluster, patch: pytest.MonkeyPatch) -> None:
    """A batch for the one who watches everything is not delivered."""
    real, lost = WatchHub._deliver, [False]

    def deliver(self: Any, watcher: Any, batch: Any) -> None:
        if watcher.name == "invariants" and not lost[0]:
            lost[0] = True
        else:
            real(self, watcher, batch)

    patch.setattr(WatchHub, "_deliver", deliver)


def bind_too_much(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """A pod that wants more than any node has is bound."""
    pod = make_pod("huge", cpu=1_000_000)
    scheduled = {"type": "PodScheduled", "status": "True"}
    made: Any = decode(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": {"conditions": [scheduled]}}
    )
    spec = attrs.evolve(pod.spec, node_name="node-1")
    put(cluster, attrs.evolve(pod, spec=spec, status=made.status))


def move(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """A pod that runs is given another node."""
    pod = pod_of(cluster, "web-")
    other = "node-1" if pod.spec.node_name != "node-1" else "node-2"
    put(cluster, attrs.evolve(pod, spec=attrs.evolve(pod.spec, node_name=other)))


def write_for_others(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """A kubelet writes about the pod of another node."""
    pod = pod_of(cluster, "web-")
    other = "node-1" if pod.spec.node_name != "node-1" else "node-2"
    status = attrs.evolve(pod.status, pod_ip="10.9.9.9")
    put(cluster, attrs.evolve(pod, status=status), Origin(f"kubelet/{other}"))


def surge(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """The deployment controller asks for far too many pods."""
    (found,) = cluster.list(ReplicaSet, namespace="default")
    more = attrs.evolve(found, spec=attrs.evolve(found.spec, replicas=40))
    put(cluster, more, Origin("deployment-controller"))


def replace_too_early(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """The second pod of an ordinal is bound while the first one's container runs."""
    owner = OwnerReference(api_version="apps/v1", kind="StatefulSet", name="db", uid="db")
    pod = make_pod("db-0")
    pod = attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, owner_references=(owner,)))
    pod = attrs.evolve(pod, spec=attrs.evolve(pod.spec, node_name="node-1"))
    cluster.manager.stop_controller("generic-garbage-collector")
    put(cluster, attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, uid="first")))
    cluster.run_for(10.0)
    remove(cluster, pod, "kubelet/node-1")
    put(cluster, attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, uid="second")))


def publish_the_unready(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """An endpoint stays ready when its pod is not any more."""
    cluster.apply(make_service("web"))
    cluster.run_for(5.0)
    cluster.manager.stop_controller("endpointslice-controller")
    pod = pod_of(cluster, "web-")
    status = pod.metadata.labels.with_items({"app": "other"})
    put(cluster, attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, labels=status)))


def evict_all(cluster: Cluster, patch: pytest.MonkeyPatch) -> None:
    """The API server lets every eviction pass."""
    patch.setattr(Subresources, "_spend", lambda *_arguments, **_options: None)
    cluster.apply(
        decode(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            }
        )
    )
    cluster.run_for(5.0)
    for pod in cluster.list(Pod, namespace="default"):
        cluster.admin.evict(pod.metadata.name, namespace="default")


def make_more_than_the_quota(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """Pods are made past the quota."""
    quota = {"metadata": {"name": "few", "namespace": "default"}, "spec": {"hard": {"pods": "3"}}}
    cluster.apply(decode({"apiVersion": "v1", "kind": "ResourceQuota", **quota}))
    put(cluster, make_pod("one-more"))


def leave_an_orphan(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """Nobody collects what belonged to a deployment that is gone."""
    cluster.manager.stop_controller("generic-garbage-collector")
    cluster.admin.delete(Deployment, "web", namespace="default")


def share_an_address(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """A service is stored with the address of another."""
    cluster.apply(make_service("web"))
    found = cluster.get(Service, "web", namespace="default")
    meta = attrs.evolve(found.metadata, name="copy", uid="copy")
    put(cluster, attrs.evolve(found, metadata=meta))


def mount_twice(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """Pods on two nodes run with one volume."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    cluster.apply(decode(claim))
    for node in ("node-1", "node-2"):
        running = {"name": "web", "state": {"running": {}}, "image": "", "imageID": ""}
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
        put(
            cluster,
            decode(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": f"on-{node}", "namespace": "default"},
                    "spec": {
                        "nodeName": node,
                        "containers": [{"name": "web", "image": "busybox"}],
                        "volumes": [volume],
                    },
                    "status": {"containerStatuses": [{**running, "ready": True}]},
                }
            ),
        )


def forget_a_container(cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    """A pod is gone, and nobody ends its container."""
    pod = pod_of(cluster, "web-")
    cluster.nodes[pod.spec.node_name].kubelet.stop()
    remove(cluster, pod, "nobody")


BROKEN: dict[str, Break] = {
    "watch-ordered": lose_an_event,
    "node-not-overcommitted": bind_too_much,
    "pod-stays": move,
    "one-writer": write_for_others,
    "rollout-bounds": surge,
    "statefulset-one-per-ordinal": replace_too_early,
    "endpoints-ready": publish_the_unready,
    "budgets-hold": evict_all,
    "quota-holds": make_more_than_the_quota,
    "no-orphans": leave_an_orphan,
    "addresses-unique": share_an_address,
    "rwo-on-one-node": mount_twice,
    "containers-known": forget_a_container,
}


def make_cluster() -> Cluster:
    """Two nodes, and a deployment of three pods that runs."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    cluster.start()
    cluster.apply(make_deployment("web", replicas=3))
    cluster.run_for(20.0)
    assert not cluster.monitor.violations
    return cluster


@pytest.mark.parametrize("name", NAMES)
def test_an_invariant_fires_when_it_is_broken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With the revision and the objects; and the object of the invariant says it to everybody."""
    cluster = make_cluster()

    BROKEN[name](cluster, monkeypatch)
    cluster.run_for(150.0)

    found = next(one for one in cluster.monitor.violations if one.invariant == name)
    status = cluster.get(Invariant, name).status
    assert found.revision > 0
    assert found.objects
    assert status["holds"] is False
    cluster.stop()


def test_a_budget_is_not_broken_by_evictions_it_allows() -> None:
    """One after the other, each when the last one's replacement is there."""
    cluster = make_cluster()
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    cluster.apply(decode(budget))
    for _ in range(3):
        cluster.run_for(15.0)
        cluster.admin.evict(pod_of(cluster, "web-").metadata.name, namespace="default")
    cluster.run_for(120.0)

    assert not cluster.monitor.violations
    cluster.stop()


@pytest.mark.parametrize(
    ("actor", "broken"),
    [("replicaset-controller", True), ("deployment-controller", False), ("admin", False)],
)
def test_a_status_is_written_by_its_controller(actor: str, broken: bool) -> None:
    """Other components break the promise, people do not."""
    cluster = make_cluster()
    found = cluster.get(Deployment, "web", namespace="default")
    status = attrs.evolve(found.status, collision_count=7)

    put(cluster, attrs.evolve(found, status=status), Origin(actor))

    names = [one.invariant for one in cluster.monitor.violations]
    assert names == (["one-writer"] if broken else [])
    cluster.stop()


REQUIRING = WEB.replace("[[manifest]]", '[invariants]\nenable = ["pod-stays"]\n[[manifest]]', 1)


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_scenario_requires_invariants(is_broken: bool) -> None:
    """Its run fails as soon as one is broken, and passes if none is."""
    cluster = make_cluster()
    if is_broken:
        cluster.loop.call_later(2.0, move, cluster, pytest.MonkeyPatch())
    text = REQUIRING + '[[step]]\ndo = "sleep"\nseconds = "10s"\n'

    player = play(cluster, text)

    assert player.is_done
    assert ("invariant pod-stays was broken: " in player.message) is is_broken
    assert player.report().passed is not is_broken
    cluster.stop()


def test_an_unknown_invariant_is_reported_with_the_known_ones(tmp_path: Any) -> None:
    """Where it is written, before anything is played."""
    path = tmp_path / "wrong.toml"
    claim = '[[step]]\ndo = "check"\nchecks = [{invariant = "pods-stay"}]\n'
    path.write_text(REQUIRING.replace('"pod-stays"', '"*", "pod-sways"') + claim)

    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)

    message = str(caught.value)
    assert 'there is no invariant "pod-sways"' in message
    assert 'there is no invariant "pods-stay"' in message
    assert "one of watch-ordered, node-not-overcommitted, pod-stays" in message

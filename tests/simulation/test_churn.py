"""What comes and goes leaves nothing behind in what remembers it."""

from typing import Any

import attrs

from engine.api.codec import decode_as
from engine.api.core import Namespace
from engine.api.events import Event
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.cluster import Cluster
from tests.builders import make_deployment, make_pod


def _claim(name: str) -> PersistentVolumeClaim:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return decode_as(
        PersistentVolumeClaim, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
    )


def _user(name: str, claim: str) -> Pod:
    """A pod with a volume and a host port."""
    container = {
        "name": "c",
        "image": "nginx",
        "ports": [{"containerPort": 80, "hostPort": 8080}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    spec = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
    }
    return decode_as(Pod, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})


def _come_and_go(cluster: Cluster, name: str) -> None:
    """A namespace with a pod, a Deployment, and a pod that uses a claim."""
    things: tuple[ApiObject, ...] = (
        Namespace(metadata=ObjectMeta(name=name)),
        make_deployment(name, replicas=2),
        _claim(name),
        _user(name, name),
    )
    cluster.apply(*things)
    cluster.run_for(30.0)
    cluster.apply(make_pod(name, namespace=name))
    cluster.run_for(30.0)
    for thing in reversed(things):
        meta = thing.metadata
        cluster.admin.delete(type(thing), meta.name, namespace=meta.namespace)
    cluster.run_for(120.0)
    for event in cluster.list(Event):  # they stay for a day
        meta = event.metadata
        cluster.admin.delete(Event, meta.name, namespace=meta.namespace)
    cluster.run_for(1.0)


def _held(owner: Any) -> dict[str, int]:
    """How much each mapping of *owner* holds, also in what it maps to."""
    fields = {field.name: getattr(owner, field.name) for field in attrs.fields(type(owner))}
    return {
        name: sum(1 + (len(inner) if isinstance(inner, dict) else 0) for inner in value.values())
        for name, value in fields.items()
        if isinstance(value, dict)
    }


def _held_by_invariants(cluster: Cluster) -> dict[str, dict[str, int]]:
    return {one.name: _held(one) for one in cluster.monitor.invariants}


def test_invariants_forget_what_is_gone(cluster: Cluster) -> None:
    """Namespaces, claims, ReplicaSets."""
    _come_and_go(cluster, "first")
    before = _held_by_invariants(cluster)

    for number in range(3):
        _come_and_go(cluster, f"next-{number}")

    assert _held_by_invariants(cluster) == before


def test_the_scheduler_forgets_namespaces_claims_and_ports(cluster: Cluster) -> None:
    """Only what is there counts in its table."""
    table = cluster.scheduler.table
    namespaces = len(table.counts._namespaces)

    _come_and_go(cluster, "first")

    assert len(table.counts._namespaces) == namespaces
    assert not table.claim_users
    assert not table.ports

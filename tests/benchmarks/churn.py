"""What comes and goes on a simulated cluster besides lone pods: by kind, what makes one of them."""

from collections.abc import Callable, Iterator
from typing import Any

from engine.api.codec import decode
from engine.api.events import Event
from engine.api.meta import ApiObject
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.store.compactor import Retention
from tests.benchmarks.harness import Measurement
from tests.benchmarks.levels import count_row, growth_rows, level

Manifest = dict[str, Any]

BRIEF = Retention(age=60.0, revisions=2_000)
SETTLED = 600.0
"""Seconds after which nothing waits any longer: the deadline of a rollout is the longest."""


def _object(kind: str, api: str, name: str, **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": "default"}
    return {"kind": kind, "apiVersion": api, "metadata": metadata, **fields}


def _spec(image: str = "nginx", *, args: tuple[str, ...] = (), **more: Any) -> Manifest:
    container = {"name": "c", "image": image, "args": list(args), **more.pop("container", {})}
    return {"terminationGracePeriodSeconds": 1, "containers": [container], **more}


def _template(name: str, spec: Manifest) -> Manifest:
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def _set(kind: str, name: str, **more: Any) -> list[Manifest]:
    selector = {"matchLabels": {"app": name}}
    spec = {"selector": selector, "template": _template(name, _spec()), **more}
    return [_object(kind, "apps/v1", name, spec=spec)]


def _job(name: str) -> Manifest:
    return {"template": _template(name, _spec("busybox", args=("true",), restartPolicy="Never"))}


def _cron_job(name: str) -> list[Manifest]:
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": _job(name)}}
    return [_object("CronJob", "batch/v1", name, spec=spec)]


def _namespace(name: str) -> list[Manifest]:
    return [{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}]


def _service(name: str) -> list[Manifest]:
    spec = {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": 80}]}
    pod = _object("Pod", "v1", name, spec=_spec())
    pod["metadata"]["labels"] = {"app": name}
    return [_object("Service", "v1", name, spec=spec), pod]


def _claim(name: str) -> list[Manifest]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": name}}
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    return [
        _object("PersistentVolumeClaim", "v1", name, spec=wanted),
        _object("Pod", "v1", name, spec=_spec(container=mounts, volumes=[volume])),
    ]


def _settings(name: str) -> list[Manifest]:
    source = {"envFrom": [{"configMapRef": {"name": name}}]}
    volume = {"name": "v", "secret": {"secretName": name}}
    return [
        _object("ConfigMap", "v1", name, data={"key": name}),
        _object("Secret", "v1", name, stringData={"key": name}),
        _object("Pod", "v1", name, spec=_spec(container=source, volumes=[volume])),
    ]


def _crashing(name: str) -> list[Manifest]:
    return [_object("Pod", "v1", name, spec=_spec("busybox", args=("sh", "-c", "exit 1")))]


KINDS: dict[str, Callable[[str], list[Manifest]]] = {
    "deployment": lambda name: _set("Deployment", name, replicas=2),
    "statefulset": lambda name: _set("StatefulSet", name, serviceName=name),
    "daemonset": lambda name: _set("DaemonSet", name),
    "job": lambda name: [_object("Job", "batch/v1", name, spec=_job(name))],
    "cronjob": _cron_job,
    "namespace": _namespace,
    "service": _service,
    "claim": _claim,
    "settings": _settings,
    "crashing": _crashing,
}


def churn(kind: str, count: int, *, at_once: int = 20) -> Iterator[Measurement]:
    """Make and delete *count* of a kind twice, after as many to get warm."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(4)), retention=BRIEF)
    cluster.start()
    _come_and_go(cluster, kind, "warm", count, at_once)
    levels, before = [level()], held(cluster)
    for half in ("first", "second"):
        _come_and_go(cluster, kind, half, count, at_once)
        levels.append(level())
    for what, there in held(cluster).items():
        yield count_row(f"{kind}: {what} more than before", there - before[what])
    yield from growth_rows(kind, (levels[0], levels[1], levels[2]), (count, count))
    cluster.stop()


def _come_and_go(cluster: Cluster, kind: str, prefix: str, count: int, at_once: int) -> None:
    for first in range(0, count, at_once):
        made: list[ApiObject] = []
        for number in range(first, min(count, first + at_once)):
            made += map(decode, KINDS[kind](f"{prefix}-{number}"))
        cluster.apply(*made)
        cluster.run_for(130.0)  # two minutes: a CronJob ran twice
        for one in reversed(made):
            meta = one.metadata
            cluster.admin.delete(type(one), meta.name, namespace=meta.namespace)
        cluster.run_for(60.0)
        forget_events(cluster)
    cluster.run_for(SETTLED)
    forget_events(cluster)


def forget_events(cluster: Cluster) -> None:
    """Delete the Events, which stay for a day."""
    for event in cluster.list(Event):
        meta = event.metadata
        cluster.admin.delete(Event, meta.name, namespace=meta.namespace)


def held(cluster: Cluster) -> dict[str, int]:
    """What there is of all that objects could leave behind."""
    links = cluster.links.values()
    runtimes = [node.runtime for node in cluster.nodes.values()]
    return {
        "objects": cluster.store.range(b"", b"\0").count,
        "watchers": len(cluster.store.hub.watchers),
        "listeners of links": sum(len(link._on_cut) for link in links),
        "sandboxes": sum(len(runtime.list_sandboxes()) for runtime in runtimes),
    }

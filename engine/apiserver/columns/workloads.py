"""The columns of the kinds that make pods.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from typing import Any

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import parse_time
from engine.api.frozen import EMPTY
from engine.api.pod import PodSpec
from engine.api.selectors import format_selector
from engine.apiserver.columns.column import Columns, age, columns, duration, labels_text, wire_parts


def _made_of(spec: PodSpec) -> tuple[str, str]:
    return (
        ",".join(container.name for container in spec.containers),
        ",".join(container.image for container in spec.containers),
    )


def _deployment(deployment: Deployment, now: float) -> tuple[Any, ...]:
    status, spec = deployment.status, deployment.spec
    return (
        deployment.metadata.name,
        f"{status.ready_replicas}/{spec.replicas or 0}",
        status.updated_replicas,
        status.available_replicas,
        age(deployment.metadata.creation_timestamp, now),
        *_made_of(spec.template.spec),
        format_selector(spec.selector),
    )


def _replica_set(rs: ReplicaSet, now: float) -> tuple[Any, ...]:
    return (
        rs.metadata.name,
        rs.spec.replicas or 0,
        rs.status.replicas,
        rs.status.ready_replicas,
        age(rs.metadata.creation_timestamp, now),
        *_made_of(rs.spec.template.spec),
        format_selector(rs.spec.selector),
    )


def _carried(obj: Any) -> tuple[Any, Any, str, str, str]:
    """Spec and status of a kind the engine does not read, its containers, images and selector."""
    spec, status = wire_parts(obj)
    template = spec.get("jobTemplate", EMPTY).get("spec", spec).get("template", EMPTY)
    containers = template.get("spec", EMPTY).get("containers", ())
    selector = spec.get("selector", EMPTY)
    return (
        spec,
        status,
        ",".join(str(item.get("name", "")) for item in containers),
        ",".join(str(item.get("image", "")) for item in containers),
        labels_text(selector.get("matchLabels", EMPTY)),
    )


def _stateful_set(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status, names, images, _ = _carried(obj)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}"
    return obj.metadata.name, ready, age(obj.metadata.creation_timestamp, now), names, images


def _daemon_set(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status, names, images, selector = _carried(obj)
    nodes = spec.get("template", EMPTY).get("spec", EMPTY).get("nodeSelector", EMPTY)
    return (
        obj.metadata.name,
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        labels_text(nodes),
        age(obj.metadata.creation_timestamp, now),
        names,
        images,
        selector,
    )


def _job(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status, names, images, selector = _carried(obj)
    conditions = {item.get("type"): item.get("status") for item in status.get("conditions", ())}
    state = "Running"
    for kind in ("Complete", "Failed", "Suspended"):
        if conditions.get(kind) == "True":
            state = kind
            break
    started, ended = status.get("startTime"), status.get("completionTime")
    took = ""
    if started:
        took = duration((parse_time(ended) if ended else now) - parse_time(started))
    completions = spec.get("completions") or spec.get("parallelism") or 1
    return (
        obj.metadata.name,
        state,
        f"{status.get('succeeded', 0)}/{completions}",
        took,
        age(obj.metadata.creation_timestamp, now),
        names,
        images,
        selector,
    )


DEPLOYMENTS = Columns(
    columns(
        "Name", "Ready", "Up-to-date#", "Available#", "Age",
        wide=("Containers", "Images", "Selector"),
    ),
    _deployment,
)  # fmt: skip
REPLICA_SETS = Columns(
    columns(
        "Name", "Desired#", "Current#", "Ready#", "Age", wide=("Containers", "Images", "Selector")
    ),
    _replica_set,
)
STATEFUL_SETS = Columns(
    columns("Name", "Ready", "Age", wide=("Containers", "Images")), _stateful_set
)
DAEMON_SETS = Columns(
    columns(
        "Name", "Desired#", "Current#", "Ready#", "Up-to-date#", "Available#", "Node Selector",
        "Age", wide=("Containers", "Images", "Selector"),
    ),
    _daemon_set,
)  # fmt: skip
JOBS = Columns(
    columns(
        "Name", "Status", "Completions", "Duration", "Age",
        wide=("Containers", "Images", "Selector"),
    ),
    _job,
)  # fmt: skip

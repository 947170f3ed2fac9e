"""The columns of the kinds that make pods.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from typing import Any

from engine.api.apps import Deployment, ReplicaSet
from engine.api.autoscaling import Scale
from engine.api.codec import encode, parse_time
from engine.api.frozen import EMPTY
from engine.api.meta import controller_of
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


def _cron_job(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status, names, images, _ = _carried(obj)
    last = status.get("lastScheduleTime")
    selector = spec.get("jobTemplate", EMPTY).get("spec", EMPTY).get("selector", EMPTY)
    return (
        obj.metadata.name,
        spec.get("schedule", ""),
        spec.get("timeZone") or "<none>",
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        duration(now - parse_time(last)) if last else "<none>",
        age(obj.metadata.creation_timestamp, now),
        names,
        images,
        labels_text(selector.get("matchLabels", EMPTY)),
    )


def _replication_controller(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status, names, images, _ = _carried(obj)
    return (
        obj.metadata.name,
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(obj.metadata.creation_timestamp, now),
        names,
        images,
        labels_text(spec.get("selector") or EMPTY),
    )


def _controller_revision(obj: Any, now: float) -> tuple[Any, ...]:
    owner = controller_of(obj)
    shown = "<none>"
    if owner is not None:
        group = owner.api_version.rpartition("/")[0]
        shown = f"{owner.kind.lower()}{'.' + group if group else ''}/{owner.name}"
    created = age(obj.metadata.creation_timestamp, now)
    return obj.metadata.name, shown, encode(obj).get("revision", 0), created


def _pod_template(obj: Any, _now: float) -> tuple[Any, ...]:
    template = encode(obj).get("template") or EMPTY
    containers = (template.get("spec") or EMPTY).get("containers") or ()
    return (
        obj.metadata.name,
        ",".join(str(item.get("name", "")) for item in containers),
        ",".join(str(item.get("image", "")) for item in containers),
        labels_text((template.get("metadata") or EMPTY).get("labels") or EMPTY),
    )


def _autoscaler(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status = wire_parts(obj)
    target = spec.get("scaleTargetRef") or EMPTY
    least = spec.get("minReplicas")
    return (
        obj.metadata.name,
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec.get("metrics") or (), status.get("currentMetrics") or ()),
        "<unset>" if least is None else str(least),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj.metadata.creation_timestamp, now),
    )


def _metrics(wanted: Any, found: Any) -> str:
    """The targets of an autoscaler, each after its present value; two at most."""
    shown = [
        _metric(metric, found[place] if place < len(found) else EMPTY)
        for place, metric in enumerate(wanted)
    ]
    if not shown:
        return "<none>"
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return ", ".join(shown[:2]) + more


def _metric(metric: Any, found: Any) -> str:
    kind = str(metric.get("type", ""))
    part = kind[:1].lower() + kind[1:]
    wanted = metric.get(part) or EMPTY
    target = wanted.get("target") or EMPTY
    current = (found.get(part) or EMPTY).get("current") or EMPTY
    if kind in ("Resource", "ContainerResource"):
        if target.get("averageValue") is not None:
            return (
                f"{wanted.get('name')}: {_value(current, 'averageValue')}/{target['averageValue']}"
            )
        percent = target.get("averageUtilization")
        wanted_text = "<auto>" if percent is None else f"{percent}%"
        now = current.get("averageUtilization")
        now_text = "<unknown>" if now is None else f"{now}%"
        return f"{wanted.get('name')}: {now_text}/{wanted_text}"
    if kind != "Pods" and target.get("averageValue") is not None:
        return f"{_value(current, 'averageValue')}/{target['averageValue']} (avg)"
    field = "averageValue" if kind == "Pods" else "value"
    return f"{_value(current, field)}/{target.get(field, '')}"


def _value(current: Any, field: str) -> str:
    found = current.get(field)
    return "<unknown>" if found is None else str(found)


def _scale(scale: Scale, now: float) -> tuple[Any, ...]:
    created = age(scale.metadata.creation_timestamp, now)
    return scale.metadata.name, scale.spec.replicas, scale.status.replicas, created


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
CRON_JOBS = Columns(
    columns(
        "Name", "Schedule", "Timezone", "Suspend", "Active#", "Last Schedule", "Age",
        wide=("Containers", "Images", "Selector"),
    ),
    _cron_job,
)  # fmt: skip
REPLICATION_CONTROLLERS = Columns(
    columns(
        "Name", "Desired#", "Current#", "Ready#", "Age", wide=("Containers", "Images", "Selector")
    ),
    _replication_controller,
)
CONTROLLER_REVISIONS = Columns(
    columns("Name", "Controller", "Revision#", "Age"), _controller_revision
)
POD_TEMPLATES = Columns(columns("Name", "Containers", "Images", "Pod Labels"), _pod_template)
AUTOSCALERS = Columns(
    columns("Name", "Reference", "Targets", "MinPods", "MaxPods#", "Replicas#", "Age"),
    _autoscaler,
)
SCALES = Columns(columns("Name", "Desired#", "Available#", "Age"), _scale)

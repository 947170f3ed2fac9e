"""The columns of each kind, as kubectl names them, with a tone for what needs attention."""

from typing import Any

from engine.api.apps import Deployment, ReplicaSet
from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.batch import CronJob, Job
from engine.api.core import ConfigMap, Namespace, Secret, Service
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.api.meta import ApiObject, condition_of
from engine.api.node import Node
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.replication import ReplicationController
from engine.api.scheme import Resource
from engine.api.selectors import format_selector
from engine.api.stateful import DaemonSet, StatefulSet
from engine.api.storage import StorageClass, VolumeAttachment
from tui.render import events as events_
from tui.render import metrics as metrics_
from tui.render import nodes as nodes_
from tui.render import pods as pods_
from tui.render import rollouts, workloads
from tui.render import storage as storage_
from tui.render.age import age
from tui.render.column import AGE, LABELS, NAME, NAMESPACE, Column, col, number
from tui.render.text import Tone


def _pod_restarts(pod: Pod, now: float) -> str:
    count = pods_.restarts(pod)
    ended = [
        status.last_state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.last_state.terminated and status.last_state.terminated.finished_at
    ]
    return f"{count} ({age(max(ended), now)} ago)" if count and ended else str(count)


def _pod_tone(pod: Pod) -> Tone:
    return pods_.pod_state(pod).tone


def _ready_tone(pod: Pod) -> Tone:
    ready, total = pods_.ready_counts(pod)
    return "" if ready == total else _pod_tone(pod)


def _replica_tone(ready: int, wanted: int) -> Tone:
    return "ok" if ready >= wanted else "wait"


def _ports(service: Service) -> str:
    shown = [
        f"{p.port}:{p.node_port}/{p.protocol or 'TCP'}"
        if p.node_port
        else f"{p.port}/{p.protocol or 'TCP'}"
        for p in service.spec.ports
    ]
    return ",".join(shown) or "<none>"


def _external(service: Service) -> str:
    status: Any = service.status or {}
    given = (status.get("loadBalancer") or {}).get("ingress") or ()
    found = [*service.spec.external_ips, *(e.get("ip") or e.get("hostname", "") for e in given)]
    if not found and service.spec.type == "LoadBalancer":
        return "<pending>"
    return ",".join(found) or "<none>"


def _strategy(deployment: Deployment) -> str:
    low, high = rollouts.bounds(deployment)
    kind = deployment.spec.strategy.type or "RollingUpdate"
    return f"{kind} {low}…{high}"


def _state_cell(state: Any) -> str:
    return f"{state.symbol} {state.word}"


_POD = (
    col(
        "READY",
        lambda pod: "{}/{}".format(*pods_.ready_counts(pod)),
        tone=_ready_tone,
        sort=pods_.ready_counts,
    ),
    col("STATUS", lambda pod: _state_cell(pods_.pod_state(pod)), tone=_pod_tone,
         sort=pods_.status_word),
    Column(
        name="RESTARTS",
        value=_pod_restarts,
        sort=pods_.restarts,
        is_right=True,
        tone=lambda pod: "wait" if pods_.restarts(pod) else "dim",
    ),
    col("IP", lambda pod: pod.status.pod_ip or "<none>", is_spare=True, tone=lambda _: "dim"),
    col("NODE", lambda pod: pod.spec.node_name or "<none>", sort=lambda p: p.spec.node_name),
    col("TAG", pods_.tag, is_spare=True, tone=lambda _: "info", sort=pods_.tag),
    AGE,
    col("READINESS GATES", lambda _: "<none>", is_wide=True),
)  # fmt: skip

_NODE = (
    col(
        "STATUS",
        lambda node: f"{nodes_.node_state(node).symbol} {nodes_.status_word(node)}",
        tone=lambda node: nodes_.node_state(node).tone,
        sort=nodes_.status_word,
    ),
    col("ROLES", nodes_.roles, sort=nodes_.roles),
    col("VERSION", lambda n: getattr(n.status.node_info, "kubelet_version", ""), is_spare=True),
    col("INTERNAL-IP", nodes_.address, is_spare=True, tone=lambda _: "dim"),
    col("TAINTS", lambda n: nodes_.taints(n) or "<none>",
         tone=lambda n: "wait" if n.spec.taints else "dim"),
    AGE,
    col("OS-IMAGE", lambda n: n.status.node_info.os_image if n.status.node_info else "",
         is_wide=True),
    col("CONTAINER-RUNTIME", is_wide=True,
         value=lambda n: getattr(n.status.node_info, "container_runtime_version", "")),
)  # fmt: skip

_DEPLOYMENT = (
    col(
        "READY",
        lambda d: f"{d.status.ready_replicas}/{rollouts.wanted(d)}",
        tone=lambda d: _replica_tone(d.status.ready_replicas, rollouts.wanted(d)),
        sort=lambda d: d.status.ready_replicas,
    ),
    number("UP-TO-DATE", lambda d: d.status.updated_replicas),
    number("AVAILABLE", lambda d: d.status.available_replicas, is_spare=True),
    col(
        "ROLLOUT",
        lambda d: _state_cell(rollouts.rollout_state(d)),
        tone=lambda d: rollouts.rollout_state(d).tone,
        sort=lambda d: rollouts.rollout_state(d).word,
    ),
    col("TAG", rollouts.tag_of, tone=lambda _: "info", sort=rollouts.tag_of),
    col("STRATEGY", _strategy, is_spare=True, tone=lambda _: "dim"),
    AGE,
    col("IMAGES", rollouts.images, is_wide=True),
    col("SELECTOR", lambda d: format_selector(d.spec.selector), is_wide=True),
)

_REPLICA_SET = (
    number("DESIRED", lambda r: 1 if r.spec.replicas is None else r.spec.replicas),
    number("CURRENT", lambda r: r.status.replicas),
    number("READY", lambda r: r.status.ready_replicas),
    number("REVISION", rollouts.revision_of),
    col("TAG", rollouts.tag_of, tone=lambda _: "info", sort=rollouts.tag_of),
    AGE,
    col("IMAGES", rollouts.images, is_wide=True),
)

_STATEFUL_SET = (
    col(
        "READY",
        lambda s: f"{s.status.ready_replicas}/{workloads.wanted(s)}",
        tone=lambda s: _replica_tone(s.status.ready_replicas, workloads.wanted(s)),
        sort=lambda s: s.status.ready_replicas,
    ),
    number("UP-TO-DATE", lambda s: s.status.updated_replicas),
    col(
        "UPDATE",
        lambda s: _state_cell(workloads.update_state(s)),
        tone=lambda s: workloads.update_state(s).tone,
        sort=lambda s: workloads.update_state(s).word,
    ),
    col("TAG", workloads.tag_of, tone=lambda _: "info", sort=workloads.tag_of),
    AGE,
    col("IMAGES", workloads.images, is_wide=True),
)

_DAEMON_SET = (
    number("DESIRED", lambda d: d.status.desired_number_scheduled),
    number("CURRENT", lambda d: d.status.current_number_scheduled, is_spare=True),
    number(
        "READY",
        lambda d: d.status.number_ready,
        tone=lambda d: _replica_tone(d.status.number_ready, d.status.desired_number_scheduled),
    ),
    number("UP-TO-DATE", lambda d: d.status.updated_number_scheduled),
    number("AVAILABLE", lambda d: d.status.number_available, is_spare=True),
    col(
        "UPDATE",
        lambda d: _state_cell(workloads.update_state(d)),
        tone=lambda d: workloads.update_state(d).tone,
        sort=lambda d: workloads.update_state(d).word,
    ),
    col("TAG", workloads.tag_of, tone=lambda _: "info", sort=workloads.tag_of),
    AGE,
    col("IMAGES", workloads.images, is_wide=True),
)

_REPLICATION_CONTROLLER = (
    number("DESIRED", workloads.wanted),
    number("CURRENT", lambda r: r.status.replicas),
    number("READY", lambda r: r.status.ready_replicas),
    col("TAG", workloads.tag_of, tone=lambda _: "info", sort=workloads.tag_of),
    AGE,
    col("IMAGES", workloads.images, is_wide=True),
)

_JOB = (
    col(
        "STATUS",
        lambda j: _state_cell(workloads.job_state(j)),
        tone=lambda j: workloads.job_state(j).tone,
        sort=lambda j: workloads.job_state(j).word,
    ),
    col("COMPLETIONS", workloads.completions, sort=lambda j: j.status.succeeded),
    number("FAILED", lambda j: j.status.failed, is_spare=True,
            tone=lambda j: "wait" if j.status.failed else "dim"),
    Column(name="DURATION", value=workloads.job_duration, tone=lambda _: "dim"),
    AGE,
    col("IMAGES", workloads.images, is_wide=True),
)  # fmt: skip

_CRON_JOB = (
    col("SCHEDULE", lambda c: c.spec.schedule, tone=lambda _: "info"),
    col("TIMEZONE", lambda c: c.spec.time_zone or "<none>", is_spare=True, tone=lambda _: "dim"),
    col("SUSPEND", lambda c: str(bool(c.spec.suspend)),
         tone=lambda c: "wait" if c.spec.suspend else ""),
    number("ACTIVE", lambda c: len(c.status.active)),
    Column(name="LAST SCHEDULE", value=workloads.cron_last,
           sort=lambda c: -(c.status.last_schedule_time or 0.0)),
    AGE,
)  # fmt: skip

_SERVICE = (
    col("TYPE", lambda s: s.spec.type or "ClusterIP", sort=lambda s: s.spec.type),
    col("CLUSTER-IP", lambda s: s.spec.cluster_ip or "<none>"),
    col("EXTERNAL-IP", is_spare=True, value=_external,
         tone=lambda _: "dim"),
    col("PORT(S)", _ports, tone=lambda _: "info"),
    AGE,
    col("SELECTOR", lambda s: ",".join(f"{k}={v}" for k, v in s.spec.selector.items())
         or "<none>", is_wide=True),
)  # fmt: skip

_EVENT = (
    Column(
        name="LAST SEEN",
        value=lambda e, now: age(events_.last_seen(e), now),
        tone=lambda _: "dim",
        sort=events_.last_seen,
    ),
    col(
        "TYPE",
        lambda e: f"{events_.symbol(e)[0]} {e.type}",
        tone=lambda e: events_.symbol(e)[1],
        sort=lambda e: e.type,
    ),
    col("REASON", lambda e: e.reason, sort=lambda e: e.reason,
         tone=lambda e: "info" if e.type != "Warning" else events_.symbol(e)[1]),
    col("OBJECT", events_.about, sort=events_.about),
    number("COUNT", lambda e: max(e.count, 1), tone=lambda e: "wait" if e.count > 1 else "dim"),
    col("MESSAGE", lambda e: e.message.replace("\n", " "), tone=lambda _: "dim"),
)  # fmt: skip

_NAMESPACE = (
    col("STATUS", lambda n: n.status.phase or "Active",
         tone=lambda n: "ok" if n.status.phase in ("", "Active") else "wait"),
    AGE,
)  # fmt: skip

_SLICE = (
    col("ADDRESSTYPE", lambda s: s.address_type),
    col("PORTS", lambda s: ",".join(str(p.port) for p in s.ports) or "<unset>"),
    col("ENDPOINTS", lambda s: ",".join(a for e in s.endpoints for a in e.addresses) or "<unset>"),
    AGE,
)

_AUTOSCALER = (
    col("REFERENCE", metrics_.reference, sort=metrics_.reference),
    col("TARGETS", metrics_.targets, tone=lambda h: metrics_.replicas_state(h).tone),
    number("MINPODS", metrics_.least, is_spare=True),
    number("MAXPODS", lambda h: h.spec.max_replicas, is_spare=True),
    number("REPLICAS", lambda h: h.status.current_replicas),
    AGE,
)

_COLUMNS: dict[type[ApiObject], tuple[Column, ...]] = {
    Pod: _POD,
    Node: _NODE,
    Deployment: _DEPLOYMENT,
    ReplicaSet: _REPLICA_SET,
    StatefulSet: _STATEFUL_SET,
    DaemonSet: _DAEMON_SET,
    ReplicationController: _REPLICATION_CONTROLLER,
    Job: _JOB,
    CronJob: _CRON_JOB,
    Service: _SERVICE,
    Event: _EVENT,
    Namespace: _NAMESPACE,
    EndpointSlice: _SLICE,
    ConfigMap: (number("DATA", lambda c: len(c.data) + len(c.binary_data)), AGE),
    PersistentVolume: storage_.VOLUME,
    PersistentVolumeClaim: storage_.CLAIM,
    StorageClass: storage_.CLASS,
    VolumeAttachment: storage_.ATTACHMENT,
    HorizontalPodAutoscaler: _AUTOSCALER,
    Secret: (col("TYPE", lambda s: s.type), number("DATA", lambda s: len(s.data)), AGE),
}


def columns_for(
    resource: Resource, *, is_wide: bool = False, is_namespace_shown: bool = True
) -> tuple[Column, ...]:
    """The columns of a kind, in order."""
    own = _COLUMNS.get(resource.cls, (AGE,))
    first = (NAMESPACE,) if resource.namespaced and is_namespace_shown else ()
    named = first if resource.cls is Event else (*first, NAME)
    found = (*named, *own, LABELS)
    return tuple(column for column in found if is_wide or not column.is_wide)


def needs_attention(obj: ApiObject) -> bool:
    """Whether a view of faults only would show it."""
    if isinstance(obj, Pod):
        return pods_.pod_state(obj).tone not in ("ok", "done")
    if isinstance(obj, Node):
        return nodes_.node_state(obj).tone != "ok"
    if isinstance(obj, Deployment):
        available = condition_of(obj.status.conditions, "Available")
        return rollouts.is_active(obj) or bool(available and available.status != "True")
    if isinstance(obj, Event):
        return obj.type == "Warning"
    return workloads.is_troubled(obj)

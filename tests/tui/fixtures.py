"""A small cluster as objects: three workers, a control plane, a rollout from v1 to v2 on its way."""

# ruff: noqa: E501 - events are one line each

import attrs

from engine.api.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
)
from engine.api.container import (
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStateWaiting,
    ContainerStatus,
    ResourceRequirements,
)
from engine.api.core import Namespace, NamespaceStatus, Service, ServicePort, ServiceSpec
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.events import Event
from engine.api.frozen import FrozenDict
from engine.api.kubarium import Decision
from engine.api.meta import (
    ApiObject,
    Condition,
    LabelSelector,
    ObjectMeta,
    ObjectReference,
    OwnerReference,
)
from engine.api.node import Node, NodeAddress, NodeSpec, NodeStatus, NodeSystemInfo, Taint
from engine.api.pod import Pod, PodSpec, PodStatus, PodTemplateSpec
from engine.api.wire import Time
from engine.scheduler.configuration import ProfileSettings
from engine.scheduler.decider import Decider, FirstOne
from engine.scheduler.decision_object import decision_object
from engine.scheduler.node_table import NodeTable
from engine.scheduler.nominator import Nominator
from engine.scheduler.pod_info import pod_info
from engine.scheduler.queue import QueuedPod
from engine.scheduler.volume_view import VolumeView
from tests.tui.metrics_fixture import metrics_objects

NOW = 1_800_000_000.0


def meta(name: str, namespace: str = "", *, since: float = 300.0, **more: object) -> ObjectMeta:
    """Metadata of an object made *since* seconds ago."""
    return ObjectMeta(
        name=name,
        namespace=namespace,
        uid=f"uid-{namespace}-{name}",
        resource_version="100",
        creation_timestamp=Time(NOW - since),
        **more,  # type: ignore[arg-type]  # checked by attrs
    )


def make_node(name: str, *, ready: str = "True", number: int = 0, role: str = "") -> Node:
    """A node of four cores and eight gibibytes."""
    labels = {"kubernetes.io/hostname": name}
    if role:
        labels[f"node-role.kubernetes.io/{role}"] = ""
    room = FrozenDict({"cpu": "4", "memory": "8Gi", "pods": "110"})
    return Node(
        metadata=meta(name, labels=FrozenDict(labels), since=4000),
        spec=NodeSpec(pod_cidr=f"10.244.{number}.0/24"),
        status=NodeStatus(
            capacity=room,
            allocatable=room,
            conditions=(Condition(type="Ready", status=ready, reason="KubeletReady"),),
            addresses=(NodeAddress(type="InternalIP", address=f"10.64.0.{10 + number}"),),
            node_info=NodeSystemInfo(kubelet_version="v1.34.0", os_image="Debian 12"),
        ),
    )


def make_pod(
    name: str,
    *,
    owner: ReplicaSet | None = None,
    node: str = "",
    image: str = "localhost/kubarium/demo:v1",
    phase: str = "Running",
    ready: bool = True,
    waiting: str = "",
    restarts: int = 0,
    since: float = 300.0,
    ip: str = "10.244.1.5",
) -> Pod:
    """A pod of one container."""
    if waiting:
        state = ContainerState(waiting=ContainerStateWaiting(reason=waiting))
    elif phase == "Running":
        state = ContainerState(running=ContainerStateRunning(started_at=Time(NOW - since)))
    else:
        state = ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))
    owners: tuple[OwnerReference, ...] = ()
    labels = FrozenDict({"app": name.partition("-")[0]})
    if owner is not None:
        labels = owner.spec.template.metadata.labels
        owners = (
            OwnerReference(
                api_version="apps/v1",
                kind="ReplicaSet",
                name=owner.metadata.name,
                uid=owner.metadata.uid,
                controller=True,
            ),
        )
    return Pod(
        metadata=meta(name, "default", since=since, labels=labels, owner_references=owners),
        spec=PodSpec(
            node_name=node,
            containers=(
                Container(
                    name="web",
                    image=image,
                    ports=(ContainerPort(container_port=8080),),
                    resources=ResourceRequirements(
                        requests=FrozenDict({"cpu": "100m", "memory": "64Mi"})
                    ),
                ),
            ),
        ),
        status=PodStatus(
            phase=phase,
            pod_ip=ip if phase == "Running" else "",
            conditions=(Condition(type="Ready", status="True" if ready else "False"),),
            container_statuses=(
                ContainerStatus(
                    name="web", state=state, ready=ready, restart_count=restarts, image=image
                ),
            )
            if node
            else (),
        ),
    )


def make_deployment(
    name: str, *, image: str, replicas: int, updated: int, ready: int
) -> Deployment:
    """A deployment, with a status as its controller would write it."""
    return Deployment(
        metadata=meta(
            name,
            "default",
            generation=2,
            annotations=FrozenDict({"deployment.kubernetes.io/revision": "2"}),
            since=900,
        ),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=FrozenDict({"app": name})),
            template=_template(name, image),
        ),
        status=DeploymentStatus(
            observed_generation=2,
            replicas=replicas,
            updated_replicas=updated,
            ready_replicas=ready,
            available_replicas=ready,
            conditions=(
                Condition(type="Available", status="True", reason="MinimumReplicasAvailable"),
                Condition(type="Progressing", status="True", reason="ReplicaSetUpdated"),
            ),
        ),
    )


def make_replica_set(
    deployment: Deployment, hash_: str, *, image: str, revision: int, count: int, ready: int
) -> ReplicaSet:
    """One revision of a deployment."""
    name = deployment.metadata.name
    return ReplicaSet(
        metadata=meta(
            f"{name}-{hash_}",
            "default",
            annotations=FrozenDict({"deployment.kubernetes.io/revision": str(revision)}),
            owner_references=(
                OwnerReference(
                    api_version="apps/v1",
                    kind="Deployment",
                    name=name,
                    uid=deployment.metadata.uid,
                    controller=True,
                ),
            ),
        ),
        spec=ReplicaSetSpec(replicas=count, template=_template(name, image, hash_)),
        status=ReplicaSetStatus(replicas=count, ready_replicas=ready, available_replicas=ready),
    )


def make_event(
    number: int, reason: str, about: ApiObject, message: str, *, type_: str = "Normal", ago: float
) -> Event:
    """An event about an object."""
    return Event(
        metadata=meta(f"{about.metadata.name}.{number:x}", "default", since=ago),
        involved_object=ObjectReference(
            kind=about.KIND, name=about.metadata.name, namespace=about.metadata.namespace
        ),
        reason=reason,
        message=message,
        type=type_,
        count=1,
        last_timestamp=Time(NOW - ago),
    )


def _template(name: str, image: str, hash_: str = "") -> PodTemplateSpec:
    labels = {"app": name, **({"pod-template-hash": hash_} if hash_ else {})}
    return PodTemplateSpec(
        metadata=ObjectMeta(labels=FrozenDict(labels)),
        spec=PodSpec(containers=(Container(name="web", image=image),)),
    )


def decisions(nodes: list[Node], pods: list[Pod]) -> list[Decision]:
    """What the scheduler decided about the pods without a node and the newest one with one."""
    table, placed = NodeTable(), [pod for pod in pods if pod.spec.node_name]
    taint = Taint(key="node-role.kubernetes.io/control-plane", effect="NoSchedule")
    table.put_node(attrs.evolve(nodes[0], spec=NodeSpec(taints=(taint,))))
    for node in nodes[1:]:
        table.put_node(node)
    for pod in placed[:-1]:
        table.place(pod_info(pod), pod.spec.node_name)
    decider, profile = Decider(table, Nominator(), FirstOne()), ProfileSettings().make(VolumeView())
    found = []
    for pod in (*(pod for pod in pods if not pod.spec.node_name), placed[-1]):
        cpu = "100m" if pod.spec.node_name else "6"
        wants = ResourceRequirements(requests=FrozenDict({"cpu": cpu, "memory": "64Mi"}))
        container = attrs.evolve(pod.spec.containers[0], resources=wants)
        spec = attrs.evolve(pod.spec, node_name="", containers=(container,))
        free = attrs.evolve(pod, spec=spec)
        info = pod_info(free)
        decision = decider.decide(info, profile, attempt=1, now=NOW - 8)
        if not decision.chosen:
            reasons, _ = decider.reasons(decider.evaluation(info, profile), {})
            decision.message = decider.message(decision, reasons)
        queued = QueuedPod(pod.key, 0, NOW - 8, attempts=1)
        queue = "" if pod.spec.node_name else "unschedulable"
        found.append(
            decision_object(
                pod, decision, queue=queue, queued=queued if queue else None, is_full=True
            )
        )
    return found


def demo_cluster() -> list[ApiObject]:
    """Everything of the small cluster, in the middle of a rollout."""
    v1, v2 = "localhost/kubarium/demo:v1", "localhost/kubarium/demo:v2"
    nodes = [make_node("control-plane", role="control-plane", number=0)]
    nodes += [make_node(f"node-{n}", number=n) for n in (1, 2, 3)]
    web = make_deployment("web", image=v2, replicas=6, updated=3, ready=5)
    old = make_replica_set(web, "7d8f9c6b5d", image=v1, revision=1, count=4, ready=4)
    new = make_replica_set(web, "5b6c7d8e9f", image=v2, revision=2, count=3, ready=1)
    api = make_deployment("api", image=v1, replicas=4, updated=4, ready=3)
    api_set = make_replica_set(api, "66c9d5b8fd", image=v1, revision=1, count=4, ready=3)
    cache = attrs.evolve(make_deployment("cache", image=v1, replicas=3, updated=3, ready=3))
    cache_set = make_replica_set(cache, "84b7f6c5d9", image=v1, revision=1, count=3, ready=3)
    pods = [
        make_pod("web-7d8f9c6b5d-x2k9p", owner=old, node="node-1", ip="10.244.1.5"),
        make_pod("web-7d8f9c6b5d-4hqzt", owner=old, node="node-2", ip="10.244.2.5"),
        make_pod("web-7d8f9c6b5d-9fw2m", owner=old, node="node-3", ip="10.244.3.5"),
        attrs.evolve(
            make_pod("web-7d8f9c6b5d-lk77c", owner=old, node="node-1", ready=False),
            metadata=meta(
                "web-7d8f9c6b5d-lk77c",
                "default",
                deletion_timestamp=Time(NOW),
                owner_references=make_pod("x", owner=old).metadata.owner_references,
            ),
        ),
        make_pod("web-5b6c7d8e9f-2vbns", owner=new, node="node-2", image=v2, since=14),
        make_pod("web-5b6c7d8e9f-qq8rx", owner=new, node="node-3", image=v2, ready=False, since=6),
        make_pod(
            "web-5b6c7d8e9f-zt5wd", owner=new, node="node-1", image=v2, phase="Pending",
            ready=False, since=2,
        ),
        make_pod("api-66c9d5b8fd-b8x4k", owner=api_set, node="node-1"),
        make_pod("api-66c9d5b8fd-c7m2j", owner=api_set, node="node-2"),
        make_pod("api-66c9d5b8fd-wn6vv", owner=api_set, node="node-3", restarts=1),
        make_pod(
            "api-66c9d5b8fd-xk9pl", owner=api_set, node="node-2", ready=False,
            waiting="CrashLoopBackOff", restarts=4,
        ),
        make_pod("cache-84b7f6c5d9-7h2qz", owner=cache_set, node="node-3"),
        make_pod("cache-84b7f6c5d9-m4kss", owner=cache_set, node="node-1"),
        make_pod("cache-84b7f6c5d9-p9x6d", owner=cache_set, node="node-2"),
        make_pod("batch-report", phase="Pending", ready=False, since=8),
    ]  # fmt: skip
    service = Service(
        metadata=meta("web", "default", since=900),
        spec=ServiceSpec(
            type="NodePort",
            cluster_ip="10.96.0.42",
            selector=FrozenDict({"app": "web"}),
            ports=(ServicePort(port=80, target_port=8080, node_port=30080, protocol="TCP"),),
        ),
    )
    kubernetes = Service(
        metadata=meta("kubernetes", "default", since=4000),
        spec=ServiceSpec(type="ClusterIP", cluster_ip="10.96.0.1", ports=(ServicePort(port=443),)),
    )
    endpoints = [
        Endpoint(
            addresses=(pod.status.pod_ip,),
            conditions=EndpointConditions(ready=pod.status.container_statuses[0].ready),
            node_name=pod.spec.node_name,
            target_ref=ObjectReference(kind="Pod", name=pod.metadata.name, namespace="default"),
        )
        for pod in pods
        if pod.metadata.name.startswith("web") and pod.status.pod_ip
    ]
    slice_ = EndpointSlice(
        metadata=meta(
            "web-abcde", "default", labels=FrozenDict({"kubernetes.io/service-name": "web"})
        ),
        endpoints=tuple(endpoints),
        ports=(SlicePort(port=8080, protocol="TCP", name=""),),
    )
    spaces = [
        Namespace(metadata=meta(name), status=NamespaceStatus(phase="Active"))
        for name in ("default", "kube-system", "kube-public")
    ]
    events = [
        make_event(1, "ScalingReplicaSet", web, "Scaled up replica set web-5b6c7d8e9f to 3", ago=14),
        make_event(2, "Scheduled", pods[6], "Assigned default/web-5b6c7d8e9f-zt5wd to node-1", ago=2),
        make_event(3, "BackOff", pods[10], "Back-off restarting failed container web", type_="Warning", ago=31),
        make_event(4, "Unhealthy", pods[5], "Readiness probe failed: HTTP 503", type_="Warning", ago=5),
        make_event(5, "Pulled", pods[5], 'Image "localhost/kubarium/demo:v2" already present', ago=6),
        make_event(6, "Killing", pods[3], "Stopping container web", ago=1),
        make_event(7, "Started", pods[4], "Started container web", ago=13),
        make_event(8, "NodeReady", nodes[2], "Node node-2 status is now: NodeReady", ago=240),
    ]  # fmt: skip
    return [
        *nodes, web, api, cache, old, new, api_set, cache_set, *pods, service, kubernetes, slice_,
        *spaces, *events, *decisions(nodes, pods), *metrics_objects(nodes, pods, NOW),
    ]  # fmt: skip

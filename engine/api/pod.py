"""Pod and PodTemplateSpec: spec and status as scheduler and kubelet read and write them."""

from typing import ClassVar

import attrs

from engine.api.container import (
    Container,
    ContainerStatus,
    HostAlias,
    PodDNSConfig,
    PodSecurityContext,
    Toleration,
)
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LocalObjectReference, ObjectMeta
from engine.api.volume import Volume
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class PodSpec:
    """What should run, where and how."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: str = ""
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = ""
    dns_config: PodDNSConfig | None = None
    node_selector: FrozenDict[str, str] = EMPTY
    node_name: str = ""
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    host_network: bool = False
    share_process_namespace: bool | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    hostname: str = ""
    subdomain: str = ""
    affinity: Json | None = None
    scheduler_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    priority_class_name: str = ""
    priority: int | None = None
    enable_service_links: bool | None = None
    overhead: FrozenDict[str, str] = EMPTY
    topology_spread_constraints: tuple[Json, ...] = ()
    scheduling_gates: tuple[Json, ...] = ()
    readiness_gates: tuple[Json, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodIP:
    """One address of a pod."""

    ip: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodStatus:
    """What the kubelet last reported; `conditions` also holds what the scheduler said."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = wire("hostIP", default="")
    pod_ip: str = wire("podIP", default="")
    pod_ips: tuple[PodIP, ...] = wire("podIPs", default=())
    start_time: Time | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str = ""
    observed_generation: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Pod(ApiObject):
    """Containers that live and die together on one node."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = wire(always=True, default=PodStatus())


@attrs.frozen(kw_only=True)
class PodTemplateSpec:
    """The pod that a controller makes copies of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Binding(ApiObject):
    """The scheduler's answer: the pod of the same name goes to the target node."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Binding"

    target: Json = EMPTY


def has_address(pod: Pod) -> bool:
    """Whether the address that the pod tells is its own: one that has ended has given it back."""
    return bool(pod.status.pod_ip) and pod.status.phase not in {"Succeeded", "Failed"}

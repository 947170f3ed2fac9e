"""Node: a machine, its room, its taints and its health."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class Taint:
    """Keeps pods away that do not tolerate it: NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    effect: str
    value: str = ""
    time_added: Time | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NodeSpec:
    """What an administrator or a controller asks of the node."""

    pod_cidr: str = wire("podCIDR", default="")
    pod_cidrs: tuple[str, ...] = wire("podCIDRs", default=())
    provider_id: str = wire("providerID", default="")
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NodeAddress:
    """InternalIP, Hostname and so on."""

    type: str
    address: str
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NodeSystemInfo:
    """What the node says of itself."""

    machine_id: str = wire("machineID", always=True, default="")
    system_uuid: str = wire("systemUUID", always=True, default="")
    boot_id: str = wire("bootID", always=True, default="")
    kernel_version: str = wire(always=True, default="")
    os_image: str = wire(always=True, default="")
    container_runtime_version: str = wire(always=True, default="")
    kubelet_version: str = wire(always=True, default="")
    kube_proxy_version: str = wire(always=True, default="")
    operating_system: str = wire(always=True, default="")
    architecture: str = wire(always=True, default="")
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerImage:
    """An image on the node, by its names, with its size in bytes."""

    names: tuple[str, ...] = ()
    size_bytes: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NodeStatus:
    """What the kubelet last reported, and what node lifecycle concluded when it fell silent."""

    capacity: FrozenDict[str, str] = EMPTY
    allocatable: FrozenDict[str, str] = EMPTY
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystemInfo | None = None
    images: tuple[ContainerImage, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Node(ApiObject):
    """A machine that runs pods."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Node"

    spec: NodeSpec = wire(always=True, default=NodeSpec())
    status: NodeStatus = wire(always=True, default=NodeStatus())

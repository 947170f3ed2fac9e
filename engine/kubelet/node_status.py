"""The node's own object: what it says of itself, its capacity and its conditions. Pure.

Source: kubelet_node_status.go, nodestatus/setters.go and component-helpers lease, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from engine.api.evolution import evolve
from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import Condition, ObjectMeta, condition_of
from engine.api.node import (
    ContainerImage,
    Node,
    NodeAddress,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
    Taint,
)
from engine.api.quantity import format_bytes, format_millis, parse_int, parse_millis
from engine.api.wire import Json
from engine.cri.status import NodeImage, RuntimeInfo
from engine.kubelet.configuration import KubeletSettings
from engine.kubelet.container_status import whole
from engine.kubelet.eviction.thresholds import Threshold

DEFAULTS = KubeletSettings()
SHUTTING_DOWN = "node is shutting down"
KUBELET_VERSION = "v1.34.0"
SHOWN_IMAGES = 50
SHOWN_NAMES = 5
HUB = "docker.io/library/"
WITHHELD = {"memory.available": "memory", "nodefs.available": "ephemeral-storage"}
"""The resources of which pods never get what would have one of them evicted, by signal."""
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
LIMITED = "LimitsEnforced"
"""Our own condition: there, and False, where containers get more than their limits say."""


class NodeSettings(Protocol):
    """What is asked of a node: a `NodeConfig`."""

    @property
    def cpu(self) -> int: ...  # noqa: D102 - documented at NodeConfig
    @property
    def memory(self) -> int: ...  # noqa: D102
    @property
    def pods(self) -> int: ...  # noqa: D102
    @property
    def zone(self) -> str: ...  # noqa: D102
    @property
    def region(self) -> str: ...  # noqa: D102
    @property
    def is_control_plane(self) -> bool: ...  # noqa: D102
    @property
    def labels(self) -> FrozenDict[str, str]: ...  # noqa: D102
    @property
    def taints(self) -> tuple[Taint, ...]: ...  # noqa: D102
    @property
    def pod_cidr(self) -> str: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102


def make_node(name: str, config: NodeSettings, info: RuntimeInfo) -> Node:
    """The object a node registers itself with."""
    labels = {
        "beta.kubernetes.io/arch": info.architecture,
        "beta.kubernetes.io/os": info.operating_system,
        "kubernetes.io/arch": info.architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": info.operating_system,
    }
    taints = config.taints
    if config.zone:
        labels["topology.kubernetes.io/zone"] = config.zone
    if config.region:
        labels["topology.kubernetes.io/region"] = config.region
    if config.is_control_plane:
        labels[CONTROL_PLANE] = ""
        own = Taint(key=CONTROL_PLANE, effect="NoSchedule")
        if own not in taints:
            taints = (*taints, own)
    return Node(
        metadata=ObjectMeta(name=name, labels=FrozenDict({**labels, **config.labels})),
        spec=NodeSpec(
            pod_cidr=config.pod_cidr,
            pod_cidrs=(config.pod_cidr,) if config.pod_cidr else (),
            taints=taints,
        ),
    )


def compute_node_status(
    node: Node,
    name: str,
    config: NodeSettings,
    info: RuntimeInfo,
    *,
    problem: str,
    now: float,
    settings: KubeletSettings = DEFAULTS,
) -> NodeStatus:
    """What the status of the node should be; *problem* says what is wrong with the runtime.

    Conditions that do not change keep their times, so that an unchanged node compares equal.
    """
    capacity = FrozenDict(
        {
            "cpu": format_millis(config.cpu or info.cpu),
            "ephemeral-storage": format_bytes(info.ephemeral_storage),
            "memory": format_bytes(config.memory or info.memory),
            "pods": str(settings.max_pods or config.pods or info.pods),
            **{f"hugepages-{size}": format_bytes(count) for size, count in info.huge_pages},
            # Extended resources are what somebody else has written, and stay.
            **{key: amount for key, amount in node.status.capacity.items() if "/" in key},
        }
    )
    return evolve(
        node.status,
        capacity=capacity,
        allocatable=allocatable(capacity, settings.reserved, settings.withheld),
        conditions=_conditions(node, problem=problem, unlimited=info.unlimited, now=now),
        addresses=(
            *((NodeAddress(type="InternalIP", address=config.address),) if config.address else ()),
            NodeAddress(type="Hostname", address=name),
        ),
        extra=node.status.extra.with_items(_features(info)),
        node_info=NodeSystemInfo(
            machine_id=node.metadata.uid.replace("-", ""),
            system_uuid=node.metadata.uid,
            boot_id=node.metadata.uid,
            kernel_version=info.kernel_version,
            os_image=info.os_image,
            container_runtime_version=f"{info.name}://{info.version}",
            kubelet_version=KUBELET_VERSION,
            operating_system=info.operating_system,
            architecture=info.architecture,
        ),
    )


def _features(info: RuntimeInfo) -> dict[str, Json]:
    """What the node's runtime can do beyond what every runtime does."""
    handler = {"recursiveReadOnlyMounts": True, "userNamespaces": info.has_user_namespaces}
    found = {
        "features": {"supplementalGroupsPolicy": True},
        "runtimeHandlers": [{"name": "", "features": handler}],
    }
    return {name: freeze(value) for name, value in found.items()}


def allocatable(
    capacity: FrozenDict[str, str],
    reserved: Mapping[str, str],
    withheld: Iterable[Threshold] = (),
) -> FrozenDict[str, str]:
    """What pods may have: all but what is *reserved*, and *withheld* so that no pod is evicted.

    Source: GetNodeAllocatableReservation, pkg/kubelet/cm, kubernetes v1.34.
    """
    left = dict(capacity)
    reserved = dict(reserved)
    for threshold in withheld:
        resource = WITHHELD.get(threshold.signal)
        if resource is not None:
            least = threshold.limit(parse_int(capacity[resource]))
            reserved[resource] = str(parse_int(reserved.get(resource, "0")) + least)
    for resource, amount in reserved.items():
        if resource == "cpu":
            millis = parse_millis(capacity["cpu"]) - parse_millis(amount)
            left["cpu"] = format_millis(max(0, millis))
        elif resource in capacity:
            left[resource] = format_bytes(max(0, parse_int(capacity[resource]) - parse_int(amount)))
    return FrozenDict(left)


def shown_images(images: tuple[NodeImage, ...]) -> tuple[ContainerImage, ...]:
    """The images as the node's status lists them: the largest, with the names pods use for them.

    Source: nodestatus.Images, kubernetes v1.34.
    """
    chosen = sorted(images, key=lambda image: (-image.size, image.names))[:SHOWN_IMAGES]
    return tuple(
        ContainerImage(names=_names(image)[:SHOWN_NAMES], size_bytes=image.size) for image in chosen
    )


def _names(image: NodeImage) -> tuple[str, ...]:
    short = tuple(name.removeprefix(HUB) for name in image.names if name.startswith(HUB))
    return (*image.names, *short)


def with_volumes(extra: FrozenDict[str, Json], names: tuple[str, ...]) -> FrozenDict[str, Json]:
    """*extra* of a node's status with the volumes in use."""
    return extra.with_items({"volumesInUse": names}) if names else extra.without("volumesInUse")


def _conditions(node: Node, *, problem: str, unlimited: str, now: float) -> tuple[Condition, ...]:
    wanted = [
        Condition(
            type="MemoryPressure",
            status="False",
            reason="KubeletHasSufficientMemory",
            message="kubelet has sufficient memory available",
        ),
        Condition(
            type="DiskPressure",
            status="False",
            reason="KubeletHasNoDiskPressure",
            message="kubelet has no disk pressure",
        ),
        Condition(
            type="PIDPressure",
            status="False",
            reason="KubeletHasSufficientPID",
            message="kubelet has sufficient PID available",
        ),
        Condition(
            type="Ready",
            status="True",
            reason="KubeletReady",
            message="kubelet is posting ready status",
        ),
    ]
    if problem:
        is_leaving = problem == SHUTTING_DOWN
        message = problem if is_leaving else f"container runtime is down: {problem}"
        wanted[-1] = Condition(
            type="Ready", status="False", reason="KubeletNotReady", message=message
        )
    if unlimited:
        wanted.append(
            Condition(type=LIMITED, status="False", reason="CgroupsNotDelegated", message=unlimited)
        )
    old = node.status.conditions
    ours = {new.type for new in wanted} | {LIMITED}
    others = tuple(item for item in old if item.type not in ours)
    return tuple(_dated(new, old, now) for new in wanted) + others


def _dated(new: Condition, old: tuple[Condition, ...], now: float) -> Condition:
    known = condition_of(old, new.type)
    if known is None or known.status != new.status:
        return evolve(new, last_heartbeat_time=whole(now), last_transition_time=whole(now))
    return evolve(
        new,
        last_heartbeat_time=known.last_heartbeat_time,
        last_transition_time=known.last_transition_time,
    )

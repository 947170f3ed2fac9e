"""The node's own object: registration, conditions, capacity and the heartbeat lease.

Source: kubelet_node_status.go, nodestatus/setters.go and component-helpers lease, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from engine.api.coordination import Lease, LeaseSpec
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import Condition, ObjectMeta, OwnerReference, condition_of
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
from engine.api.wire import Json, MicroTime
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.client import Client
from engine.cri.status import NodeImage, RuntimeInfo
from engine.kernel.loop import Loop, Timer
from engine.kubelet.configuration import KubeletSettings
from engine.kubelet.container_status import whole
from engine.kubelet.csi_node import publish_csi_node
from engine.kubelet.pressure import with_pressures

DEFAULTS = KubeletSettings()
SHUTTING_DOWN = "node is shutting down"
KUBELET_VERSION = "v1.34.0"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_DURATION_SECONDS = 40
HEARTBEAT_SECONDS = 10.0
REPORT_SECONDS = 300.0
RETRY_SECONDS = 0.2
IMAGES_SECONDS = 1.0
SHOWN_IMAGES = 50
SHOWN_NAMES = 5
HUB = "docker.io/library/"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


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
        }
    )
    return attrs.evolve(
        node.status,
        capacity=capacity,
        allocatable=allocatable(capacity, settings.reserved),
        conditions=_conditions(node, problem=problem, now=now),
        addresses=(
            *((NodeAddress(type="InternalIP", address=config.address),) if config.address else ()),
            NodeAddress(type="Hostname", address=name),
        ),
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


def allocatable(
    capacity: FrozenDict[str, str], reserved: Mapping[str, str]
) -> FrozenDict[str, str]:
    """What pods may have: all but what is *reserved*."""
    left = dict(capacity)
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


def _with_volumes(extra: FrozenDict[str, Json], names: tuple[str, ...]) -> FrozenDict[str, Json]:
    return extra.with_items({"volumesInUse": names}) if names else extra.without("volumesInUse")


def _conditions(node: Node, *, problem: str, now: float) -> tuple[Condition, ...]:
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
    old = node.status.conditions
    others = tuple(item for item in old if item.type not in {new.type for new in wanted})
    return tuple(_dated(new, old, now) for new in wanted) + others


def _dated(new: Condition, old: tuple[Condition, ...], now: float) -> Condition:
    known = condition_of(old, new.type)
    if known is None or known.status != new.status:
        return attrs.evolve(new, last_heartbeat_time=whole(now), last_transition_time=whole(now))
    return attrs.evolve(
        new,
        last_heartbeat_time=known.last_heartbeat_time,
        last_transition_time=known.last_transition_time,
    )


@attrs.define(eq=False, kw_only=True)
class NodeReporter:
    """Registers the node, renews its lease, keeps its status true.

    *cached* is the node as the kubelet's cache has it. The status is written when it has changed,
    whoever changed it, and every five minutes.
    """

    loop: Loop
    client: Client
    name: str
    config: NodeSettings
    info: RuntimeInfo
    cached: Callable[[], Node | None]
    settings: KubeletSettings = DEFAULTS
    images: tuple[NodeImage, ...] = ()
    volumes_in_use: Callable[[], tuple[str, ...]] = tuple
    problem: str = attrs.field(default="", init=False)
    pressures: Mapping[str, object] = attrs.field(factory=dict, init=False)
    clock_offset: float = attrs.field(default=0.0, init=False)
    _node: Node | None = attrs.field(default=None, init=False)
    _lease: Lease | None = attrs.field(default=None, init=False)
    _reported_at: float = attrs.field(default=0.0, init=False)
    _timers: dict[str, Timer] = attrs.field(factory=dict, init=False)
    _is_running: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Register, report and renew from now on."""
        self._is_running = True
        self._register()

    def stop(self) -> None:
        """Fall silent."""
        self._is_running = False
        for timer in self._timers.values():
            timer.cancel()

    def set_problem(self, problem: str) -> None:
        """The runtime is down, because of *problem*, or (empty) up again."""
        self.problem = problem
        if self._is_running and self._node is not None:
            self._report()

    def look_again(self) -> None:
        """What is measured has changed: report it now, whatever it is."""
        self._reported_at = 0.0
        if self._is_running and self._node is not None:
            self._again("report", 0.0, self._report)

    def look_at_volumes(self) -> None:
        """The volumes in use may have changed; who detaches them waits for our word."""
        node = self._newest()
        if not self._is_running or node is None:
            return
        if self.volumes_in_use() != tuple(node.status.extra.get("volumesInUse") or ()):
            self._again("report", 0.0, self._report)

    def set_images(self, images: tuple[NodeImage, ...]) -> None:
        """These are the images of the node now."""
        self.images = images
        if self._is_running and self._node is not None:
            self._again("report", IMAGES_SECONDS, self._report)

    def _again(self, name: str, delay: float, callback: Callable[[], None]) -> None:
        earlier = self._timers.get(name)
        if earlier is not None:
            earlier.cancel()
        if self._is_running:
            self._timers[name] = self.loop.call_later(delay, callback)

    def _register(self) -> None:
        wanted = make_node(self.name, self.config, self.info)
        try:
            try:
                self._node = self.client.create(wanted)
            except AlreadyExistsError:
                self._node = self._correct(self.client.get(Node, self.name), wanted)
        except ApiError:
            self._again("register", RETRY_SECONDS, self._register)
            return
        self._renew()
        self._report(is_first=True)
        self._publish_drivers()

    def _publish_drivers(self) -> None:
        if self._node is None:
            return
        try:
            publish_csi_node(self.client, self._node)
        except ApiError:
            self._again("drivers", RETRY_SECONDS, self._publish_drivers)

    def _correct(self, found: Node, wanted: Node) -> Node:
        """Give a node that was registered before the labels and addresses it should have."""
        labels = found.metadata.labels.with_items(wanted.metadata.labels)
        spec = attrs.evolve(
            found.spec,
            pod_cidr=found.spec.pod_cidr or wanted.spec.pod_cidr,
            pod_cidrs=found.spec.pod_cidrs or wanted.spec.pod_cidrs,
        )
        if labels == found.metadata.labels and spec == found.spec:
            return found
        metadata = attrs.evolve(found.metadata, labels=labels)
        return self.client.update(attrs.evolve(found, metadata=metadata, spec=spec))

    def _report(self, *, is_first: bool = False) -> None:
        self._again("report", HEARTBEAT_SECONDS, self._report)
        node = self._newest()
        if node is None:
            return
        now = self.loop.now + self.clock_offset
        status = compute_node_status(
            node,
            self.name,
            self.config,
            self.info,
            problem=self.problem,
            now=now,
            settings=self.settings,
        )
        status = attrs.evolve(
            status,
            images=shown_images(self.images),
            conditions=with_pressures(
                status.conditions, node.status.conditions, self.pressures, now=now
            ),
            extra=_with_volumes(status.extra, self.volumes_in_use()),
        )
        if status == node.status and not is_first and not self._is_due():
            return
        beats = tuple(
            attrs.evolve(condition, last_heartbeat_time=whole(now))
            for condition in status.conditions
        )
        try:
            self._node = self.client.update_status(
                attrs.evolve(node, status=attrs.evolve(status, conditions=beats))
            )
            self._reported_at = self.loop.now
        except NotFoundError:
            return  # deleted by someone: as on a real node, only a restart registers it again
        except ApiError:
            self._again("report", RETRY_SECONDS, self._report)

    def _is_due(self) -> bool:
        return self.loop.now - self._reported_at >= REPORT_SECONDS

    def _newest(self) -> Node | None:
        cached = self.cached()
        if cached is None or (self._node is not None and self._node.revision > cached.revision):
            return self._node
        return cached

    def _renew(self) -> None:
        self._again("renew", HEARTBEAT_SECONDS, self._renew)
        now = MicroTime(self.loop.now + self.clock_offset)
        try:
            if self._lease is None:
                self._lease = self._take_lease(now)
            else:
                spec = attrs.evolve(self._lease.spec, renew_time=now)
                self._lease = self.client.update(attrs.evolve(self._lease, spec=spec))
        except ApiError:
            self._lease = None
            self._again("renew", RETRY_SECONDS, self._renew)

    def _take_lease(self, now: MicroTime) -> Lease:
        spec = LeaseSpec(
            holder_identity=self.name,
            lease_duration_seconds=LEASE_DURATION_SECONDS,
            renew_time=now,
        )
        try:
            found = self.client.get(Lease, self.name, namespace=LEASE_NAMESPACE)
            return self.client.update(attrs.evolve(found, spec=spec))
        except NotFoundError:
            uid = self._node.metadata.uid if self._node is not None else ""
            owner = OwnerReference(api_version="v1", kind="Node", name=self.name, uid=uid)
            meta = ObjectMeta(
                name=self.name,
                namespace=LEASE_NAMESPACE,
                labels=EMPTY,
                owner_references=(owner,) if uid else (),
            )
            return self.client.create(Lease(metadata=meta, spec=spec))

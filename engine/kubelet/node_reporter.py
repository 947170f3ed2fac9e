"""Registers the node, renews its lease, and keeps what its object says true.

Source: kubelet_node_status.go and component-helpers lease, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.coordination import Lease, LeaseSpec
from engine.api.evolution import evolve
from engine.api.frozen import EMPTY
from engine.api.meta import ObjectMeta, OwnerReference
from engine.api.node import Node
from engine.api.wire import MicroTime
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.client import Client
from engine.cri.status import NodeImage, RuntimeInfo
from engine.kernel.loop import Loop, Timer
from engine.kubelet.configuration import KubeletSettings
from engine.kubelet.container_status import whole
from engine.kubelet.csi_node import publish_csi_node
from engine.kubelet.node_events import NodeEvents
from engine.kubelet.node_status import (
    DEFAULTS,
    NodeSettings,
    compute_node_status,
    make_node,
    shown_images,
    with_volumes,
)
from engine.kubelet.pressure import with_pressures

LEASE_NAMESPACE = "kube-node-lease"
LEASE_DURATION_SECONDS = 40
HEARTBEAT_SECONDS = 10.0
REPORT_SECONDS = 300.0
RETRY_SECONDS = 0.2
IMAGES_SECONDS = 1.0


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
    events: NodeEvents | None = None
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
        if self.events is not None:
            self.events.started()
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
        spec = evolve(
            found.spec,
            pod_cidr=found.spec.pod_cidr or wanted.spec.pod_cidr,
            pod_cidrs=found.spec.pod_cidrs or wanted.spec.pod_cidrs,
        )
        if labels == found.metadata.labels and spec == found.spec:
            return found
        metadata = evolve(found.metadata, labels=labels)
        return self.client.update(evolve(found, metadata=metadata, spec=spec))

    def _report(self, *, is_first: bool = False) -> None:
        self._again("report", HEARTBEAT_SECONDS, self._report)
        node = self._newest()
        if node is None:
            return
        if self.events is not None:
            self.events.looked_at(node)
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
        status = evolve(
            status,
            images=shown_images(self.images),
            conditions=with_pressures(
                status.conditions, node.status.conditions, self.pressures, now=now
            ),
            extra=with_volumes(status.extra, self.volumes_in_use()),
        )
        if status == node.status and not is_first and not self._is_due():
            return
        beats = tuple(
            evolve(condition, last_heartbeat_time=whole(now)) for condition in status.conditions
        )
        try:
            self._node = self.client.update_status(
                evolve(node, status=evolve(status, conditions=beats))
            )
            self._reported_at = self.loop.now
            if self.events is not None:
                self.events.reported(node, self._node)
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
                spec = evolve(self._lease.spec, renew_time=now)
                self._lease = self.client.update(evolve(self._lease, spec=spec))
        except NotFoundError:
            self._lease = None  # its node was deleted: it is tried again at the usual pace
        except ApiError:
            self._lease = None
            self._again("renew", RETRY_SECONDS, self._renew)

    def _take_lease(self, now: MicroTime) -> Lease:
        """Renew the Lease that is there, or make one that its node owns.

        Raises:
            NotFoundError: there is no node (any more) to own it; as on a real node, none is made.
        """
        spec = LeaseSpec(
            holder_identity=self.name,
            lease_duration_seconds=LEASE_DURATION_SECONDS,
            renew_time=now,
        )
        try:
            found = self.client.get(Lease, self.name, namespace=LEASE_NAMESPACE)
            return self.client.update(evolve(found, spec=spec))
        except NotFoundError:
            node = self.client.get(Node, self.name)
            owner = OwnerReference(
                api_version="v1", kind="Node", name=self.name, uid=node.metadata.uid
            )
            meta = ObjectMeta(
                name=self.name,
                namespace=LEASE_NAMESPACE,
                labels=EMPTY,
                owner_references=(owner,),
            )
            return self.client.create(Lease(metadata=meta, spec=spec))

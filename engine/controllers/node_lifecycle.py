"""Notices nodes that fall silent, says so in their status, and taints them.

Source: node_lifecycle_controller.go, kubernetes v1.34.
"""

import attrs

from engine.api.coordination import Lease
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ConflictError, NotFoundError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.config import ControllerSettings
from engine.controllers.node_health import (
    Heartbeat,
    eviction_rates,
    has_eviction_taint,
    heartbeat_value,
    is_blackout,
    is_silent,
    needs_eviction_taint,
    ready_status,
    silent_conditions,
    wanted_taints,
    zone_of,
)
from engine.controllers.pod_state import is_ready, ready_condition
from engine.kernel.loop import Loop, Timer

DECLARE_COST = 0.015
MARK_COST = 0.2
"""Seconds between two nodes that fell silent, and between two whose pods are marked: a zone of a
thousand nodes is noticed in fifteen seconds and told in four minutes, and no moment holds all of
it. Kubernetes is slower: its clients are limited to 20 writes a second."""

NODE_INDEX = "node"
"""Pods by the node they are bound to."""

LEASE_NAMESPACE = "kube-node-lease"


@attrs.define(eq=False)
class NodeLifecycleController:
    """Watches over heartbeats.

    A node that gives no sign of life for the grace period of *settings* gets the status Unknown,
    its pods count as not ready, and it is tainted. It evicts nobody: that is what the taints are
    for. When the node is back, or when no node works at all, its taints go.
    """

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    settings: ControllerSettings = ControllerSettings()
    queue: WorkQueue = attrs.field(init=False)
    _silent: WorkQueue = attrs.field(init=False)
    _marking: WorkQueue = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _leases: Informer[Lease] = attrs.field(init=False)
    _heartbeats: dict[str, Heartbeat] = attrs.field(factory=dict, init=False)
    _last_eviction: dict[str, float] = attrs.field(factory=dict, init=False)
    _unready_pods_of: dict[str, None] = attrs.field(factory=dict, init=False)
    _registered: dict[str, None] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="node-lifecycle")
        self._silent = WorkQueue(self.loop, self._declare, name="silent-nodes", cost=DECLARE_COST)
        self._marking = WorkQueue(self.loop, self._mark_pods, name="unready-pods", cost=MARK_COST)
        for queue in self._queues:
            queue.pause()
        self._nodes = self.informers.informer(Node)
        self._pods = self.informers.informer(Pod)
        self._leases = self.informers.informer(Lease)
        index_pods_by_node(self._pods)
        self._nodes.add_handler(self._on_node)
        self._leases.add_handler(self._on_lease)

    def start(self) -> None:
        """Begin to watch over nodes; silence counts from now on."""
        for name, heartbeat in self._heartbeats.items():
            self._heartbeats[name] = attrs.evolve(heartbeat, seen=self.loop.now)
        for queue in self._queues:
            queue.resume()
        if self._timer is None:
            self._timer = self.loop.call_later(self.settings.node_monitor_period, self._monitor)

    def stop(self) -> None:
        """Watch over nothing until started again."""
        for queue in self._queues:
            queue.pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reconcile(self, key: str) -> Result | None:
        """Bring one node's taints, and its pods' readiness, in line with its conditions."""
        node = self._nodes.lister.by_key(key)
        if node is None:
            return None
        if key not in self._registered:
            self._registered[key] = None
            message = f"Node {key} event: Registered Node {key} in Controller"
            self.recorder.normal(node, "RegisteredNode", message)
        may_evict = needs_eviction_taint(node) and self._may_evict(node)
        taints = wanted_taints(
            node,
            now=self.loop.now,
            may_evict=may_evict,
            is_blackout=has_eviction_taint(node) and is_blackout(self._nodes.lister),
        )
        if taints != node.spec.taints:
            spec = attrs.evolve(node.spec, taints=taints)
            self.client.update(attrs.evolve(node, spec=spec))
            if may_evict:
                self._last_eviction[zone_of(node)] = self.loop.now
        if key in self._unready_pods_of:
            self._marking.add(key)
        return None

    @property
    def _queues(self) -> tuple[WorkQueue, ...]:
        return (self.queue, self._silent, self._marking)

    def _may_evict(self, node: Node) -> bool:
        if len(self._silent):
            return False  # how many are unhealthy is not known yet
        zone, settings = zone_of(node), self.settings
        last = self._last_eviction.get(zone)
        fastest = max(settings.node_eviction_rate, settings.secondary_node_eviction_rate)
        if last is not None and self.loop.now < last + 1.0 / max(fastest, 1e-9):
            return False  # soon enough at no rate
        rate = eviction_rates(self._nodes.lister, settings).get(zone, 0.0)
        return rate > 0 and (last is None or self.loop.now >= last + 1.0 / rate)

    def _monitor(self) -> None:
        self._timer = self.loop.call_later(self.settings.node_monitor_period, self._monitor)
        # What follows is caused by silence, not by whatever was last heard.
        self.loop.context = None
        asked: dict[str, None] = {}
        spares_all = is_blackout(self._nodes.lister)
        for node in self._nodes.lister:
            name = node.metadata.name
            heartbeat = self._heartbeats.get(name)
            if (
                heartbeat is not None
                and not _is_unknown(node)
                and is_silent(node, heartbeat, now=self.loop.now, settings=self.settings)
            ):
                self._silent.add(node.key)
            if name in self._unready_pods_of:
                self._marking.add(node.key)
            if spares_all and has_eviction_taint(node):
                self.queue.add(node.key)
            # One node of each zone is enough: the next may follow in ten seconds.
            if needs_eviction_taint(node) and (zone := zone_of(node)) not in asked:
                asked[zone] = None
                self.queue.add(node.key)

    def _declare(self, key: str) -> Result | None:
        """Note that nobody knows how a node is doing, if that is still so."""
        node = self._nodes.lister.by_key(key)
        heartbeat = self._heartbeats.get(key)
        if node is None or heartbeat is None:
            return None
        now = self.loop.now
        if not is_silent(node, heartbeat, now=now, settings=self.settings):
            return None
        conditions = silent_conditions(node, now=now)
        if conditions != node.status.conditions:
            status = attrs.evolve(node.status, conditions=conditions)
            self.client.update_status(attrs.evolve(node, status=status))
        return None

    def _mark_pods(self, key: str) -> Result | None:
        """The pods of a node that is not ready are not ready either; their kubelet cannot say."""
        node = self._nodes.lister.by_key(key)
        if node is None or key not in self._unready_pods_of:
            return None
        name = node.metadata.name
        if ready_status(node) == "True":
            del self._unready_pods_of[name]
            return None
        for pod in self._pods.indexer.by_index(NODE_INDEX, name):
            if is_ready(pod):
                self._mark_pod(pod)
        del self._unready_pods_of[name]
        return None

    def _mark_pod(self, pod: Pod) -> None:
        ready = ready_condition(pod)
        assert ready is not None
        changed = attrs.evolve(ready, status="False", last_transition_time=Time(self.loop.now))
        conditions = tuple(
            changed if condition is ready else condition for condition in pod.status.conditions
        )
        status = attrs.evolve(pod.status, conditions=conditions)
        try:
            self.client.update_status(attrs.evolve(pod, status=status))
        except (NotFoundError, ConflictError):
            return
        self.recorder.warning(pod, "NodeNotReady", "Node is not ready")

    def _on_node(self, key: str, old: Node | None, new: Node | None) -> None:
        if new is None:
            self._heartbeats.pop(key, None)
            self._unready_pods_of.pop(key, None)
            if old is not None and key in self._registered:
                del self._registered[key]
                message = f"Node {key} event: Removing Node {key} from Controller"
                self.recorder.normal(old, "RemovingNode", message)
            return
        lease = self._leases.lister.get(key, namespace=LEASE_NAMESPACE)
        self._see(new, lease.spec.renew_time if lease is not None else None)
        if old is None:
            self.queue.add(key)
            return
        was, now = ready_status(old), ready_status(new)
        if was != now:
            if was == "True":
                self.recorder.normal(new, "NodeNotReady", f"Node {key} status is now: NodeNotReady")
                self._unready_pods_of[key] = None
            elif now == "True":
                self._unready_pods_of.pop(key, None)
        if _taint_facts(old) != _taint_facts(new):
            self.queue.add(key)

    def _on_lease(self, _key: str, _old: Lease | None, new: Lease | None) -> None:
        if new is not None and new.metadata.namespace == LEASE_NAMESPACE:
            node = self._nodes.lister.by_key(new.metadata.name)
            if node is not None:
                self._see(node, new.spec.renew_time)

    def _see(self, node: Node, lease_renewed: float | None) -> None:
        name = node.metadata.name
        value = heartbeat_value(node, lease_renewed)
        known = self._heartbeats.get(name)
        if known is None or known.value != value:
            self._heartbeats[name] = Heartbeat(value, self.loop.now)


def index_pods_by_node(pods: Informer[Pod]) -> None:
    """Let pods be found by node, under `NODE_INDEX`."""
    pods.add_index(NODE_INDEX, lambda pod: (pod.spec.node_name,) if pod.spec.node_name else ())


def _is_unknown(node: Node) -> bool:
    """Whether it is said already that nobody knows."""
    ready = condition_of(node.status.conditions, "Ready")
    return ready is not None and ready.status == "Unknown"


def _taint_facts(node: Node) -> tuple[object, ...]:
    conditions = node.status.conditions
    types = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
    found = [condition_of(conditions, type_) for type_ in types]
    statuses = [condition.status if condition else None for condition in found]
    return (node.spec.taints, node.spec.unschedulable, *statuses)

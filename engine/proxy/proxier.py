"""The service proxies: they follow services, endpoint slices and nodes, and keep a sink current.

They know nothing about firewalls. All nodes share one sink as long as they share one kernel, so
one follower works for all of them; the proxy of a node that has stopped is a set of rules that
stays as it was.
"""

import logging
from collections.abc import Callable

import attrs

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.meta import ObjectMeta
from engine.api.node import Node
from engine.client.informer import InformerFactory
from engine.client.recorder import EventRecorder
from engine.errors import AdapterError
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop, Timer
from engine.proxy.change_tracker import ChangeTracker
from engine.proxy.rules import NO_RULES, NodeRules, RuleSet, RuleSink

ZONE_LABEL = "topology.kubernetes.io/zone"

log = logging.getLogger(__name__)


@attrs.define(eq=False, kw_only=True, repr=False)
class Proxier:
    """Coalesces changes and applies them to the sink.

    Promises:
        * the sink hears of a change at once, or *min_period* seconds after it last heard of one;
        * nothing is applied before services, slices and nodes are all known: a restart never
          takes rules away that are still needed;
        * what the sink refused is tried again, with everything that came meanwhile;
        * a node whose proxy stands still keeps the rules it had, whatever the others get.
    """

    loop: Loop
    informers: InformerFactory
    sink: RuleSink
    recorder: EventRecorder | None = None
    min_period: float = 0.05
    last_sync: float | None = attrs.field(default=None, init=False)
    error: str = attrs.field(default="", init=False)
    tracker: ChangeTracker = attrs.field(factory=ChangeTracker, init=False)
    _applied: RuleSet = attrs.field(default=NO_RULES, init=False)
    _frozen: dict[str, NodeRules] = attrs.field(factory=dict, init=False)
    _networks: dict[str, str] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _is_running: bool = attrs.field(default=False, init=False)
    _backoff: Backoff[str] = attrs.field(factory=lambda: Backoff(base=0.2, cap=10.0), init=False)

    def __attrs_post_init__(self) -> None:
        self.informers.informer(Service).add_handler(self._on_service)
        self.informers.informer(EndpointSlice).add_handler(self._on_slice)
        self.informers.informer(Node).add_handler(self._on_node)

    @property
    def rules(self) -> RuleSet:
        """The rules in effect where the proxy works."""
        return self._applied

    @property
    def frozen(self) -> tuple[str, ...]:
        """The nodes whose proxy stands still."""
        return tuple(self._frozen)

    def rules_of(self, node: str) -> RuleSet:
        """The rules in effect on *node*."""
        found = self._frozen.get(node)
        return self._applied if found is None else found.rules

    def freeze(self, node: str) -> None:
        """The proxy of *node* does nothing any more: the rules there stay as they are."""
        if node in self._frozen:
            return
        address = self._applied.nodes.get(node, "")
        rules = NodeRules(node, address, self._networks.get(node, ""), self._applied)
        self._frozen[node] = rules
        self._tell(lambda: self.sink.freeze(rules))

    def thaw(self, node: str) -> None:
        """The proxy of *node* works again, and catches up at once."""
        if self._frozen.pop(node, None) is not None:
            self._tell(lambda: self.sink.thaw(node))
            self._say_starting(node)

    def start(self) -> None:
        """Begin to follow; starting twice is once."""
        self._is_running = True
        self.informers.start()
        self._schedule()

    def stop(self) -> None:
        """Leave the rules as they are. The sink's owner takes them away."""
        self._is_running = False
        self.informers.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_service(self, key: str, _old: Service | None, new: Service | None) -> None:
        self.tracker.update_service(key, new)
        self._schedule()

    def _on_slice(self, key: str, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        self.tracker.update_slice(key, old, new)
        self._schedule()

    def _on_node(self, key: str, old: Node | None, new: Node | None) -> None:
        if old is None:
            self._say_starting(key)
        if new is not None:
            self._networks[key] = new.spec.pod_cidr
        before, after = _facts(old), _facts(new)
        if before != after:
            address, zone, network = after
            self.tracker.update_node(key, address, zone=zone, network=network)
            self._schedule()

    def _say_starting(self, node: str) -> None:
        """Tell, as kube-proxy does without a message, that the proxy of *node* begins."""
        if self.recorder is not None:
            about = Node(metadata=ObjectMeta(name=node, uid=node))
            self.recorder.normal(about, "Starting", "")

    def _tell(self, change: Callable[[], None]) -> None:
        try:
            change()
        except AdapterError as error:
            self.error = str(error)
            log.warning("rules were refused error=%s", error)

    def _schedule(self, delay: float = 0.0) -> None:
        if not self._is_running or (self._timer is not None and self._timer.is_pending):
            return
        if self.last_sync is not None:
            delay = max(delay, self.last_sync + self.min_period - self.loop.now)
        self._timer = self.loop.call_later(max(0.0, delay), self._sync)

    def _sync(self) -> None:
        self._timer = None
        if not self.informers.has_synced:
            self._schedule(self.min_period)
            return
        self.last_sync = self.loop.now
        _, current = self.tracker.advance()
        if current == self._applied:
            return
        try:
            self.sink.apply(self._applied, current)
        except AdapterError as error:
            self.error = str(error)
            log.warning("rules were refused error=%s", error)
            self._schedule(self._backoff.next_delay("sink"))
            return
        self._backoff.forget("sink")
        self._applied, self.error = current, ""


def _facts(node: Node | None) -> tuple[str, str, str]:
    """The address, the zone and the network of the pods of *node*."""
    if node is None:
        return "", "", ""
    return node_address(node), node.metadata.labels.get(ZONE_LABEL, ""), node.spec.pod_cidr


def node_address(node: Node | None) -> str:
    """The internal IPv4 address of *node*, or nothing."""
    if node is None:
        return ""
    for address in node.status.addresses:
        if address.type == "InternalIP" and ":" not in address.address:
            return address.address
    return ""


@attrs.frozen
class NodeProxy:
    """The proxy of one node, as far as starting and stopping it goes."""

    proxier: Proxier
    node: str

    def start(self) -> None:
        """Follow the cluster."""
        self.proxier.thaw(self.node)

    def stop(self) -> None:
        """Leave the node's rules as they are."""
        self.proxier.freeze(self.node)

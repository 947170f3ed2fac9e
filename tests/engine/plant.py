"""A control plane without kubelets: real server, controllers and scheduler, hand-moved nodes."""

from typing import TypeVar

import attrs

from engine.api.codec import decode
from engine.api.container import ContainerState, ContainerStateTerminated, ContainerStatus
from engine.api.coordination import Lease, LeaseSpec
from engine.api.core import Namespace
from engine.api.events import Event
from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject, Condition, ObjectMeta, is_true
from engine.api.node import Node, NodeStatus
from engine.api.pod import Pod, PodIP, PodStatus
from engine.api.wire import MicroTime, Time
from engine.apiserver.errors import ApiError
from engine.apiserver.server import ApiServer
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.controllers.manager import ControllerManager
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.scheduler.scheduler import Scheduler
from engine.store.watchable_store import Store

T = TypeVar("T", bound=ApiObject)

START = 1_700_000_000.0


@attrs.define(eq=False, repr=False)
class Plant:
    """What a test turns. Bound pods become ready *start_delay* seconds later and end when asked.

    Nodes send heartbeats until they are in *silent*; pods of *broken* images never become ready.
    """

    seed: int = 1
    start_delay: float = 1.0
    stop_delay: float = 1.0
    silent: dict[str, None] = attrs.field(factory=dict)
    broken: dict[str, None] = attrs.field(factory=dict)
    loop: Loop = attrs.field(init=False)
    server: ApiServer = attrs.field(init=False)
    client: Client = attrs.field(init=False)
    manager: ControllerManager = attrs.field(init=False)
    manager_link: Link = attrs.field(init=False)
    scheduler: Scheduler = attrs.field(init=False)
    _addresses: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.loop = Loop(START)
        random = RandomStreams(self.seed)
        self.server = ApiServer(loop=self.loop, store=Store(self.loop), random=random)
        self.client = self._client("test")
        for name in ("default", "kube-system", "kube-node-lease"):
            self.client.create(Namespace(metadata=ObjectMeta(name=name)))
        self.manager_link = Link(self.loop, "manager")
        self.manager = ControllerManager(self.loop, self.server, self.manager_link, random)
        client = self._client("scheduler")
        self.scheduler = Scheduler(
            self.loop,
            client,
            InformerFactory(client),
            EventRecorder(client, "default-scheduler", random["events"]),
            random["scheduler"],
        )
        informers = InformerFactory(self._client("nodes"))
        informers.informer(Pod).add_handler(self._on_pod)
        self.manager.start()
        self.scheduler.start()
        informers.start()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_for(seconds)

    def apply(self, **fields: object) -> ApiObject:
        """Create an object from its wire form."""
        return self.client.create(decode(fields))

    def get(self, cls: type[T], name: str, namespace: str = "default") -> T:
        """An object as stored."""
        return self.client.get(cls, name, namespace=namespace)

    def all(self, cls: type[T], selector: str = "") -> tuple[T, ...]:
        """All objects of a kind."""
        return self.client.list(cls, label_selector=selector).items

    def events(self, reason: str) -> list[str]:
        """The messages of all events of that reason, oldest first."""
        return [event.message for event in self.all(Event) if event.reason == reason]

    def end(self, name: str, *, exit_code: int = 0, container: str = "c") -> None:
        """Let the one container of a running pod end, and the pod with it."""
        pod = self.get(Pod, name)
        ended = ContainerStateTerminated(exit_code=exit_code, finished_at=Time(self.loop.now))
        status = attrs.evolve(
            pod.status,
            phase="Failed" if exit_code else "Succeeded",
            conditions=tuple(c for c in pod.status.conditions if c.type != "Ready"),
            container_statuses=(
                ContainerStatus(name=container, state=ContainerState(terminated=ended)),
            ),
        )
        self.client.update_status(attrs.evolve(pod, status=status))

    def running(self, selector: str = "") -> tuple[str, ...]:
        """The names of pods that run and stay."""
        return tuple(
            pod.metadata.name
            for pod in self.all(Pod, selector)
            if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
        )

    def add_node(self, name: str, *, cpu: str = "4", zone: str = "a") -> None:
        """Register a node and keep its Lease renewed."""
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
        self.client.create(
            Node(
                metadata=ObjectMeta(name=name, labels=FrozenDict(labels)),
                status=NodeStatus(
                    allocatable=FrozenDict({"cpu": cpu, "memory": "8Gi", "pods": "110"}),
                    conditions=(self._ready_node(),),
                ),
            )
        )
        self.client.create(
            Lease(
                metadata=ObjectMeta(name=name, namespace="kube-node-lease"),
                spec=LeaseSpec(holder_identity=name, renew_time=MicroTime(self.loop.now)),
            )
        )
        self.loop.call_later(10.0, self._beat, name)

    def _ready_node(self) -> Condition:
        now = Time(self.loop.now)
        return Condition(
            type="Ready",
            status="True",
            reason="KubeletReady",
            last_heartbeat_time=now,
            last_transition_time=now,
        )

    def _beat(self, name: str) -> None:
        self.loop.call_later(10.0, self._beat, name)
        if name in self.silent:
            return
        try:
            lease = self.client.get(Lease, name, namespace="kube-node-lease")
            spec = attrs.evolve(lease.spec, renew_time=MicroTime(self.loop.now))
            self.client.update(attrs.evolve(lease, spec=spec))
            node = self.client.get(Node, name)
            if not is_true(node.status.conditions, "Ready"):
                others = tuple(c for c in node.status.conditions if c.type != "Ready")
                status = attrs.evolve(node.status, conditions=(*others, self._ready_node()))
                self.client.update_status(attrs.evolve(node, status=status))
        except ApiError:
            return

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None or not new.spec.node_name:
            return
        if new.metadata.deletion_timestamp is not None:
            if old is None or old.metadata.deletion_timestamp is None:
                self.loop.call_later(self.stop_delay, self._stop, new)
        elif old is None or not old.spec.node_name:
            self.loop.call_later(self.start_delay, self._start, new)

    def _start(self, bound: Pod) -> None:
        if bound.spec.node_name in self.silent:
            return
        if any(container.image in self.broken for container in bound.spec.containers):
            return
        self._addresses += 1
        address = f"10.244.{self._addresses // 250}.{self._addresses % 250 + 1}"
        now = Time(self.loop.now)
        try:
            pod = self.get(Pod, bound.metadata.name, bound.metadata.namespace)
            conditions = tuple(c for c in pod.status.conditions if c.type != "Ready")
            ready = Condition(type="Ready", status="True", last_transition_time=now)
            status = PodStatus(
                phase="Running",
                pod_ip=address,
                pod_ips=(PodIP(ip=address),),
                start_time=now,
                conditions=(*conditions, ready),
            )
            self.client.update_status(attrs.evolve(pod, status=status))
        except ApiError:
            return

    def _stop(self, going: Pod) -> None:
        meta = going.metadata
        if going.spec.node_name in self.silent:
            return
        try:
            self.client.delete(
                Pod, meta.name, namespace=meta.namespace, grace_period_seconds=0, uid=meta.uid
            )
        except ApiError:
            return

    def _client(self, name: str) -> Client:
        link = Link(self.loop, name)
        return Client(self.server, link, user=name, groups=("system:masters",), actor=name)


def deployment(
    name: str = "web", *, replicas: int = 3, image: str = "demo:v1", **spec: object
) -> dict[str, object]:
    """A Deployment in wire form."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
            **spec,
        },
    }

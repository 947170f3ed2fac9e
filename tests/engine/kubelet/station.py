"""One node and an API server: a real kubelet on a simulated runtime, nothing else."""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.codec import decode
from engine.api.container import ContainerStatus
from engine.api.events import Event
from engine.api.meta import ApiObject, condition_of
from engine.api.pod import Pod
from engine.apiserver.errors import NotFoundError
from engine.apiserver.server import ApiServer
from engine.bootstrap import bootstrap
from engine.client.client import Client
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.config import ClusterConfig, NodeConfig
from engine.cri import events
from engine.cri.commands import Command, SignalContainer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.kubelet.kubelet import Kubelet
from engine.simulation.runtime import SimulatedRuntime
from engine.store.watchable_store import Store

DEMO = "localhost/kubarium/demo:v1"
NODE = NodeConfig(name="node-1", pod_cidr="10.244.1.0/24", address="10.64.0.11")


@attrs.define(eq=False)
class Station:
    """What a test turns."""

    runtime_class: type[SimulatedRuntime] = SimulatedRuntime
    loop: Loop = attrs.field(factory=lambda: Loop(now=1_767_225_600.0), init=False)
    seen: list[events.RuntimeEvent] = attrs.field(factory=list, init=False)
    client: Client = attrs.field(init=False)
    link: Link = attrs.field(init=False)
    runtime: SimulatedRuntime = attrs.field(init=False)
    kubelet: Kubelet = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        random = RandomStreams(5)
        server = ApiServer(loop=self.loop, store=Store(self.loop), random=random)
        masters = ("system:masters", "system:authenticated")
        self.client = Client(server, Link(self.loop, "test"), user="admin", groups=masters)
        bootstrap(self.client, ClusterConfig(nodes=(NODE,)), server.identity.ca)
        self.link = Link(self.loop, "kubelet")
        own = Client(server, self.link, user="system:node:node-1", groups=masters, actor="kubelet")
        self.runtime = self.runtime_class(
            loop=self.loop, config=NODE, random=random["runtime"], emit=self._emit
        )
        self.kubelet = Kubelet(
            node_name=NODE.name,
            config=NODE,
            loop=self.loop,
            client=own,
            runtime=self.runtime,
            random=random["kubelet"],
            recorder=EventRecorder(own, "kubelet", random["events"], NODE.name),
            dns_ip="10.96.0.10",
        )
        self.kubelet.start()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_for(seconds)

    def pod(
        self,
        name: str = "web",
        *,
        image: str = DEMO,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        **container: Any,
    ) -> Pod:
        """Create a pod with one container ``main`` on the node."""
        created = self.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": "default",
                    "annotations": dict(annotations or {}),
                },
                "spec": {
                    "nodeName": NODE.name,
                    "containers": [{"name": "main", "image": image, **container}],
                    **(spec or {}),
                },
            }
        )
        assert isinstance(created, Pod)
        return created

    def create(self, manifest: Mapping[str, Any]) -> ApiObject:
        """Create an object from its wire form."""
        return self.client.create(decode(manifest))

    def get(self, name: str = "web") -> Pod:
        """The pod as stored."""
        return self.client.get(Pod, name, namespace="default")

    def exists(self, name: str = "web") -> bool:
        """Whether the pod is in the API."""
        try:
            self.get(name)
        except NotFoundError:
            return False
        return True

    def status(self, name: str = "web", container: str = "main") -> ContainerStatus:
        """The status of one container."""
        status = self.get(name).status
        for item in (*status.container_statuses, *status.init_container_statuses):
            if item.name == container:
                return item
        raise AssertionError(f"no status of {container}: {status}")

    def waiting(self, name: str = "web", container: str = "main") -> str:
        """Why a container waits; empty if it does not."""
        state = self.status(name, container).state
        return state.waiting.reason if state.waiting else ""

    def condition(self, type_: str, name: str = "web") -> str:
        """The status of a condition of the pod."""
        found = condition_of(self.get(name).status.conditions, type_)
        return found.status if found else ""

    def told(self, reason: str) -> list[str]:
        """The messages of all Events of that reason."""
        listed = self.client.list(Event, namespace="default").items
        return [event.message for event in listed if event.reason == reason]

    def kill(self, name: str = "web", container: str = "main") -> None:
        """Kill a container as the kernel would."""
        container_id = self.kubelet.container_id_for(self.get(name), container)
        self.runtime.submit(SignalContainer(container_id=container_id))

    def submit(self, command: Command) -> None:
        """Have the runtime do something behind the kubelet's back."""
        self.runtime.submit(command)

    def _emit(self, event: events.RuntimeEvent) -> None:
        self.seen.append(event)
        self.kubelet.on_runtime_event(event)

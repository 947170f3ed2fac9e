"""The agent of one node: wires its parts, starts and stops them. Decisions are made elsewhere."""

import attrs

from engine.api.core import Service
from engine.api.node import Node
from engine.api.pod import Pod
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.cri.events import RuntimeDown, RuntimeEvent, RuntimeUp
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.loop import Loop, Timer
from engine.kubelet.node_status import NodeReporter, NodeSettings
from engine.kubelet.pod_workers import PodWorkers
from engine.kubelet.prober import Chance
from engine.kubelet.specs import DnsSettings
from engine.kubelet.static_pods import StaticPods

SYNC_CHECK_SECONDS = 1.0


@attrs.define(eq=False, repr=False, kw_only=True)
class Kubelet:
    """Keeps the containers of one node as the API says, and the API informed about them.

    Promises:
        * `stop` is the end of the process: timers and watches end, containers go on;
        * `start` after it begins from what the runtime and the API have, as a new process would;
        * runtime events that arrive while it is stopped are lost, as they would be.
    """

    node_name: str
    config: NodeSettings
    loop: Loop
    client: Client
    runtime: Runtime
    random: Chance
    recorder: EventRecorder
    dns_ip: str = ""
    cluster_domain: str = "cluster.local"
    workers: PodWorkers | None = attrs.field(default=None, init=False)
    _informers: InformerFactory | None = attrs.field(default=None, init=False)
    _reporter: NodeReporter | None = attrs.field(default=None, init=False)
    _sweep: Timer | None = attrs.field(default=None, init=False)
    _static: StaticPods | None = attrs.field(default=None, init=False)
    _manifests: tuple[Pod, ...] = attrs.field(default=(), init=False)
    _problem: str = attrs.field(default="", init=False)

    def start(self) -> None:
        """Work from now on. Starting twice is once."""
        if self.workers is not None:
            return
        informers = self._informers = InformerFactory(self.client)
        pods = informers.informer(Pod, field_selector=f"spec.nodeName={self.node_name}")
        nodes = informers.informer(Node, field_selector=f"metadata.name={self.node_name}")
        services = informers.informer(Service)
        info = self.runtime.info()
        workers = self.workers = PodWorkers(
            loop=self.loop,
            client=self.client,
            runtime=self.runtime,
            recorder=self.recorder,
            random=self.random,
            services=lambda: services.lister,
            dns=DnsSettings(server=self.dns_ip, domain=self.cluster_domain),
            node_ip=self.config.address,
            node_cpu=self.config.cpu or info.cpu,
            node_memory=self.config.memory or info.memory,
            runtime_changed=self._runtime_changed,
            images_changed=self._images_changed,
            volumes_changed=self._volumes_changed,
        )
        self._reporter = NodeReporter(
            loop=self.loop,
            client=self.client,
            name=self.node_name,
            config=self.config,
            info=info,
            cached=lambda: nodes.lister.get(self.node_name),
            images=self.runtime.list_images(),
            volumes_in_use=workers.volumes_in_use,
        )
        self._reporter.problem = self._problem
        static = self._static = StaticPods(
            loop=self.loop,
            client=self.client,
            node_name=self.node_name,
            workers=workers,
            node=lambda: nodes.lister.get(self.node_name),
            status_changed=workers.statuses.look_at,
        )
        workers.statuses.target_of = static.target_of
        workers.adopt_all()
        pods.add_handler(self._pod_changed)
        self._reporter.start()
        informers.start()
        if self._manifests:
            static.replace(self._manifests)
        self._remove_orphans(pods)

    def set_manifests(self, pods: tuple[Pod, ...]) -> None:
        """Run exactly these pods beside those of the API: what the node's own manifests say."""
        self._manifests = pods
        if self._static is not None:
            self._static.replace(pods)

    def stop(self) -> None:
        """Do nothing more. Stopping twice is once."""
        if self.workers is None or self._informers is None or self._reporter is None:
            return
        self._reporter.stop()
        self._informers.stop()
        self.workers.stop()
        if self._static is not None:
            self._static.stop()
            self._static = None
        self.workers = self._informers = self._reporter = None
        if self._sweep is not None:
            self._sweep.cancel()

    def on_runtime_event(self, event: RuntimeEvent) -> None:
        """Take an event of the node's container runtime."""
        if self.workers is not None:
            self.workers.pleg.handle(event)
        elif isinstance(event, RuntimeDown):
            self._problem = event.message or "down"
        elif isinstance(event, RuntimeUp):
            self._problem = ""

    def container_id_for(self, pod: Pod, container: str, *, previous: bool = False) -> str:
        """The runtime's id of a container, for its log; empty if it has not run (or not before)."""
        if self.workers is None:
            return ""
        uid = self._static.uid_of(pod) if self._static is not None else pod.metadata.uid
        state = self.workers.states.get(uid)
        work = state.containers.get(container) if state is not None else None
        if work is None:
            return ""
        record = work.previous if previous else work.current or work.previous
        return record.container_id if record is not None else ""

    def _pod_changed(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if self.workers is None:
            return
        if self._static is not None and self._static.mirror_changed(old, new):
            return
        if new is not None:
            self.workers.update(old, new)
        elif old is not None:
            self.workers.remove(old)

    def _remove_orphans(self, pods: Informer[Pod]) -> None:
        """Once it is known which pods there are, remove what belongs to none."""
        if self.workers is None:
            return
        if pods.has_synced:
            self.workers.remove_orphans()
        else:
            self._sweep = self.loop.call_later(SYNC_CHECK_SECONDS, self._remove_orphans, pods)

    def _volumes_changed(self) -> None:
        if self._reporter is not None:
            self._reporter.look_at_volumes()

    def _images_changed(self, images: tuple[NodeImage, ...]) -> None:
        if self._reporter is not None:
            self._reporter.set_images(images)

    def _runtime_changed(self, problem: str) -> None:
        self._problem = problem
        if self._reporter is not None:
            self._reporter.set_problem(problem)

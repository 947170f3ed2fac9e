"""The agent of one node: wires its parts, starts and stops them. Decisions are made elsewhere."""

from collections.abc import Callable, Mapping

import attrs

from engine.api.core import Service
from engine.api.frozen import EMPTY
from engine.api.node import Node
from engine.api.pod import Pod
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.cri.events import NodeMeasured, RuntimeDown, RuntimeEvent, RuntimeUp
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.loop import Loop, Timer
from engine.kubelet.admission import admit
from engine.kubelet.configuration import KubeletSettings
from engine.kubelet.eviction.manager import EvictionManager
from engine.kubelet.eviction.ranking import refusal
from engine.kubelet.image_gc import ImageGC
from engine.kubelet.node_events import NodeEvents
from engine.kubelet.node_reporter import NodeReporter
from engine.kubelet.node_status import SHUTTING_DOWN, NodeSettings
from engine.kubelet.pod_workers import PodWorkers
from engine.kubelet.preemption import MESSAGE as PREEMPTED
from engine.kubelet.preemption import REASON as PREEMPTING
from engine.kubelet.prober import Chance
from engine.kubelet.shutdown import REFUSAL, NodeShutdown, steps_of
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
    settings: KubeletSettings = KubeletSettings()
    own_pods: tuple[Pod, ...] = ()
    forced: dict[str, None] = attrs.field(factory=dict, init=False)
    clock_offset: float = attrs.field(default=0.0, init=False)
    workers: PodWorkers | None = attrs.field(default=None, init=False)
    _informers: InformerFactory | None = attrs.field(default=None, init=False)
    _reporter: NodeReporter | None = attrs.field(default=None, init=False)
    _sweep: Timer | None = attrs.field(default=None, init=False)
    _static: StaticPods | None = attrs.field(default=None, init=False)
    _manifests: tuple[Pod, ...] = attrs.field(default=(), init=False)
    _problem: str = attrs.field(default="", init=False)
    _evictions: EvictionManager | None = attrs.field(default=None, init=False)
    _image_gc: ImageGC | None = attrs.field(default=None, init=False)
    _shutdown: NodeShutdown | None = attrs.field(default=None, init=False)

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
            allocatable=lambda: _allocatable_of(nodes.lister.get(self.node_name)),
            runtime_changed=self._runtime_changed,
            pulls_at_once=self.settings.pulls_at_once,
            images_changed=self._images_changed,
            node_measured=self._node_measured,
            refusal=self._refusal,
            volumes_changed=self._volumes_changed,
        )
        self._reporter = NodeReporter(
            loop=self.loop,
            client=self.client,
            name=self.node_name,
            config=self.config,
            info=info,
            settings=self.settings,
            cached=lambda: nodes.lister.get(self.node_name),
            images=self.runtime.list_images(),
            volumes_in_use=workers.volumes_in_use,
            events=NodeEvents(self.recorder, self.node_name),
        )
        self._reporter.problem = self._problem
        self._look_after_node(workers, lambda: nodes.lister.get(self.node_name))
        self._reporter.clock_offset = self.clock_offset
        static = self._static = StaticPods(
            loop=self.loop,
            client=self.client,
            node_name=self.node_name,
            workers=workers,
            node=lambda: nodes.lister.get(self.node_name),
            status_changed=workers.statuses.look_at,
        )
        nodes.add_handler(static.node_changed)
        workers.statuses.target_of = static.target_of
        workers.adopt_all()
        pods.add_handler(self._pod_changed)
        self._reporter.start()
        informers.start()
        if self._manifests or self.own_pods:
            static.replace((*self.own_pods, *self._manifests))
        self._remove_orphans(pods)

    def set_manifests(self, pods: tuple[Pod, ...]) -> None:
        """Run exactly these pods beside those of the API: what the node's own manifests say."""
        self._manifests = pods
        if self._static is not None:
            self._static.replace((*self.own_pods, *pods))

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
        if self._evictions is not None:
            self._evictions.stop()
        if self._shutdown is not None:
            self._shutdown.stop()
        self._evictions = self._image_gc = self._shutdown = None
        self.workers = self._informers = self._reporter = None
        if self._sweep is not None:
            self._sweep.cancel()

    def set_pressure(self, resource: str, *, is_short: bool) -> None:
        """Measure too little of memory, disk or pid on the node, or enough again."""
        if is_short:
            self.forced[resource] = None
        else:
            self.forced.pop(resource, None)
        if self._evictions is not None:
            self._evictions.force(resource, is_short=is_short)

    def shut_down(self, seconds: float, done: Callable[[], None]) -> None:
        """End all pods within *seconds*, take no new ones, and call *done* when nothing runs."""
        if self._shutdown is None:
            done()
            return
        if self._reporter is not None:
            self._reporter.set_problem(SHUTTING_DOWN)
        self._shutdown.begin(steps_of(self.settings, seconds), done)

    def set_clock_offset(self, seconds: float) -> None:
        """Let the node's clock be *seconds* ahead of everybody's: what happens is dated by it."""
        self.clock_offset = self.client.link.clock_offset = seconds
        if self._reporter is not None:
            self._reporter.clock_offset = seconds
            self._reporter.look_again()

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

    def _look_after_node(self, workers: PodWorkers, node: Callable[[], Node | None]) -> None:
        """Make the parts that watch what the node has left."""
        settings, reporter = self.settings, self._reporter
        assert reporter is not None
        gc = self._image_gc = ImageGC(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            node=node,
            in_use=workers.images_in_use,
            policy=settings.image_gc,
        )
        gc.images_changed(self.runtime.list_images())
        self._evictions = EvictionManager(
            loop=self.loop,
            recorder=self.recorder,
            node=node,
            pods=workers.pods,
            states=workers.states,
            usage=self.runtime.usage,
            reclaim=gc.remove_unused,
            evict=lambda pod, state, message, grace: workers.end_for_good(
                pod, state, "Evicted", message, grace
            ),
            changed=reporter.look_again,
            thresholds=settings.thresholds,
            transition=settings.transition,
            max_grace=settings.max_eviction_grace,
        )
        reporter.pressures = self._evictions.pressures
        for resource in self.forced:
            self._evictions.force(resource, is_short=True)
        self._shutdown = NodeShutdown(
            loop=self.loop, pods=workers.pods, states=workers.states, end=workers.end_for_good
        )

    def _node_measured(self, event: NodeMeasured) -> None:
        if self._evictions is not None and self._image_gc is not None:
            self._image_gc.measured(event)
            self._evictions.measured(event)

    def _refusal(self, pod: Pod) -> tuple[str, str] | None:
        """Why the node does not take *pod* now: a reason and a message."""
        if self._shutdown is not None and self._shutdown.is_under_way:
            return REFUSAL
        conditions = self._evictions.conditions if self._evictions is not None else ()
        message = refusal(pod, conditions)
        if message or self.workers is None or self._reporter is None:
            return ("Evicted", message) if message else None
        verdict = admit(pod, self._reporter.cached(), self.workers.pods.values())
        for victim in verdict.victims:
            state = self.workers.states.get(victim.metadata.uid)
            if state is not None:
                self.workers.end_for_good(victim, state, PREEMPTING, PREEMPTED, 0.0)
        return verdict.why

    def _images_changed(self, images: tuple[NodeImage, ...]) -> None:
        if self._image_gc is not None:
            self._image_gc.images_changed(images)
        if self._reporter is not None:
            self._reporter.set_images(images)

    def _runtime_changed(self, problem: str) -> None:
        self._problem = problem
        if self._reporter is not None:
            self._reporter.set_problem(problem)


def _allocatable_of(node: Node | None) -> Mapping[str, str]:
    return node.status.allocatable if node is not None else EMPTY

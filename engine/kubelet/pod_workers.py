"""One worker per pod: looks at a pod and its state, decides, and has it done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf

import attrs

from engine.api.core import Service
from engine.api.pod import Pod, PodStatus
from engine.apiserver.errors import NotFoundError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.cri.events import NodeMeasured
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop
from engine.kubelet.adoption import adopt, take_over_status
from engine.kubelet.checks import CheckRunner
from engine.kubelet.config_source import ConfigSource
from engine.kubelet.container_status import NodeFacts
from engine.kubelet.eviction.local_storage import LocalStorage
from engine.kubelet.images import ImageManager
from engine.kubelet.killer import Killer, grace_of
from engine.kubelet.pleg import Pleg
from engine.kubelet.pod_actions import compute_pod_actions
from engine.kubelet.pod_effects import PodEffects
from engine.kubelet.pod_state import (
    ContainerWork,
    PodState,
    SandboxStep,
    find_container,
    identity_of,
    is_terminal,
)
from engine.kubelet.pod_status import compute_status
from engine.kubelet.probe_results import ProbeResults
from engine.kubelet.prober import Chance, Prober
from engine.kubelet.refusal import end_for_node, fail_overdue, refuse, reject
from engine.kubelet.resizer import Resizer, granted
from engine.kubelet.specs import DnsSettings
from engine.kubelet.starter import CONFIG_ERROR, Starter
from engine.kubelet.status_manager import StatusManager
from engine.kubelet.volumes.claim import volumes_in_use
from engine.kubelet.volumes.growth import FileSystemGrowth
from engine.kubelet.volumes.image import ImageVolumes
from engine.kubelet.volumes.manager import VolumeManager
from engine.kubelet.volumes.registry import make_plugins
from engine.kubelet.volumes.tokens import TokenManager, issuer

STATUS_BATCH_SECONDS = 1.0


@attrs.define(eq=False, kw_only=True)
class PodWorkers:
    """Everything that is done about the pods of one node.

    Pods are told apart by uid: a new pod may have the name of one that is still ending.
    """

    loop: Loop
    client: Client
    runtime: Runtime
    recorder: EventRecorder
    random: Chance
    services: Callable[[], Iterable[Service]]
    dns: DnsSettings
    node_ip: str
    allocatable: Callable[[], Mapping[str, str]]
    runtime_changed: Callable[[str], None]
    pulls_at_once: int = 1
    images_changed: Callable[[tuple[NodeImage, ...]], object] = bool
    node_measured: Callable[[NodeMeasured], object] = bool
    refusal: Callable[[Pod], tuple[str, str] | None] = lambda _: None
    volumes_changed: Callable[[], object] = bool
    pods: dict[str, Pod] = attrs.field(factory=dict, init=False)
    states: dict[str, PodState] = attrs.field(factory=dict, init=False)
    configs: ConfigSource = attrs.field(init=False)
    statuses: StatusManager = attrs.field(init=False)
    pleg: Pleg = attrs.field(init=False)
    _queue: WorkQueue = attrs.field(init=False)
    _checks: CheckRunner = attrs.field(init=False)
    _prober: Prober = attrs.field(init=False)
    _images: ImageManager = attrs.field(init=False)
    _killer: Killer = attrs.field(init=False)
    _starter: Starter = attrs.field(init=False)
    _volumes: VolumeManager = attrs.field(init=False)
    _image_volumes: ImageVolumes = attrs.field(init=False)
    _growth: FileSystemGrowth = attrs.field(init=False)
    _local_storage: LocalStorage = attrs.field(init=False)
    _resizer: Resizer = attrs.field(init=False)
    _effects: PodEffects = attrs.field(init=False)
    _facts: NodeFacts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = WorkQueue(
            self.loop, self._sync, name="pods", backoff=Backoff(base=0.05, cap=5.0)
        )
        self._facts = NodeFacts(host_ip=self.node_ip, runtime=self.runtime.info().name)
        self.configs = ConfigSource(self.client, self._config_changed)
        self.statuses = StatusManager(self.loop, self.client, self.pods.get, self._status_of)
        self._checks = CheckRunner(self.runtime)
        self._killer = Killer(self.loop, self.runtime, self._checks, self.recorder)
        results = ProbeResults(
            pods=self.pods,
            states=self.states,
            killer=self._killer,
            recorder=self.recorder,
            sync=self._queue.add,
        )
        self._prober = Prober(
            loop=self.loop,
            checks=self._checks,
            random=self.random,
            verdict=results.decided,
            report=results.told,
        )
        self._images = ImageManager(
            self.loop,
            self.runtime,
            self.recorder,
            self.configs.secret,
            at_once=self.pulls_at_once,
        )
        self._image_volumes = ImageVolumes(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            secret=self.configs.secret,
            pods=self.pods,
            states=self.states,
            at_once=self.pulls_at_once,
        )
        self._volumes = VolumeManager(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            configs=self.configs,
            tokens=TokenManager(
                self.loop,
                issuer(self.client),
                self._config_changed,
                lambda: self.client.link.clock_offset,
            ),
            plugins=make_plugins(self.client, self._image_volumes, self.states),
        )
        self._growth = FileSystemGrowth(
            loop=self.loop,
            client=self.client,
            runtime=self.runtime,
            recorder=self.recorder,
            pods=self.pods,
            states=self.states,
        )
        self._starter = Starter(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            configs=self.configs,
            volumes=self._volumes,
            services=self.services,
            checks=self._checks,
            prober=self._prober,
            kill=self._kill_for_hook,
            node_ip=self.node_ip,
            allocatable=self.allocatable,
        )
        self._resizer = Resizer(
            runtime=self.runtime,
            recorder=self.recorder,
            restart=self._kill_for_hook,
            states=self.states,
            allocatable=self.allocatable,
        )
        self._effects = PodEffects(
            loop=self.loop,
            client=self.client,
            runtime=self.runtime,
            recorder=self.recorder,
            killer=self._killer,
            starter=self._starter,
            images=self._images,
            dns=self.dns,
            sync_after=self._queue.add_after,
        )
        self._local_storage = LocalStorage(
            self.loop, self.runtime, self.pods, self.states, self.end_for_good
        )
        self.pleg = Pleg(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            pods=self.pods,
            states=self.states,
            images=self._images,
            image_volumes=self._image_volumes,
            starter=self._starter,
            prober=self._prober,
            checks=self._checks,
            sync=self._queue.add_after,
            runtime_changed=self.runtime_changed,
            storage_measured=self._local_storage.measured,
            volume_resized=self._growth.resized,
            images_changed=self.images_changed,
            node_measured=self.node_measured,
            resizer=self._resizer,
            node_ip=self.node_ip,
        )

    def adopt_all(self) -> None:
        """Take over what the runtime has already, before the first pod is seen."""
        for sandbox in self.runtime.list_sandboxes():
            self.states[sandbox.pod.uid] = adopt(sandbox)

    def remove_orphans(self) -> None:
        """Remove sandboxes whose pods the API no longer has."""
        for uid, state in self.states.items():
            if uid not in self.pods and state.sandbox in {SandboxStep.READY, SandboxStep.STOPPED}:
                self._effects.remove_sandbox(state)

    def update(self, old: Pod | None, new: Pod) -> None:
        """The pod is new or has changed."""
        uid = new.metadata.uid
        self.pods[uid] = new
        state = self.states.get(uid)
        is_to_stop = state is not None and state.sandbox is SandboxStep.READY and is_terminal(new)
        if old is not None and self.statuses.is_echo(new) and not is_to_stop:
            return
        if state is not None and old is not None:
            if new.metadata.deletion_timestamp is not None:
                for work in state.containers.values():
                    self._killer.shorten(work, grace_of(new, state))
            if old.metadata != new.metadata:
                self._starter.refresh_volumes(new, state)
        self._queue.add(uid)

    def remove(self, pod: Pod) -> None:
        """The pod is gone from the API; what still runs of it has to go."""
        uid = pod.metadata.uid
        state = self.states.get(uid)
        if state is None:
            self._forget(pod)
        else:
            state.is_gone = True
            self._queue.add(uid)

    def end_for_good(
        self, pod: Pod, state: PodState, reason: str, message: str, grace: float
    ) -> None:
        """Fail a pod by the node's decision, within *grace* seconds."""
        end_for_node(pod, state, reason, message, grace, self.recorder)
        for work in state.containers.values():
            self._killer.shorten(work, grace)
        self._queue.add(pod.metadata.uid)

    def images_in_use(self) -> Iterator[str]:
        """The ids of the images that containers here were made of."""
        for state in self.states.values():
            for work in state.containers.values():
                for record in (work.current, work.previous):
                    if record is not None:
                        yield record.image_id
                yield work.image_id

    def is_known(self, uid: str) -> bool:
        """Whether something of that pod is still here."""
        return uid in self.pods or uid in self.states

    def volumes_in_use(self) -> tuple[str, ...]:
        """The attachable volumes that are or may be mounted here."""
        return volumes_in_use(self.states.values())

    def stop(self) -> None:
        """Do nothing more; containers go on."""
        self._queue.shut_down()
        self.statuses.stop()
        self._prober.stop_all()
        self._checks.clear()
        self._killer.is_stopped = self._starter.is_stopped = True
        self._volumes.tokens.stop()
        self._growth.stop()
        self._local_storage.stop()
        self.configs.stop()

    def _sync(self, uid: str) -> Result | None:
        pod = self.statuses.newest(uid)
        if pod is None:
            self._clean_up(uid)
            return None
        state = self.states.get(uid)
        if state is None and is_terminal(pod) and pod.metadata.deletion_timestamp is None:
            return None
        if state is None:
            state = self.states[uid] = PodState(identity=identity_of(pod))
        if not state.start_time:
            self._begin(pod, state)
        fail_overdue(pod, state, self.loop.now, self.recorder)
        again = self._resizer.look(pod, state)
        actions = compute_pod_actions(pod, state, now=self.loop.now)
        if again is not None:
            actions = attrs.evolve(actions, wake_at=min(actions.wake_at, self.loop.now + again))
        wake_at = self._effects.carry_out(pod, state, actions)
        if actions.stop_sandbox:
            self._effects.stop_sandbox(state)
            self._release(pod)
        if actions.finish:
            self._finish(pod, state)
            result = None
        else:
            self._look_at_status(pod, state)
            result = None if wake_at == inf else Result(requeue_after=wake_at - self.loop.now)
        if any(volume.driver for volume in state.volumes.values()):
            self._growth.wake()
            self.volumes_changed()
        return result

    def _look_at_status(self, pod: Pod, state: PodState) -> None:
        """Have the status written; steps that follow close upon each other make one write."""
        is_starting = state.sandbox is SandboxStep.CREATING or any(
            work.step for work in state.containers.values()
        )
        is_shown = bool(pod.status.container_statuses)
        delay = STATUS_BATCH_SECONDS if is_starting and is_shown else 0.0
        self.statuses.look_at(pod.metadata.uid, delay=delay)

    def _begin(self, pod: Pod, state: PodState) -> None:
        """See the pod for the first time."""
        self.configs.use(pod)
        self._local_storage.watch(pod)
        take_over_status(pod, state)
        state.start_time = state.start_time or self.loop.now
        has_apparmor = self.runtime.info().has_apparmor
        reject(pod, state, self.recorder, has_apparmor=has_apparmor)
        refuse(pod, state, self.refusal(pod), self.recorder)
        for work in state.containers.values():
            container = find_container(pod, work.name)
            if work.is_running and container is not None:
                work.allocated = work.actual = granted(pod, container)
                self._starter.begin_probes(pod, container, work, has_started=work.has_started)
        if state.sandbox is SandboxStep.READY:
            if pod.spec.host_network:
                state.ip = self.node_ip
            self._starter.mount(pod, state)

    def _finish(self, pod: Pod, state: PodState) -> None:
        """Nothing of the pod is left here: let its object go."""
        uid = pod.metadata.uid
        if not state.is_gone:
            self.statuses.write(uid)
            meta = pod.metadata
            try:
                self.client.delete(
                    Pod, meta.name, namespace=meta.namespace, grace_period_seconds=0, uid=uid
                )
            except NotFoundError:
                state.is_gone = True
        self.states.pop(uid, None)
        if state.is_gone:
            self._forget(pod)

    def _clean_up(self, uid: str) -> None:
        state = self.states.get(uid)
        if state is not None and state.sandbox is SandboxStep.ABSENT:
            self.states.pop(uid, None)

    def _forget(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        self.pods.pop(uid, None)
        self.states.pop(uid, None)
        self.statuses.forget(uid)
        self._release(pod)
        self._images.forget(pod)

    def _release(self, pod: Pod) -> None:
        """Let go what the pod's volumes and configuration were kept current with."""
        self.configs.release(pod.metadata.uid)
        self._volumes.release(pod)

    def _status_of(self, pod: Pod) -> PodStatus | None:
        state = self.states.get(pod.metadata.uid)
        if state is None:
            return None
        return compute_status(
            pod, state, node=self._facts, now=self.loop.now, skew=self.client.link.clock_offset
        )

    def _config_changed(self, uid: str) -> None:
        pod, state = self.pods.get(uid), self.states.get(uid)
        if pod is None or state is None:
            return
        self._starter.refresh_volumes(pod, state)
        for work in state.containers.values():
            if work.waiting_reason == CONFIG_ERROR:
                work.retry_at = 0.0
        if state.failed_mounts or any(work.waiting_reason for work in state.containers.values()):
            self._queue.add(uid)

    def _kill_for_hook(self, pod: Pod, state: PodState, work: ContainerWork, message: str) -> None:
        self._killer.kill(pod, state, work, message=message, grace=grace_of(pod, state))

"""One worker per pod: looks at a pod and its state, decides, and has it done."""

from collections.abc import Callable, Iterable, Iterator
from math import inf

import attrs

from engine.api.core import Service
from engine.api.pod import Pod, PodStatus
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.cri.commands import RemoveSandbox
from engine.cri.events import NodeMeasured
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop
from engine.kubelet.adoption import adopt, take_over_status
from engine.kubelet.checks import CheckRunner
from engine.kubelet.config_source import ConfigSource, MissingConfigError
from engine.kubelet.container_status import NodeFacts
from engine.kubelet.crash_backoff import format_seconds
from engine.kubelet.images import ImageManager, field_path
from engine.kubelet.killer import Killer, grace_of
from engine.kubelet.pleg import SANDBOX_RETRY_SECONDS, Pleg
from engine.kubelet.pod_actions import PodActions, compute_pod_actions
from engine.kubelet.pod_state import (
    ContainerWork,
    PodState,
    SandboxStep,
    find_container,
    identity_of,
    is_terminal,
)
from engine.kubelet.pod_status import compute_status
from engine.kubelet.prober import LIVENESS, READINESS, STARTUP, Chance, Prober, ProbeTarget
from engine.kubelet.refusal import end_for_node, evict_for_volume, refuse, reject, runtime_handler
from engine.kubelet.resizer import Resizer, granted
from engine.kubelet.specs import DnsSettings, sandbox_command
from engine.kubelet.starter import CONFIG_ERROR, Starter
from engine.kubelet.status_manager import StatusManager
from engine.kubelet.volumes.claim import names_in_use
from engine.kubelet.volumes.growth import FileSystemGrowth
from engine.kubelet.volumes.manager import VolumeManager
from engine.kubelet.volumes.registry import make_plugins
from engine.kubelet.volumes.tokens import PodToken, TokenManager

MOUNT_RETRY_SECONDS = 10.0
PENDING_RETRY_SECONDS = 0.5
STATUS_BATCH_SECONDS = 0.5


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
    node_cpu: int
    node_memory: int
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
    _growth: FileSystemGrowth = attrs.field(init=False)
    _resizer: Resizer = attrs.field(init=False)
    _facts: NodeFacts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = WorkQueue(
            self.loop, self._sync, name="pods", backoff=Backoff(base=0.05, cap=5.0)
        )
        self._facts = NodeFacts(host_ip=self.node_ip, runtime=self.runtime.info().name)
        self.configs = ConfigSource(self.client, self._config_changed)
        self.statuses = StatusManager(self.loop, self.client, self.pods.get, self._status_of)
        self._checks = CheckRunner(self.runtime)
        self._prober = Prober(
            loop=self.loop,
            checks=self._checks,
            random=self.random,
            verdict=self._probed,
            complaint=self._complain,
        )
        self._images = ImageManager(
            self.loop,
            self.runtime,
            self.recorder,
            self.configs.secret,
            at_once=self.pulls_at_once,
        )
        self._killer = Killer(self.loop, self.runtime, self._checks, self.recorder)
        self._volumes = VolumeManager(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            configs=self.configs,
            tokens=TokenManager(self.loop, self._issue_token, self._config_changed),
            plugins=make_plugins(self.client),
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
            node_cpu=self.node_cpu,
            node_memory=self.node_memory,
        )
        self._resizer = Resizer(
            runtime=self.runtime,
            recorder=self.recorder,
            restart=self._kill_for_hook,
            states=self.states,
            node_cpu=self.node_cpu,
            node_memory=self.node_memory,
        )
        self.pleg = Pleg(
            loop=self.loop,
            runtime=self.runtime,
            recorder=self.recorder,
            pods=self.pods,
            states=self.states,
            images=self._images,
            starter=self._starter,
            prober=self._prober,
            checks=self._checks,
            sync=self._queue.add_after,
            runtime_changed=self.runtime_changed,
            volume_full=self._volume_full,
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
            if uid not in self.pods and state.sandbox is SandboxStep.READY:
                state.sandbox = SandboxStep.REMOVING
                self.runtime.submit(RemoveSandbox(sandbox_id=state.sandbox_id))

    def update(self, old: Pod | None, new: Pod) -> None:
        """The pod is new or has changed."""
        uid = new.metadata.uid
        self.pods[uid] = new
        if old is not None and self.statuses.is_echo(new):
            return
        state = self.states.get(uid)
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
        """The attachable volumes that are or may be mounted here, as the node's status names them.

        Source: volumesInUse, kubelet volumemanager, kubernetes v1.34.
        """
        found: dict[str, None] = {}
        for state in self.states.values():
            if state.sandbox is not SandboxStep.ABSENT:
                found |= dict.fromkeys(names_in_use(state.volumes))
        return tuple(sorted(found))

    def stop(self) -> None:
        """Do nothing more; containers go on."""
        self._queue.shut_down()
        self.statuses.stop()
        self._prober.stop_all()
        self._checks.clear()
        self._killer.is_stopped = self._starter.is_stopped = True
        self._images.stop()
        self._volumes.tokens.stop()
        self._growth.stop()
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
        now = self.loop.now
        deadline = pod.spec.active_deadline_seconds
        if (
            deadline is not None
            and now >= state.start_time + deadline
            and not state.failed_reason
            and not is_terminal(pod)
        ):
            state.failed_reason = "DeadlineExceeded"
            state.failed_message = "Pod was active on the node longer than the specified deadline"
            self.recorder.normal(pod, "DeadlineExceeded", state.failed_message)
        again = self._resizer.look(pod, state)
        actions = compute_pod_actions(pod, state, now=now)
        if again is not None:
            actions = attrs.evolve(actions, wake_at=min(actions.wake_at, now + again))
        result = self._carry_out(pod, state, actions)
        if any(volume.driver for volume in state.volumes.values()):
            self._growth.wake()
            self.volumes_changed()
        return result

    def _carry_out(  # noqa: C901 - one case an action
        self, pod: Pod, state: PodState, actions: PodActions
    ) -> Result | None:
        uid = pod.metadata.uid
        state.is_initialized = actions.is_initialized
        wake_at = actions.wake_at
        for kill in actions.kill:
            work = state.work(kill.name)
            grace = grace_of(pod, state, now=self.loop.now)
            self._killer.kill(pod, state, work, message=kill.message, grace=grace)
        if actions.create_sandbox or actions.start:
            if not self._starter.mount(pod, state):
                is_pending = state.mounting_since and not state.failed_mounts
                seconds = PENDING_RETRY_SECONDS if is_pending else MOUNT_RETRY_SECONDS
                wake_at = min(wake_at, self.loop.now + seconds)
            elif actions.create_sandbox:
                self._create_sandbox(pod, state)
            else:
                for name in actions.start:
                    self._pull(pod, state, state.work(name))
        for backoff in actions.backoffs:
            self._note_backoff(pod, state, state.work(backoff.name))
        for work in state.containers.values():
            container = find_container(pod, work.name)
            if container is not None:
                self._images.back_off(pod, work, container.image)
        if actions.remove_sandbox:
            state.sandbox = SandboxStep.REMOVING
            self.runtime.submit(RemoveSandbox(sandbox_id=state.sandbox_id))
        if actions.finish:
            self._finish(pod, state)
            return None
        is_starting = state.sandbox is SandboxStep.CREATING or any(
            work.step for work in state.containers.values()
        )
        is_shown = bool(pod.status.container_statuses)
        self.statuses.look_at(uid, delay=STATUS_BATCH_SECONDS if is_starting and is_shown else 0.0)
        return None if wake_at == inf else Result(requeue_after=wake_at - self.loop.now)

    def _begin(self, pod: Pod, state: PodState) -> None:
        """See the pod for the first time."""
        self.configs.use(pod)
        take_over_status(pod, state)
        state.start_time = state.start_time or self.loop.now
        reject(pod, state, self.recorder)
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

    def _create_sandbox(self, pod: Pod, state: PodState) -> None:
        try:
            handler = runtime_handler(pod, self.client)
            command = sandbox_command(
                pod, state.identity, attempt=state.sandbox_attempt, dns=self.dns
            )
        except (MissingConfigError, ApiError) as error:
            state.sandbox_retry_at = self.loop.now + SANDBOX_RETRY_SECONDS
            message = f"Failed to create pod sandbox: {error}"
            self.recorder.warning(pod, "FailedCreatePodSandBox", message)
            self._queue.add_after(state.identity.uid, SANDBOX_RETRY_SECONDS)
            return
        command = attrs.evolve(command, runtime_handler=handler)
        state.sandbox = SandboxStep.CREATING
        state.sandbox_attempt += 1
        self.runtime.submit(command)

    def end_for_good(
        self, pod: Pod, state: PodState, reason: str, message: str, grace: float
    ) -> None:
        """Fail a pod by the node's decision, within *grace* seconds."""
        end_for_node(pod, state, reason, message, grace, self.recorder)
        for work in state.containers.values():
            self._killer.shorten(work, grace)
        self._queue.add(pod.metadata.uid)

    def _volume_full(self, uid: str, name: str) -> None:
        pod, state = self.pods.get(uid), self.states.get(uid)
        if pod is not None and state is not None:
            evict_for_volume(pod, state, name, self.recorder)
            self._queue.add(uid)

    def _pull(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        container = find_container(pod, work.name)
        if container is not None:
            self._images.ensure(pod, container, work, state.identity)

    def _note_backoff(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        if work.is_backing_off:
            return
        work.is_backing_off = True
        identity = state.identity
        where = f"{identity.name}_{identity.namespace}({identity.uid})"
        work.waiting_reason = "CrashLoopBackOff"
        delay = format_seconds(work.crash_delay)
        work.waiting_message = (
            f"back-off {delay} restarting failed container={work.name} pod={where}"
        )
        message = f"Back-off restarting failed container {work.name} in pod {where}"
        path = field_path(pod, work.name)
        self.recorder.warning(pod, "BackOff", message, field_path=path)

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
        self.configs.release(uid)
        self._volumes.release(pod)
        self._images.forget(pod)

    def _status_of(self, pod: Pod) -> PodStatus | None:
        state = self.states.get(pod.metadata.uid)
        if state is None:
            return None
        return compute_status(pod, state, node=self._facts, now=self.loop.now)

    def _issue_token(self, pod: Pod, audience: str, seconds: int) -> PodToken:
        issued = self.client.create_token(
            pod.spec.service_account_name or "default",
            namespace=pod.metadata.namespace,
            audiences=(audience,) if audience else (),
            expiration_seconds=seconds,
            pod=pod,
        )
        return PodToken(text=issued.token, issued_at=self.loop.now, expires_at=issued.expires)

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

    def _find(self, target: ProbeTarget) -> tuple[Pod, PodState, ContainerWork] | None:
        """The pod and the container of *target*, if that run is the present one."""
        pod, state = self.pods.get(target.pod_uid), self.states.get(target.pod_uid)
        if pod is None or state is None:
            return None
        work = state.work(target.container.name)
        record = work.current
        if record is None or not record.is_running or record.container_id != target.container_id:
            return None
        return pod, state, work

    def _probed(self, target: ProbeTarget, kind: str, success: bool) -> None:  # noqa: FBT001 - a Verdict
        found = self._find(target)
        if found is None:
            return
        pod, state, work = found
        if kind == READINESS:
            work.is_ready = success
        elif kind == STARTUP and success:
            work.has_started = True
        elif kind in {STARTUP, LIVENESS} and not success:
            container = target.container
            probe = container.startup_probe if kind == STARTUP else container.liveness_probe
            own = probe.termination_grace_period_seconds if probe is not None else None
            grace = grace_of(pod, state) if own is None else float(own)
            message = f"Container {work.name} failed {kind} probe, will be restarted"
            self._killer.kill(pod, state, work, message=message, grace=grace)
        self._queue.add(target.pod_uid)

    def _complain(self, target: ProbeTarget, kind: str, message: str) -> None:
        found = self._find(target)
        if found is not None:
            pod, _, work = found
            said = f"{kind.capitalize()} probe failed: {message}"
            self.recorder.warning(pod, "Unhealthy", said, field_path=field_path(pod, work.name))

    def _kill_for_hook(self, pod: Pod, state: PodState, work: ContainerWork, message: str) -> None:
        self._killer.kill(pod, state, work, message=message, grace=grace_of(pod, state))

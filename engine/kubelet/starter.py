"""Starts containers: image, configuration, start, post-start hook, probes.

Source: startContainer, kuberuntime_container.go, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Mapping

import attrs

from engine.api.container import Container
from engine.api.core import Service
from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri.events import CheckFinished
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.kubelet.checks import CheckRunner, make_hook_check
from engine.kubelet.config_source import ConfigSource, MissingConfigError
from engine.kubelet.crash_backoff import next_delay
from engine.kubelet.downward import PodFacts
from engine.kubelet.environment import build_process
from engine.kubelet.images import field_path
from engine.kubelet.pod_state import ContainerWork, PodState, Step, find_container
from engine.kubelet.prober import Prober, ProbeTarget
from engine.kubelet.specs import start_command
from engine.kubelet.volumes.manager import VolumeManager

CONFIG_RETRY_SECONDS = 10.0
HOOK_SECONDS = 86_400.0  # in Kubernetes a hook may take any time
FAILED_MOUNT = "FailedMount"
CONFIG_ERROR = "CreateContainerConfigError"

KillIt = Callable[[Pod, PodState, ContainerWork, str], None]
"""Called with (pod, state, work, message) when a hook has failed."""


@attrs.define(eq=False, kw_only=True)
class Starter:
    """Starts one container at a time; what comes of it arrives as runtime events."""

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    configs: ConfigSource
    volumes: VolumeManager
    services: Callable[[], Iterable[Service]]
    checks: CheckRunner
    prober: Prober
    kill: KillIt
    allocatable: Callable[[], Mapping[str, str]]
    node_ip: str = ""
    is_stopped: bool = attrs.field(default=False, init=False)

    def facts(self, state: PodState) -> PodFacts:
        """What a container may ask about itself."""
        return PodFacts(
            pod_ip=state.ip,
            host_ip=self.node_ip,
            allocatable=self.allocatable(),
        )

    def mount(self, pod: Pod, state: PodState) -> bool:
        """Prepare the pod's volumes; False, with an Event, if one of them cannot be had."""
        return self.volumes.mount(pod, state, self.facts(state))

    def refresh_volumes(self, pod: Pod, state: PodState) -> None:
        """Give the runtime the content that has changed since the volumes were mounted."""
        self.volumes.refresh(pod, state, self.facts(state))

    def start(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        """Start the container, whose image is there."""
        container = find_container(pod, work.name)
        if container is None:
            return
        if state.resize_reason and work.allocated is not None:
            container = attrs.evolve(container, resources=work.allocated)
        try:
            process = build_process(
                pod,
                container,
                services=self.services(),
                configs=self.configs,
                facts=self.facts(state),
            )
            command = start_command(
                pod,
                container,
                state.identity,
                sandbox_id=state.sandbox_id,
                attempt=work.next_attempt,
                process=process,
                volumes=state.volumes,
                image_user=work.image_user,
            )
        except MissingConfigError as error:
            self.refuse(pod, work, CONFIG_ERROR, str(error))
            return
        if work.current is not None:
            work.crash_delay = next_delay(work)
            work.crash_updated = self.loop.now
        target = state.containers.get(container.target_container_name)
        if target is not None and target.current is not None and target.is_running:
            command = attrs.evolve(command, join_process_of=target.current.container_id)
        work.allocated = work.actual = container.resources
        work.resize_error = ""
        work.step = Step.STARTING
        work.wanted_image = container.image
        work.is_backing_off = False
        self.runtime.submit(command)

    def refuse(
        self, pod: Pod, work: ContainerWork, reason: str, message: str, *, is_made: bool = False
    ) -> None:
        """The container cannot be started now; try again later. It may have been made already."""
        work.step = Step.NONE
        work.retry_at = self.loop.now + CONFIG_RETRY_SECONDS
        if reason == FAILED_MOUNT:
            work.waiting_reason = work.waiting_message = ""
            self.recorder.warning(pod, FAILED_MOUNT, message)
            return
        work.waiting_reason, work.waiting_message = reason, message
        path = field_path(pod, work.name)
        if is_made:
            self._tell_created(pod, work)
        self.recorder.warning(pod, "Failed", f"Error: {message}", field_path=path)

    def started(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        """The container runs: run its hook, then its probes."""
        path = field_path(pod, work.name)
        self._tell_created(pod, work)
        self.recorder.normal(pod, "Started", f"Started container {work.name}", field_path=path)
        container = find_container(pod, work.name)
        record = work.current
        if container is None or record is None:
            return
        hook = container.lifecycle.post_start if container.lifecycle else None
        if hook is None:
            self.begin_probes(pod, container, work)
            return
        work.is_hooked = True
        if hook.sleep is not None:
            seconds = float(hook.sleep.seconds)
            self.loop.call_later(
                seconds, self._after_hook, pod, container, work, record.container_id
            )
            return
        check = make_hook_check(container, hook)
        if check is None:
            self._hook_failed(pod, state, work, f"Cannot run handler: invalid handler: {hook}")
            return

        def answer(event: CheckFinished) -> None:
            if event.success:
                self._after_hook(pod, container, work, record.container_id)
            elif work.current is not None and work.current.container_id == record.container_id:
                self._hook_failed(pod, state, work, event.message)

        self.checks.run(record.container_id, check, timeout=HOOK_SECONDS, answer=answer)

    def _hook_failed(self, pod: Pod, state: PodState, work: ContainerWork, why: str) -> None:
        """The container is killed; until it is tried again its status says why."""
        path = field_path(pod, work.name)
        self.recorder.warning(pod, "FailedPostStartHook", "PostStartHook failed", field_path=path)
        work.waiting_reason, work.waiting_message = "PostStartHookError", why
        self.kill(pod, state, work, "FailedPostStartHook")

    def _tell_created(self, pod: Pod, work: ContainerWork) -> None:
        message = f"Created container: {work.name}"
        self.recorder.normal(pod, "Created", message, field_path=field_path(pod, work.name))

    def begin_probes(
        self, pod: Pod, container: Container, work: ContainerWork, *, has_started: bool = False
    ) -> None:
        """Probe the container; what is not probed for is taken as given."""
        assert work.current is not None
        work.is_hooked = False
        work.has_started = has_started or container.startup_probe is None
        if container.readiness_probe is None:
            work.is_ready = True
        if container.startup_probe or container.readiness_probe or container.liveness_probe:
            target = ProbeTarget(
                pod_uid=pod.metadata.uid,
                container=container,
                container_id=work.current.container_id,
                started_at=work.current.started_at,
            )
            self.prober.start(target, has_started=has_started)

    def _after_hook(
        self, pod: Pod, container: Container, work: ContainerWork, container_id: str
    ) -> None:
        record = work.current
        if self.is_stopped or record is None or not record.is_running:
            return
        if record.container_id == container_id:
            self.begin_probes(pod, container, work)
            self.prober.verdict(
                ProbeTarget(
                    pod_uid=pod.metadata.uid,
                    container=container,
                    container_id=container_id,
                    started_at=record.started_at,
                ),
                "hook",
                True,  # noqa: FBT003 - a callback's third argument
            )

"""Has done what was decided about a pod: its sandbox and its containers come and go.

Source: SyncPod, kuberuntime_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable

import attrs

from engine.api.evolution import evolve
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.cri.commands import RemoveSandbox, StopSandbox
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.crash_backoff import format_seconds
from engine.kubelet.images import ImageManager, field_path
from engine.kubelet.killer import Killer, grace_of
from engine.kubelet.pleg import SANDBOX_RETRY_SECONDS
from engine.kubelet.pod_actions import PodActions
from engine.kubelet.pod_state import ContainerWork, PodState, SandboxStep, find_container
from engine.kubelet.refusal import check_users, runtime_handler
from engine.kubelet.specs import DnsSettings, sandbox_command
from engine.kubelet.starter import Starter

MOUNT_RETRY_SECONDS = 10.0
PENDING_RETRY_SECONDS = 0.5


@attrs.define(eq=False, kw_only=True)
class PodEffects:
    """Carries out the actions of one pass over a pod; what comes of them are runtime events.

    *sync_after* asks for another pass over the pod of that uid in so many seconds.
    """

    loop: Loop
    client: Client
    runtime: Runtime
    recorder: EventRecorder
    killer: Killer
    starter: Starter
    images: ImageManager
    dns: DnsSettings
    sync_after: Callable[[str, float], object]

    def carry_out(self, pod: Pod, state: PodState, actions: PodActions) -> float:
        """Begin all of *actions*; when the pod is to be looked at again, infinite for never."""
        state.is_initialized = actions.is_initialized
        wake_at = actions.wake_at
        for kill in actions.kill:
            work = state.work(kill.name)
            grace = grace_of(pod, state, now=self.loop.now)
            self.killer.kill(pod, state, work, message=kill.message, grace=grace)
        if actions.create_sandbox or actions.start:
            if not self.starter.mount(pod, state):
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
                self.images.back_off(pod, work, container.image)
        if actions.remove_sandbox:
            self.remove_sandbox(state)
        return wake_at

    def stop_sandbox(self, state: PodState) -> None:
        """Give back what a pod that has ended holds; what its containers have left stays."""
        state.sandbox = SandboxStep.STOPPING
        self.runtime.submit(StopSandbox(sandbox_id=state.sandbox_id))

    def remove_sandbox(self, state: PodState) -> None:
        """Let a pod's sandbox go, with all that is in it."""
        state.sandbox = SandboxStep.REMOVING
        self.runtime.submit(RemoveSandbox(sandbox_id=state.sandbox_id))

    def _create_sandbox(self, pod: Pod, state: PodState) -> None:
        try:
            handler = runtime_handler(pod, self.client)
            check_users(pod, handler, self.runtime.info())
            command = sandbox_command(
                pod, state.identity, attempt=state.sandbox_attempt, dns=self.dns
            )
        except (MissingConfigError, ApiError) as error:
            state.sandbox_retry_at = self.loop.now + SANDBOX_RETRY_SECONDS
            message = f"Failed to create pod sandbox: {error}"
            self.recorder.warning(pod, "FailedCreatePodSandBox", message)
            self.sync_after(state.identity.uid, SANDBOX_RETRY_SECONDS)
            return
        command = evolve(command, runtime_handler=handler)
        state.sandbox = SandboxStep.CREATING
        state.sandbox_attempt += 1
        self.runtime.submit(command)

    def _pull(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        container = find_container(pod, work.name)
        if container is not None:
            self.images.ensure(pod, container, work, state.identity)

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

"""Ends containers: pre-stop hook, SIGTERM, and SIGKILL when the grace period is over.

Source: killContainer, kuberuntime_container.go, kubernetes v1.34.
"""

import attrs

from engine.api.container import Container, LifecycleHandler
from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri.commands import StopContainer
from engine.cri.events import CheckFinished
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.kubelet.checks import CheckRunner, make_hook_check
from engine.kubelet.images import field_path
from engine.kubelet.pod_state import ContainerWork, PodState, Step, find_container
from engine.kubelet.static_pods import is_static

DEFAULT_GRACE_SECONDS = 30.0
LEAST_GRACE_SECONDS = 2.0


def grace_of(pod: Pod, state: PodState, *, now: float | None = None) -> float:
    """How many seconds the pod's containers get to end.

    Given the time *now*, what is left of a deleted pod's period: those that are stopped last
    (side-cars) do not get all of it again.
    """
    if state.grace_override is not None:
        return state.grace_override
    meta = pod.metadata
    if state.is_gone and not is_static(pod):
        return LEAST_GRACE_SECONDS
    if meta.deletion_timestamp is not None and meta.deletion_grace_period_seconds is not None:
        grace = float(meta.deletion_grace_period_seconds)
        if now is None or not grace:
            return grace
        return max(LEAST_GRACE_SECONDS, min(grace, meta.deletion_timestamp - now))
    given = pod.spec.termination_grace_period_seconds
    if given is None:
        return DEFAULT_GRACE_SECONDS
    # Less than nothing is accepted and means one second, as in calculateEffectiveGracePeriod.
    return 1.0 if given < 0 else float(given)


@attrs.define(eq=False)
class Killer:
    """Stops containers, once each; a shorter grace period replaces a longer one."""

    loop: Loop
    runtime: Runtime
    checks: CheckRunner
    recorder: EventRecorder
    is_stopped: bool = attrs.field(default=False, init=False)

    def kill(
        self, pod: Pod, state: PodState, work: ContainerWork, *, message: str, grace: float
    ) -> None:
        """Stop a running container within *grace* seconds."""
        record = work.current
        if record is None or not record.is_running or work.step is Step.STOPPING:
            return
        work.step = Step.STOPPING
        work.stop_deadline = self.loop.now + grace
        self.recorder.normal(pod, "Killing", message, field_path=field_path(pod, work.name))
        container = find_container(pod, work.name)
        hook = container.lifecycle.pre_stop if container and container.lifecycle else None
        if container is None or hook is None or grace <= 0 or state.is_gone:
            self._stop(work, record.container_id)
            return
        self._run_hook(pod, container, hook, work, grace)

    def shorten(self, work: ContainerWork, grace: float) -> None:
        """Give a container that is being stopped only *grace* more seconds."""
        deadline = self.loop.now + grace
        if work.step is Step.STOPPING and work.current and deadline < work.stop_deadline:
            work.stop_deadline = deadline
            command = StopContainer(container_id=work.current.container_id, grace=grace)
            self.runtime.submit(command)

    def _run_hook(
        self,
        pod: Pod,
        container: Container,
        hook: LifecycleHandler,
        work: ContainerWork,
        grace: float,
    ) -> None:
        assert work.current is not None
        container_id = work.current.container_id
        if hook.sleep is not None:
            seconds = min(float(hook.sleep.seconds), grace)
            self.loop.call_later(seconds, self._stop_after_hook, work, container_id)
            return
        check = make_hook_check(container, hook)
        if check is None:
            self._tell_failed(pod, work)
            self._stop_after_hook(work, container_id)
            return

        def answer(event: CheckFinished) -> None:
            is_late = self.loop.now >= work.stop_deadline
            if not event.success and not is_late:
                self._tell_failed(pod, work)
            self._stop_after_hook(work, container_id)

        self.checks.run(container_id, check, timeout=grace, answer=answer)

    def _tell_failed(self, pod: Pod, work: ContainerWork) -> None:
        path = field_path(pod, work.name)
        self.recorder.warning(pod, "FailedPreStopHook", "PreStopHook failed", field_path=path)

    def _stop_after_hook(self, work: ContainerWork, container_id: str) -> None:
        """Stop it with what the hook has left of its time, if only a little."""
        work.stop_deadline = max(work.stop_deadline, self.loop.now + LEAST_GRACE_SECONDS)
        self._stop(work, container_id)

    def _stop(self, work: ContainerWork, container_id: str) -> None:
        record = work.current
        if self.is_stopped or record is None or not record.is_running:
            return
        if record.container_id != container_id:
            return
        left = work.stop_deadline - self.loop.now
        grace = max(left, LEAST_GRACE_SECONDS) if left > 0 else 0.0
        self.runtime.submit(StopContainer(container_id=container_id, grace=grace))

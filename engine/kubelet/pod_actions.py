"""What to do about a pod now: a pure function of its specification and its state.

Source: computePodActions, kuberuntime_manager.go, kubernetes v1.34.
"""

from math import inf

import attrs

from engine.api.container import Container
from engine.api.pod import Pod
from engine.kubelet.crash_backoff import restart_time
from engine.kubelet.pod_state import (
    ContainerWork,
    PodState,
    SandboxStep,
    Step,
    is_sidecar,
    is_terminal,
)

UNDER_WAY = {SandboxStep.CREATING, SandboxStep.STOPPING, SandboxStep.REMOVING}


@attrs.frozen(kw_only=True)
class Backoff:
    """A container that waits before it is started again."""

    name: str
    until: float


@attrs.frozen(kw_only=True)
class Kill:
    """A container to stop, and why as its Killing event says it."""

    name: str
    message: str


@attrs.frozen(kw_only=True)
class PodActions:
    """What to do, all at once; an empty value means that all is as it should be.

    Attributes:
        start: containers to start (pulling their image first).
        backoffs: containers in CrashLoopBackOff.
        wake_at: when to look again if nothing happens; infinite for never.
        stop_sandbox: everything has ended for good; what the pod held is given back.
        remove_sandbox: everything has ended and must go.
        finish: nothing is left; the object may go from the API.
    """

    create_sandbox: bool = False
    start: tuple[str, ...] = ()
    kill: tuple[Kill, ...] = ()
    backoffs: tuple[Backoff, ...] = ()
    stop_sandbox: bool = False
    remove_sandbox: bool = False
    finish: bool = False
    is_initialized: bool = False
    wake_at: float = inf


def compute_pod_actions(pod: Pod, state: PodState, *, now: float) -> PodActions:
    """What brings *state* closer to what *pod* asks for."""
    if must_end(pod, state):
        return _end(pod, state)
    plan = _Plan(pod, state, now)
    plan.start_ephemeral()
    plan.initialize()
    if plan.is_initialized:
        for container in pod.spec.containers:
            plan.keep_running(container, restart_policy(pod, container))
            if plan.has_hook_ahead(container):
                break
        if _is_complete(pod, state):
            kill = (*_kill_ephemeral(pod, state), *_kill_sidecars(pod, state))
            is_over = not kill and not state.is_anything_running
            stop = is_over and state.sandbox is SandboxStep.READY
            return PodActions(kill=kill, stop_sandbox=stop, is_initialized=True)
    needs_sandbox = bool(plan.start) and state.sandbox is not SandboxStep.READY
    start = () if needs_sandbox else tuple(plan.start)
    create = needs_sandbox and state.sandbox is SandboxStep.ABSENT
    if create and now < state.sandbox_retry_at:
        create, plan.wake_at = False, min(plan.wake_at, state.sandbox_retry_at)
    return PodActions(
        create_sandbox=create,
        start=start,
        kill=tuple(plan.kill),
        backoffs=tuple(plan.backoffs),
        remove_sandbox=needs_sandbox and state.sandbox is SandboxStep.STOPPED,
        is_initialized=plan.is_initialized,
        wake_at=min(plan.wake_at, _deadline(pod, state)),
    )


def must_end(pod: Pod, state: PodState) -> bool:
    """Whether nothing of the pod may run any more."""
    return (
        state.is_gone
        or pod.metadata.deletion_timestamp is not None
        or bool(state.failed_reason)
        or is_terminal(pod)
    )


def _end(pod: Pod, state: PodState) -> PodActions:
    running = [work for work in state.containers.values() if work.is_running]
    # Side-cars outlive the containers they serve, and end in the reverse of their order.
    sidecars = [item.name for item in reversed(pod.spec.init_containers) if is_sidecar(item)]
    last = next((name for name in sidecars if state.work(name).is_running), "")
    others = [work for work in running if work.name not in sidecars]
    first = others or [work for work in running if work.name == last]
    kill = tuple(
        Kill(name=work.name, message=f"Stopping container {work.name}")
        for work in first
        if work.step is not Step.STOPPING
    )
    if state.is_anything_running or state.sandbox in UNDER_WAY:
        return PodActions(kill=kill, is_initialized=state.is_initialized)
    is_leaving = state.is_gone or pod.metadata.deletion_timestamp is not None
    return PodActions(
        stop_sandbox=not is_leaving and state.sandbox is SandboxStep.READY,
        remove_sandbox=is_leaving and state.sandbox in {SandboxStep.READY, SandboxStep.STOPPED},
        finish=is_leaving and state.sandbox is SandboxStep.ABSENT,
        is_initialized=state.is_initialized,
    )


def _is_complete(pod: Pod, state: PodState) -> bool:
    """Whether every container has ended and none will be started again."""
    for container in pod.spec.containers:
        work = state.containers.get(container.name)
        if work is None or work.current is None or work.is_running or work.step is not Step.NONE:
            return False
        if should_restart(work, restart_policy(pod, container), container):
            return False
    return bool(pod.spec.containers)


def _kill_ephemeral(pod: Pod, state: PodState) -> tuple[Kill, ...]:
    """The ephemeral containers that still run: a pod does not wait for them."""
    works = (state.containers.get(item.name) for item in pod.spec.ephemeral_containers)
    return tuple(
        Kill(name=work.name, message=f"Stopping container {work.name}")
        for work in works
        if work is not None and work.is_running and work.step is not Step.STOPPING
    )


def _kill_sidecars(pod: Pod, state: PodState) -> tuple[Kill, ...]:
    """The last side-car that still runs: the others follow when it has ended."""
    for item in reversed(pod.spec.init_containers):
        work = state.containers.get(item.name)
        if not is_sidecar(item) or work is None or not work.is_running:
            continue
        if work.step is Step.STOPPING:
            return ()
        return (Kill(name=item.name, message=f"Stopping container {item.name}"),)
    return ()


def restart_policy(pod: Pod, container: Container) -> str:
    """The container's own policy, else the pod's."""
    return container.restart_policy or pod.spec.restart_policy or "Always"


def should_restart(work: ContainerWork, policy: str, container: Container | None = None) -> bool:
    """Whether a container that has ended is to be started again.

    The first of its own rules that its exit code matches decides, before its policy.
    """
    if work.current is None:
        return True
    for rule in container.extra.get("restartPolicyRules", ()) if container is not None else ():
        codes = rule.get("exitCodes", {})
        is_in = work.current.exit_code in codes.get("values", ())
        if is_in == (codes.get("operator") == "In"):
            return str(rule.get("action")) == "Restart"
    if policy == "Always":
        return True
    return policy == "OnFailure" and work.current.exit_code != 0


def _deadline(pod: Pod, state: PodState) -> float:
    seconds = pod.spec.active_deadline_seconds
    if seconds is None or not state.start_time:
        return inf
    return state.start_time + seconds


@attrs.define(eq=False)
class _Plan:
    """Collects what a walk over the containers finds."""

    pod: Pod
    state: PodState
    now: float
    start: list[str] = attrs.field(factory=list)
    kill: list[Kill] = attrs.field(factory=list)
    backoffs: list[Backoff] = attrs.field(factory=list)
    wake_at: float = inf
    is_initialized: bool = False

    def start_ephemeral(self) -> None:
        """Start the ephemeral containers that have not run yet, in a pod that is there already."""
        if self.state.sandbox is not SandboxStep.READY:
            return
        for container in self.pod.spec.ephemeral_containers:
            work = self.state.work(container.name)
            if work.current is None and work.previous is None and work.step is Step.NONE:
                self._start_in_time(work)

    def initialize(self) -> None:
        """Walk the init containers in order, up to the first that is not done."""
        policy = self.pod.spec.restart_policy or "Always"
        was_initialized = self.state.is_initialized
        for container in self.pod.spec.init_containers:
            work = self.state.work(container.name)
            if is_sidecar(container):
                self.keep_running(container, "Always")
                if not (was_initialized or (work.is_running and work.has_started)):
                    return
            elif not was_initialized and not self._has_run(container, work, policy):
                return
        self.is_initialized = True

    def keep_running(self, container: Container, policy: str) -> None:
        """Start the container if it should run and does not; stop it if it is outdated."""
        work = self.state.work(container.name)
        if work.step is not Step.NONE:
            return
        if work.is_running:
            if work.wanted_image and work.wanted_image != container.image:
                message = f"Container {container.name} definition changed, will be restarted"
                self.kill.append(Kill(name=container.name, message=message))
            return
        if work.current is not None and not should_restart(work, policy, container):
            return
        self._start_in_time(work)

    def has_hook_ahead(self, container: Container) -> bool:
        """Whether a post-start hook has yet to be done, for which the next containers wait."""
        if container.lifecycle is None or container.lifecycle.post_start is None:
            return False
        work = self.state.work(container.name)
        is_coming = work.name in self.start or work.step in {Step.PULLING, Step.STARTING}
        return is_coming or work.is_hooked

    def _has_run(self, container: Container, work: ContainerWork, policy: str) -> bool:
        if work.is_running or work.step is not Step.NONE:
            return False
        if work.current is not None:
            if work.current.exit_code == 0:
                return True
            # An init container starts again unless it must not; a policy of its own counts.
            kept = "Never" if policy == "Never" else "OnFailure"
            if not should_restart(work, container.restart_policy or kept, container):
                return False
        self._start_in_time(work)
        return False

    def _start_in_time(self, work: ContainerWork) -> None:
        until = max(work.retry_at, restart_time(work))
        if self.now < until:
            self.wake_at = min(self.wake_at, until)
            if work.retry_at <= self.now:
                self.backoffs.append(Backoff(name=work.name, until=until))
            return
        self.start.append(work.name)

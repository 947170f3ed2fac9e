"""What a kubelet makes of what it finds at its start: containers to adopt, runs that were lost."""

from engine.api.container import ContainerStatus
from engine.api.pod import Pod
from engine.cri.status import ObservedContainer, ObservedSandbox
from engine.kubelet.pod_state import ContainerRecord, PodState, SandboxStep

LOST_EXIT_CODE = 137
LOST_REASON = "ContainerStatusUnknown"
LOST_MESSAGE = (
    "The container could not be located when the pod was deleted.  The container used to be Running"
)


def adopt(sandbox: ObservedSandbox) -> PodState:
    """The state of a pod whose sandbox is there already."""
    state = PodState(
        identity=sandbox.pod,
        sandbox=SandboxStep.STOPPED if sandbox.is_stopped else SandboxStep.READY,
        sandbox_id=sandbox.sandbox_id,
        sandbox_attempt=sandbox.attempt,
        ip=sandbox.ip,
    )
    for container in sorted(sandbox.containers, key=lambda item: item.attempt):
        work = state.work(container.name)
        work.previous, work.current = work.current, _record(container)
        work.wanted_image = container.image
    return state


def take_over_status(pod: Pod, state: PodState) -> None:
    """Complete *state* with what only the pod's status still knows.

    Runs that the status knows and the runtime does not are lost: they count as ended, and their
    numbers are not used again.
    """
    state.start_time = pod.status.start_time or 0.0
    mains = {container.name for container in pod.spec.containers}
    state.is_initialized = any(name in mains for name in state.containers)
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    for status in statuses:
        work = state.work(status.name)
        if work.current is not None:
            if work.is_running:
                work.has_started = bool(status.started)
                work.image_user = _user(status)
                work.is_ready = status.ready
                image = _spec_image(pod, status.name)
                work.wanted_image = image
            continue
        if not status.container_id:
            continue
        record = _lost(status)
        if pod.spec.restart_policy == "Never" and status.name in mains:
            work.current = record
        else:
            work.previous = record
            work.first_attempt = status.restart_count + 1


def _spec_image(pod: Pod, name: str) -> str:
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        if container.name == name:
            return container.image
    return ""


def _user(status: ContainerStatus) -> str:
    """As whom it was started, as far as the status tells: a number, or empty for root."""
    linux = status.extra.get("user", {}).get("linux", {})
    user = linux.get("uid", 0)
    return str(user) if user else ""


def _record(container: ObservedContainer) -> ContainerRecord:
    return ContainerRecord(
        attempt=container.attempt,
        container_id=container.container_id,
        image=container.image,
        image_id=container.image_id,
        started_at=container.started_at,
        is_running=container.state == "running",
        finished_at=container.finished_at,
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
        message=container.message,
        user=container.user,
        stop_signal=container.stop_signal,
    )


def _lost(status: ContainerStatus) -> ContainerRecord:
    ended = status.state.terminated or status.last_state.terminated
    was_running = status.state.running is not None
    container_id = status.container_id.partition("://")[2]
    if ended is None or was_running:
        running = status.state.running
        return ContainerRecord(
            attempt=status.restart_count,
            container_id=container_id,
            image=status.image,
            image_id=status.image_id,
            started_at=(running.started_at if running else None) or 0.0,
            is_running=False,
            exit_code=LOST_EXIT_CODE,
            reason=LOST_REASON,
            message=LOST_MESSAGE,
        )
    return ContainerRecord(
        attempt=status.restart_count,
        container_id=container_id,
        image=status.image,
        image_id=status.image_id,
        started_at=ended.started_at or 0.0,
        is_running=False,
        finished_at=ended.finished_at or 0.0,
        exit_code=ended.exit_code,
        signal=ended.signal,
        reason=ended.reason,
        message=ended.message,
    )

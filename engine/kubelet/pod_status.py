"""A pod's status out of what the kubelet knows: a pure function.

Source: kubelet_pods.go (generateAPIPodStatus, getPhase) and status/generate.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.container import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
)
from engine.api.meta import Condition, condition_of, is_true
from engine.api.pod import Pod, PodIP, PodStatus
from engine.api.quantity import parse
from engine.api.wire import Time
from engine.kubelet.pod_actions import must_end, should_restart
from engine.kubelet.pod_state import (
    ContainerRecord,
    ContainerWork,
    PodState,
    SandboxStep,
    Step,
    is_sidecar,
    is_terminal,
)

OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@attrs.frozen(kw_only=True)
class NodeFacts:
    """What a status says of the node: its address, and how the runtime calls itself."""

    host_ip: str = ""
    runtime: str = "simulated"


def compute_status(pod: Pod, state: PodState, *, node: NodeFacts, now: float) -> PodStatus:
    """What the status of *pod* should be, given what it is.

    Conditions of others and everything that is carried stay as they are; a condition that does
    not change keeps its time. A pod that has ended for good keeps its phase.
    """
    has_init = bool(pod.spec.init_containers)
    mains = tuple(
        container_status(pod, item, state, node=node, is_init=False, has_init=has_init)
        for item in pod.spec.containers
    )
    inits = tuple(
        container_status(pod, item, state, node=node, is_init=True, has_init=has_init)
        for item in pod.spec.init_containers
    )
    phase = pod.status.phase if is_terminal(pod) else _phase(pod, state, mains, inits)
    ip = state.ip if state.sandbox is SandboxStep.READY else ""
    if not ip and phase in {"Succeeded", "Failed"}:
        ip = pod.status.pod_ip
    ips = () if not ip else pod.status.pod_ips if pod.status.pod_ip == ip else (PodIP(ip=ip),)
    return attrs.evolve(
        pod.status,
        phase=phase,
        conditions=_conditions(pod, state, phase, mains, inits, whole(now)),
        reason=state.failed_reason or pod.status.reason,
        message=state.failed_message or pod.status.message,
        host_ip=node.host_ip,
        pod_ip=ip,
        pod_ips=ips,
        start_time=pod.status.start_time or whole(state.start_time or now),
        container_statuses=mains,
        init_container_statuses=inits,
        qos_class=pod.status.qos_class or qos_class(pod),
        observed_generation=pod.metadata.generation,
    )


def whole(seconds: float) -> Time:
    """A time as the API shows it: in whole seconds."""
    return Time(float(int(seconds)))


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of CPU and memory."""
    asked: list[tuple[str, str]] = []
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        limits, requests = container.resources.limits, container.resources.requests
        for name in ("cpu", "memory"):
            limit = limits.get(name, "")
            asked.append((requests.get(name, "") or limit, limit))
    set_ones = [(request, limit) for request, limit in asked if _positive(request, limit)]
    if not set_ones:
        return "BestEffort"
    is_guaranteed = len(set_ones) == len(asked) and all(
        request and limit and parse(request) == parse(limit) for request, limit in asked
    )
    return "Guaranteed" if is_guaranteed else "Burstable"


def container_status(
    pod: Pod,
    container: Container,
    state: PodState,
    *,
    node: NodeFacts,
    is_init: bool,
    has_init: bool,
) -> ContainerStatus:
    """The status of one container."""
    work = state.containers.get(container.name) or ContainerWork(name=container.name)
    record, last = work.current, work.previous
    if record is None:
        shown = ContainerState(waiting=_waiting(work, has_init=has_init))
    elif record.is_running:
        shown = ContainerState(running=ContainerStateRunning(started_at=whole(record.started_at)))
    elif work.waiting_reason and not must_end(pod, state):
        shown = ContainerState(waiting=_waiting(work, has_init=has_init))
        last = record
    else:
        shown = ContainerState(terminated=_terminated(record, node))
    is_running = record is not None and record.is_running
    has_completed = record is not None and not record.is_running and record.exit_code == 0
    is_ready = is_running and work.is_ready and work.has_started
    counted = record or work.previous
    identified = record or work.previous
    return ContainerStatus(
        name=container.name,
        state=shown,
        last_state=ContainerState(terminated=_terminated(last, node)) if last else ContainerState(),
        ready=has_completed if is_init and not is_sidecar(container) else is_ready,
        restart_count=counted.attempt if counted else 0,
        image=container.image,
        image_id=identified.image_id if identified else "",
        container_id=_full_id(identified, node),
        started=is_running and work.has_started,
    )


def _waiting(work: ContainerWork, *, has_init: bool) -> ContainerStateWaiting:
    if work.waiting_reason:
        return ContainerStateWaiting(reason=work.waiting_reason, message=work.waiting_message)
    return ContainerStateWaiting(reason="PodInitializing" if has_init else "ContainerCreating")


def _terminated(record: ContainerRecord, node: NodeFacts) -> ContainerStateTerminated:
    reason = record.reason
    if not reason:
        if record.oom_killed:
            reason = "OOMKilled"
        else:
            reason = "Completed" if record.exit_code == 0 else "Error"
    return ContainerStateTerminated(
        exit_code=record.exit_code,
        signal=record.signal,
        reason=reason,
        message=record.message,
        started_at=whole(record.started_at) if record.started_at else None,
        finished_at=whole(record.finished_at) if record.finished_at else None,
        container_id=_full_id(record, node),
    )


def _full_id(record: ContainerRecord | None, node: NodeFacts) -> str:
    if record is None or not record.container_id:
        return ""
    return f"{node.runtime}://{record.container_id}"


def _phase(
    pod: Pod,
    state: PodState,
    mains: tuple[ContainerStatus, ...],
    inits: tuple[ContainerStatus, ...],
) -> str:
    if state.failed_reason:
        return "Failed"
    policy = pod.spec.restart_policy or "Always"
    has_ended = _has_ended(mains)
    if must_end(pod, state) and has_ended and not state.is_anything_running:
        is_clean = all(_exit_code(status) == 0 for status in mains)
        return "Succeeded" if is_clean else "Failed"
    if not state.is_initialized and not has_ended:
        failed = any(
            _exit_code(status) not in {0, None}
            for item, status in zip(pod.spec.init_containers, inits, strict=True)
            if not is_sidecar(item)
        )
        return "Failed" if failed and policy == "Never" else "Pending"
    return _running_phase(state, mains, policy)


def _running_phase(state: PodState, mains: tuple[ContainerStatus, ...], policy: str) -> str:
    if any(status.state.waiting and not status.last_state.terminated for status in mains):
        return "Pending"
    if any(status.state.running for status in mains):
        return "Running"
    is_over = all(
        state.work(status.name).step is Step.NONE
        and not should_restart(state.work(status.name), policy)
        for status in mains
    )
    if not is_over:
        return "Running"
    return "Succeeded" if all(_exit_code(status) == 0 for status in mains) else "Failed"


def _has_ended(mains: tuple[ContainerStatus, ...]) -> bool:
    return bool(mains) and all(_exit_code(status) is not None for status in mains)


def _exit_code(status: ContainerStatus) -> int | None:
    ended = status.state.terminated or (
        status.last_state.terminated if status.state.waiting else None
    )
    return ended.exit_code if ended else None


def _conditions(
    pod: Pod,
    state: PodState,
    phase: str,
    mains: tuple[ContainerStatus, ...],
    inits: tuple[ContainerStatus, ...],
    now: Time,
) -> tuple[Condition, ...]:
    old = pod.status.conditions
    containers_ready = _containers_ready(pod, phase, mains)
    wanted = (
        _claim("PodReadyToStartContainers", state.sandbox is SandboxStep.READY),
        _initialized(pod, state, phase, inits),
        _ready(pod, containers_ready),
        containers_ready,
    )
    generation = pod.metadata.generation
    new = tuple(
        _dated(attrs.evolve(item, observed_generation=generation), old, now) for item in wanted
    )
    return new + tuple(item for item in old if item.type not in OWN_CONDITIONS)


def _dated(new: Condition, old: Iterable[Condition], now: Time) -> Condition:
    known = condition_of(tuple(old), new.type)
    since = now if known is None or known.status != new.status else known.last_transition_time
    return attrs.evolve(new, last_transition_time=since)


def _claim(type_: str, holds: bool, reason: str = "", message: str = "") -> Condition:  # noqa: FBT001 - a truth
    if holds:
        return Condition(type=type_, status="True", reason=reason)
    return Condition(type=type_, status="False", reason=reason, message=message)


def _initialized(
    pod: Pod, state: PodState, phase: str, inits: tuple[ContainerStatus, ...]
) -> Condition:
    if phase == "Succeeded":
        return _claim("Initialized", holds=True, reason="PodCompleted" if inits else "")
    if state.is_initialized or not pod.spec.init_containers:
        return _claim("Initialized", holds=True)
    waiting = " ".join(status.name for status in inits if not status.ready)
    message = f"containers with incomplete status: [{waiting}]"
    return _claim("Initialized", holds=False, reason="ContainersNotInitialized", message=message)


def _containers_ready(pod: Pod, phase: str, mains: tuple[ContainerStatus, ...]) -> Condition:
    type_ = "ContainersReady"
    if phase == "Succeeded":
        return _claim(type_, holds=False, reason="PodCompleted")
    if phase == "Failed":
        return _claim(type_, holds=False, reason="PodFailed")
    unready = " ".join(status.name for status in mains if not status.ready)
    if unready or len(mains) != len(pod.spec.containers):
        message = f"containers with unready status: [{unready}]"
        return _claim(type_, holds=False, reason="ContainersNotReady", message=message)
    return _claim(type_, holds=True)


def _ready(pod: Pod, containers: Condition) -> Condition:
    if containers.status != "True":
        return attrs.evolve(containers, type="Ready")
    for gate in pod.spec.readiness_gates:
        type_ = str(gate.get("conditionType", ""))
        if not is_true(pod.status.conditions, type_):
            message = f'corresponding condition of pod readiness gate "{type_}" does not exist.'
            if condition_of(pod.status.conditions, type_) is not None:
                message = f'the status of pod readiness gate "{type_}" is not "True", but False'
            reason = "ReadinessGatesNotReady"
            return _claim("Ready", holds=False, reason=reason, message=message)
    return attrs.evolve(containers, type="Ready")


def _positive(*texts: str) -> bool:
    return any(text and parse(text) > 0 for text in texts)

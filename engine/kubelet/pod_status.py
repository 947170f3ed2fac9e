"""A pod's status out of what the kubelet knows: a pure function.

Source: kubelet_pods.go (generateAPIPodStatus, getPhase) and status/generate.go, kubernetes v1.34.
"""

from collections.abc import Iterable
from functools import lru_cache

from engine.api.container import ContainerStatus
from engine.api.evolution import evolve
from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import Condition, condition_of, is_true
from engine.api.pod import Pod, PodIP, PodStatus
from engine.api.qos import qos_class
from engine.api.wire import Json, Time
from engine.kubelet.container_status import NodeFacts, container_status, whole
from engine.kubelet.pod_actions import must_end, restart_policy, should_restart
from engine.kubelet.pod_state import PodState, SandboxStep, Step, is_sidecar, is_terminal

TERMINAL = ("Succeeded", "Failed")
OWN_CONDITIONS = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "PodResizePending",
    "PodResizeInProgress",
)


def compute_status(
    pod: Pod, state: PodState, *, node: NodeFacts, now: float, skew: float = 0.0
) -> PodStatus:
    """What the status of *pod* should be, given what it is; the node's clock is *skew* ahead.

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
    ephemeral = tuple(
        container_status(pod, item, state, node=node, is_init=False, has_init=False)
        for item in pod.spec.ephemeral_containers
    )
    phase = pod.status.phase if is_terminal(pod) else _phase(pod, state, mains, inits)
    is_ending = phase in TERMINAL and not is_terminal(pod) and state.is_anything_running
    if is_ending:  # not before the last container has ended
        phase = pod.status.phase or "Pending"
    if state.is_rejected:
        mains = inits = ()
    # A pod that has ended tells which address it had.
    ip = state.ip if state.sandbox is SandboxStep.READY or state.is_stopped else ""
    if not ip and phase in TERMINAL:
        ip = pod.status.pod_ip
    ips = () if not ip else pod.status.pod_ips if pod.status.pod_ip == ip else (PodIP(ip=ip),)
    return evolve(
        pod.status,
        phase=phase,
        conditions=_conditions(pod, state, phase, mains, inits, whole(now + skew)),
        reason=pod.status.reason if is_ending else state.failed_reason or pod.status.reason,
        message=pod.status.message if is_ending else state.failed_message or pod.status.message,
        host_ip=node.host_ip,
        pod_ip=ip,
        pod_ips=ips,
        start_time=pod.status.start_time or whole((state.start_time or now) + skew),
        container_statuses=mains,
        init_container_statuses=inits,
        ephemeral_container_statuses=ephemeral,
        qos_class=pod.status.qos_class or qos_class(pod.spec),
        observed_generation=pod.metadata.generation,
        extra=_with_host_ips(pod, node.host_ip),
    )


def _with_host_ips(pod: Pod, address: str) -> FrozenDict[str, Json]:
    extra = pod.status.extra
    if not address or "hostIPs" in extra:
        return extra
    return extra.with_items({"hostIPs": freeze([{"ip": address}])})


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
    return _running_phase(pod, state, mains)


def _running_phase(pod: Pod, state: PodState, mains: tuple[ContainerStatus, ...]) -> str:
    if any(status.state.waiting and not status.last_state.terminated for status in mains):
        return "Pending"
    if any(status.state.running for status in mains):
        return "Running"
    is_over = all(
        state.work(item.name).step is Step.NONE
        and not state.work(item.name).is_running
        and not should_restart(state.work(item.name), restart_policy(pod, item), item)
        for item in pod.spec.containers
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
    containers_ready = _containers_ready(pod, phase, mains, inits)
    wanted = (
        # The node of a pod that has ended needs its sandbox no more.
        _claim(
            "PodReadyToStartContainers",
            state.sandbox is SandboxStep.READY and phase not in TERMINAL,
        ),
        _initialized(pod, state, phase, inits),
        _ready(pod, containers_ready),
        containers_ready,
        _claim("PodScheduled", holds=True),  # whoever has placed it
        *_resizing(state),
        *_disruption(state),
    )
    generation = pod.metadata.generation
    new = tuple(_dated(item, old, now, generation) for item in wanted)
    own = {*OWN_CONDITIONS, *(item.type for item in new)}
    others = (item for item in old if item.type not in own)
    return (*new, *others)


def _disruption(state: PodState) -> Iterable[Condition]:
    """What is said of a pod that the node ended to have room."""
    if state.is_evicted:
        yield Condition(
            type="DisruptionTarget",
            status="True",
            reason="TerminationByKubelet",
            message=state.failed_message,
        )


def _resizing(state: PodState) -> Iterable[Condition]:
    """What is said while new resources have to wait, and while they are being given."""
    if state.resize_reason:
        yield Condition(
            type="PodResizePending",
            status="True",
            reason=state.resize_reason,
            message=state.resize_message,
        )
    works = state.containers.values()
    error = next((work.resize_error for work in works if work.resize_error), "")
    if error or any(work.is_resizing for work in works):
        yield Condition(
            type="PodResizeInProgress",
            status="True",
            reason="Error" if error else "",
            message=error,
        )


def _dated(new: Condition, old: tuple[Condition, ...], now: Time, generation: int) -> Condition:
    """*new* as of *generation*, dated by its last change; the old one itself if it says that."""
    known = condition_of(old, new.type)
    if known is None or known.status != new.status:
        return evolve(new, observed_generation=generation, last_transition_time=now)
    new = evolve(
        new, observed_generation=generation, last_transition_time=known.last_transition_time
    )
    return known if new == known else new


@lru_cache(maxsize=256)  # nearly all pods say the same
def _claim(type_: str, holds: bool, reason: str = "", message: str = "") -> Condition:  # noqa: FBT001 - a truth
    if holds:
        return Condition(type=type_, status="True", reason=reason)
    return Condition(type=type_, status="False", reason=reason, message=message)


def _initialized(
    pod: Pod, state: PodState, phase: str, inits: tuple[ContainerStatus, ...]
) -> Condition:
    if phase == "Succeeded":
        return _claim("Initialized", holds=True, reason="PodCompleted")
    if state.is_initialized or not pod.spec.init_containers:
        return _claim("Initialized", holds=True)
    waiting = " ".join(
        status.name
        for item, status in zip(pod.spec.init_containers, inits, strict=False)
        if not (status.started if is_sidecar(item) else status.ready)
    )
    message = f"containers with incomplete status: [{waiting}]"
    return _claim("Initialized", holds=False, reason="ContainersNotInitialized", message=message)


def _containers_ready(
    pod: Pod,
    phase: str,
    mains: tuple[ContainerStatus, ...],
    inits: tuple[ContainerStatus, ...],
) -> Condition:
    type_ = "ContainersReady"
    if phase == "Succeeded":
        return _claim(type_, holds=False, reason="PodCompleted")
    if phase == "Failed":
        return _claim(type_, holds=False, reason="PodFailed")
    pairs = zip(pod.spec.init_containers, inits, strict=False)
    sidecars = (status for item, status in pairs if is_sidecar(item))
    unready = " ".join(status.name for status in (*sidecars, *mains) if not status.ready)
    if unready or len(mains) != len(pod.spec.containers):
        message = f"containers with unready status: [{unready}]"
        return _claim(type_, holds=False, reason="ContainersNotReady", message=message)
    return _claim(type_, holds=True)


def _ready(pod: Pod, containers: Condition) -> Condition:
    if containers.status != "True":
        return evolve(containers, type="Ready")
    for gate in pod.spec.readiness_gates:
        type_ = str(gate.get("conditionType", ""))
        if not is_true(pod.status.conditions, type_):
            message = f'corresponding condition of pod readiness gate "{type_}" does not exist.'
            if condition_of(pod.status.conditions, type_) is not None:
                message = f'the status of pod readiness gate "{type_}" is not "True", but False'
            reason = "ReadinessGatesNotReady"
            return _claim("Ready", holds=False, reason=reason, message=message)
    return evolve(containers, type="Ready")

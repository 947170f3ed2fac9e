"""The columns of pods.

Source: printPod of pkg/printers/internalversion, kubernetes v1.34.
"""

from typing import Any

from engine.api.container import ContainerStatus
from engine.api.meta import condition_of, is_true
from engine.api.pod import Pod
from engine.apiserver.columns.column import Columns, age, columns


def pod_status(pod: Pod) -> tuple[str, int, int, float | None]:
    """What STATUS says of a pod, its ready containers, restarts, and when the last restart was."""
    status = pod.status
    scheduled = condition_of(status.conditions, "PodScheduled")
    is_gated = scheduled is not None and scheduled.reason == "SchedulingGated"
    reason = "SchedulingGated" if is_gated else status.reason or status.phase
    ready = restarts = kept_restarts = 0
    last: float | None = None
    kept_last: float | None = None
    initializing = False
    for index, init in enumerate(status.init_container_statuses):
        restarts += init.restart_count
        last = _later(last, init)
        is_sidecar = _is_sidecar(pod, init.name)
        if is_sidecar:
            kept_restarts += init.restart_count
            kept_last = _later(kept_last, init)
        found = _init_reason(init, index, pod)
        if found:
            reason, initializing = found, True
            break
        ready += is_sidecar and init.ready
    if not initializing or is_true(status.conditions, "Initialized"):
        restarts, last = kept_restarts, kept_last
        has_running = False
        for container in reversed(status.container_statuses):
            restarts += container.restart_count
            last = _later(last, container)
            reason = _reason(container) or reason
            if container.ready and container.state.running is not None:
                has_running = True
                ready += 1
        if reason == "Completed" and has_running:
            reason = "Running" if is_true(status.conditions, "Ready") else "NotReady"
    return _if_deleted(pod) or reason, ready, restarts, last


def _if_deleted(pod: Pod) -> str:
    """What STATUS says of a pod that is to go; empty of others, and of those that have ended."""
    if pod.metadata.deletion_timestamp is None:
        return ""
    if pod.status.reason == "NodeLost":
        return "Unknown"
    return "" if pod.status.phase in ("Succeeded", "Failed") else "Terminating"


def _is_sidecar(pod: Pod, name: str) -> bool:
    return any(
        item.name == name and item.restart_policy == "Always" for item in pod.spec.init_containers
    )


def _init_reason(init: ContainerStatus, index: int, pod: Pod) -> str:
    """What an init container holds the pod up with; empty if it does not."""
    state = init.state
    if state.terminated is not None and state.terminated.exit_code == 0:
        return ""
    if init.started and _is_sidecar(pod, init.name):
        return ""
    if state.terminated is not None:
        if state.terminated.reason:
            return f"Init:{state.terminated.reason}"
        if state.terminated.signal:
            return f"Init:Signal:{state.terminated.signal}"
        return f"Init:ExitCode:{state.terminated.exit_code}"
    waiting = state.waiting
    if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
        return f"Init:{waiting.reason}"
    return f"Init:{index}/{len(pod.spec.init_containers)}"


def _reason(container: ContainerStatus) -> str:
    state = container.state
    if state.waiting is not None and state.waiting.reason:
        return state.waiting.reason
    ended = state.terminated
    if ended is None:
        return ""
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def _later(last: float | None, container: ContainerStatus) -> float | None:
    ended = container.last_state.terminated
    if ended is None or ended.finished_at is None:
        return last
    return ended.finished_at if last is None else max(last, ended.finished_at)


def _cells(pod: Pod, now: float) -> tuple[Any, ...]:
    reason, ready, restarts, last = pod_status(pod)
    again = f"{restarts} ({age(last, now)} ago)" if restarts and last is not None else str(restarts)
    sidecars = sum(item.restart_policy == "Always" for item in pod.spec.init_containers)
    gates = "<none>"
    if pod.spec.readiness_gates:
        met = sum(
            is_true(pod.status.conditions, str(gate.get("conditionType", "")))
            for gate in pod.spec.readiness_gates
        )
        gates = f"{met}/{len(pod.spec.readiness_gates)}"
    return (
        pod.metadata.name,
        f"{ready}/{len(pod.spec.containers) + sidecars}",
        reason,
        again,
        age(pod.metadata.creation_timestamp, now),
        pod.status.pod_ip or "<none>",
        pod.spec.node_name or "<none>",
        pod.status.nominated_node_name or "<none>",
        gates,
    )


PODS = Columns(
    columns(
        "Name", "Ready", "Status", "Restarts", "Age",
        wide=("IP", "Node", "Nominated Node", "Readiness Gates"),
    ),
    _cells,
)  # fmt: skip

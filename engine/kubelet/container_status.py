"""The status of one container out of what the kubelet knows: pure functions.

Source: convertToAPIContainerStatuses, kubelet_pods.go, kubernetes v1.34.
"""

import attrs

from engine.api.container import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ResourceRequirements,
    VolumeMount,
)
from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.api.pod import Pod
from engine.api.wire import Json, Time
from engine.kubelet.pod_actions import must_end, restart_policy, should_restart
from engine.kubelet.pod_state import ContainerRecord, ContainerWork, PodState, is_sidecar
from engine.kubelet.security import identity_of_process
from engine.kubelet.specs import is_recursive


@attrs.frozen(kw_only=True)
class NodeFacts:
    """What a status says of the node: its address, and how the runtime calls itself."""

    host_ip: str = ""
    runtime: str = "simulated"


def whole(seconds: float) -> Time:
    """A time as the API shows it: in whole seconds."""
    return Time(float(int(seconds)))


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
    is_told = record is not None and (not work.is_hooked or must_end(pod, state))
    if record is None or not is_told:
        shown = ContainerState(waiting=_waiting(work, has_init=has_init))
    elif record.is_running:
        started_at = whole(record.started_at + record.started_skew)
        shown = ContainerState(running=ContainerStateRunning(started_at=started_at))
    elif work.waiting_reason and not must_end(pod, state) and _starts_again(pod, container, work):
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
        allocated_resources=work.allocated.requests if work.allocated and is_running else EMPTY,
        resources=_resources(work) if is_running else None,
        extra=_details(pod, container, work) if record is not None else EMPTY,
    )


def _starts_again(pod: Pod, container: Container, work: ContainerWork) -> bool:
    """Whether a container that has ended is one that waits."""
    return should_restart(work, restart_policy(pod, container), container)


def _resources(work: ContainerWork) -> ResourceRequirements | None:
    """What the runtime has given it, if that is anything."""
    given = work.actual or work.allocated
    return given if given is not None and (given.requests or given.limits) else None


def _details(pod: Pod, container: Container, work: ContainerWork) -> FrozenDict[str, Json]:
    """As whom it runs, what is mounted where, and the signal that ends it, once it was made."""
    found: dict[str, object] = {}
    mounts = [_mount(mount) for mount in container.volume_mounts]
    if mounts:
        found["volumeMounts"] = mounts
    known = work.current.user if work.current is not None else None
    user = known or identity_of_process(pod, container, work.image_user)
    if user is not None:
        groups = list(dict.fromkeys((user.gid, *sorted(user.groups))))
        linux = {"uid": user.uid, "gid": user.gid, "supplementalGroups": groups}
        found["user"] = {"linux": linux}
    if work.current is not None and work.current.stop_signal:
        found["stopSignal"] = work.current.stop_signal
    frozen: FrozenDict[str, Json] = freeze(found)
    return frozen


def _mount(mount: VolumeMount) -> dict[str, object]:
    """One mount: where, and if it is read-only, whether all that is mounted below is too."""
    found: dict[str, object] = {"name": mount.name, "mountPath": mount.mount_path}
    if mount.read_only:
        recursive = "Enabled" if is_recursive(mount) else "Disabled"
        found |= {"readOnly": True, "recursiveReadOnly": recursive}
    return found


def _waiting(work: ContainerWork, *, has_init: bool) -> ContainerStateWaiting:
    if work.waiting_reason:
        return ContainerStateWaiting(reason=work.waiting_reason, message=work.waiting_message)
    reason = "PodInitializing" if has_init else "ContainerCreating"
    return ContainerStateWaiting(reason=reason, message=work.waiting_message)


def _terminated(record: ContainerRecord, node: NodeFacts) -> ContainerStateTerminated:
    reason = record.reason
    if not reason:
        if record.oom_killed:
            reason = "OOMKilled"
        else:
            reason = "Completed" if record.exit_code == 0 else "Error"
    return ContainerStateTerminated(
        exit_code=record.exit_code,
        reason=reason,
        message=record.message,
        started_at=_dated(record.started_at, record.started_skew),
        finished_at=_dated(record.finished_at, record.finished_skew),
        container_id=_full_id(record, node),
    )


def _dated(when: float, skew: float) -> Time | None:
    return whole(when + skew) if when else None


def _full_id(record: ContainerRecord | None, node: NodeFacts) -> str:
    if record is None or not record.container_id:
        return ""
    return f"{node.runtime}://{record.container_id}"

"""Pods that a node does not take, or no longer: why, as their status and their Events say it.

Source: rejectPod (kubelet.go) and emptyDirLimitEviction (eviction_manager.go), kubernetes v1.34.
"""

from engine.api.codec import encode
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.cri.status import RuntimeInfo
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import PodState, SandboxStep, is_terminal
from engine.kubelet.security import forbidden_sysctl, has_own_users, wants_apparmor


def reject(
    pod: Pod, state: PodState, recorder: EventRecorder, *, has_apparmor: bool = True
) -> None:
    """Fail a pod that asks for what this node does not allow, before anything of it runs."""
    why = _forbidden(pod, has_apparmor=has_apparmor)
    if why is None or state.sandbox is not SandboxStep.ABSENT or is_terminal(pod):
        return
    reason, message = why
    recorder.warning(pod, reason, message)
    state.is_rejected = True
    state.failed_reason = reason
    state.failed_message = f"Pod was rejected: {message}"


def _forbidden(pod: Pod, *, has_apparmor: bool) -> tuple[str, str] | None:
    """What no node of this kind takes: a reason and a message.

    Source: pkg/kubelet/lifecycle, pkg/kubelet/sysctl and pkg/security/apparmor, kubernetes v1.34.
    """
    system = (pod.spec.extra.get("os") or {}).get("name", "linux")
    if system != "linux":
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return "PodOSNotSupported", message
    if not has_apparmor and wants_apparmor(pod):
        message = "Cannot enforce AppArmor: AppArmor is not enabled on the host"
        return "AppArmor", message
    sysctl = forbidden_sysctl(pod)
    return ("SysctlForbidden", f'forbidden sysctl: "{sysctl}" not allowlisted') if sysctl else None


def refuse(pod: Pod, state: PodState, why: tuple[str, str] | None, recorder: EventRecorder) -> None:
    """Fail a pod that the node does not take now: *why* is a reason and a message."""
    if why is None or state.failed_reason:
        return
    if state.sandbox is not SandboxStep.ABSENT or is_terminal(pod) or pod.status.start_time:
        return
    reason, message = why
    recorder.warning(pod, reason, message)
    state.is_rejected = True
    state.failed_reason = reason
    state.failed_message = message if reason == "NodeShutdown" else f"Pod was rejected: {message}"


def fail_overdue(pod: Pod, state: PodState, now: float, recorder: EventRecorder) -> None:
    """Fail a pod that has been active for longer than its spec allows."""
    deadline = pod.spec.active_deadline_seconds
    if deadline is None or now < state.start_time + deadline:
        return
    if state.failed_reason or is_terminal(pod):
        return
    state.failed_reason = "DeadlineExceeded"
    state.failed_message = "Pod was active on the node longer than the specified deadline"
    recorder.normal(pod, "DeadlineExceeded", state.failed_message)


def end_for_node(
    pod: Pod, state: PodState, reason: str, message: str, grace: float, recorder: EventRecorder
) -> None:
    """Fail a pod because its node has no room for it, or goes down."""
    if state.failed_reason:
        return
    state.failed_reason, state.failed_message = reason, message
    state.grace_override = grace
    state.is_evicted = True
    if reason in {"Evicted", "Preempting"}:
        recorder.warning(pod, reason, message)


def runtime_handler(pod: Pod, client: Client) -> str:
    """The handler of the pod's runtime class; empty for the usual one.

    Raises:
        ApiError: there is no such class (any more), or it cannot be asked for.
    """
    name = pod.spec.extra.get("runtimeClassName")
    kind = SCHEME.class_for("node.k8s.io/v1", "RuntimeClass")
    if not name or kind is None:
        return ""
    return str(encode(client.get(kind, str(name))).get("handler", ""))


def check_users(pod: Pod, handler: str, info: RuntimeInfo) -> None:
    """Make sure that a pod with users of its own (hostUsers: false) can have them here.

    Raises:
        MissingConfigError: it cannot.

    Source: GetOrCreateUserNamespaceMappings, userns_manager.go, kubernetes v1.34.
    """
    if has_own_users(pod) and not info.has_user_namespaces:
        message = f'RuntimeClass handler "{handler}" does not support user namespaces'
        raise MissingConfigError(message)

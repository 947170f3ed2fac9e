"""Faults of pods and containers."""

from engine.api.kubarium import Fault
from engine.api.pod import Pod
from engine.cri.commands import SignalContainer
from engine.faults.fault import FaultError, Levers, Target


def kill_pod(fault: Fault, target: Target, levers: Levers) -> None:
    """Delete the pods, at once unless `params.grace` says otherwise (seconds)."""
    grace = fault.spec.params.get("grace", 0)
    if not isinstance(grace, int) or grace < 0:
        msg = f"params.grace must be a number of seconds from 0, not {grace!r}"
        raise FaultError(msg)
    for pod in _pods(fault, target):
        levers.client.delete(
            type(pod),
            pod.metadata.name,
            namespace=pod.metadata.namespace,
            grace_period_seconds=grace,
        )


def kill_container(fault: Fault, target: Target, levers: Levers) -> None:
    """Send the pods' containers (or `params.container`) `params.signal`, SIGKILL by default."""
    signal = str(fault.spec.params.get("signal", "SIGKILL"))
    wanted = fault.spec.params.get("container", "")
    hits = []
    for pod in _pods(fault, target):
        node = levers.node(pod.spec.node_name)
        hits += [
            (node, status.container_id.rpartition("/")[2])
            for status in pod.status.container_statuses
            if status.state.running is not None and wanted in {"", status.name}
        ]
    if not hits:
        msg = "none of the target's containers is running"
        raise FaultError(msg)
    for node, container_id in hits:
        node.runtime.submit(SignalContainer(container_id=container_id, signal=signal))


def _pods(fault: Fault, target: Target) -> tuple[Pod, ...]:
    if not target.pods:
        msg = f"{fault.spec.type} needs spec.target.pods or spec.target.selector"
        raise FaultError(msg)
    return target.pods

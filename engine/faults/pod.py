"""Faults of pods and containers."""

import attrs

from engine.api.container import ContainerStatus
from engine.api.kubarium import Fault
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError, NotFoundError
from engine.cri.commands import PodIdentity, RunCheck, SignalContainer
from engine.cri.disturbance import Disturbance, Freeze, HoldMemory
from engine.faults.fault import (
    FaultError,
    Levers,
    NodeLevers,
    Recovery,
    Target,
    settings,
    undo_all,
)
from engine.faults.target import chance_of
from engine.kernel.loop import Timer
from engine.kubelet.static_pods import MIRROR

AGAIN_SECONDS = 0.5


@attrs.frozen
class Hit:
    """A container that runs, and where."""

    node: NodeLevers
    pod: Pod
    name: str
    container_id: str

    @property
    def identity(self) -> PodIdentity:
        """Its pod, as runtimes know it."""
        return identity_of(self.pod)


def kill_pod(fault: Fault, target: Target, levers: Levers) -> None:
    """Delete the pods, at once unless `params.grace` says otherwise (seconds).

    Static pods are killed on their nodes: the API has but their mirrors, which end nothing.
    """
    grace = int(settings(fault)["grace"])
    for pod in target.pods:
        if MIRROR in pod.metadata.annotations:
            for hit in hits_of(pod, levers):
                hit.node.runtime.submit(SignalContainer(container_id=hit.container_id))
            continue
        try:
            levers.client.delete(
                type(pod),
                pod.metadata.name,
                namespace=pod.metadata.namespace,
                grace_period_seconds=grace,
            )
        except NotFoundError:
            continue  # it went by itself meanwhile


def kill_container(fault: Fault, target: Target, levers: Levers) -> None:
    """Send the pods' containers (or `params.container`) `params.signal`, SIGKILL by default."""
    signal = str(settings(fault)["signal"])
    for hit in running(fault, target, levers):
        hit.node.runtime.submit(SignalContainer(container_id=hit.container_id, signal=signal))


def pause_container(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Freeze the containers."""
    return disturb_all(
        [
            (hit.node, Freeze(id="", pod=hit.identity, container_id=hit.container_id))
            for hit in running(fault, target, levers)
        ],
        fault,
    )


def fail_pod(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Kill whatever containers of the pods run, as often as they are started again."""
    running(fault, target, levers)
    keys = [(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid) for pod in target.pods]
    timer: list[Timer] = []

    def kill() -> None:
        for namespace, name, uid in keys:
            try:
                pod = levers.client.get(Pod, name, namespace=namespace)
            except ApiError:
                continue
            if pod.metadata.uid != uid:
                continue
            for hit in hits_of(pod, levers, str(settings(fault)["container"])):
                hit.node.runtime.submit(SignalContainer(container_id=hit.container_id))
        timer[:] = [levers.loop.call_later(AGAIN_SECONDS, kill)]

    kill()

    def leave() -> None:
        timer[0].cancel()

    return leave


def run_out_of_memory(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Let the containers' memory run out; the lever lets go when they have been killed."""
    return disturb_all(
        [
            (
                hit.node,
                HoldMemory(id="", pod=hit.identity, container_id=hit.container_id, is_fatal=True),
            )
            for hit in running(fault, target, levers)
        ],
        fault,
    )


def fail_probes(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Let the probes of the pods' containers fail, `params.percent` of them."""
    given = settings(fault)
    running(fault, target, levers)
    uids = {identity_of(pod).uid for pod in target.pods}
    chance = chance_of(fault, levers)
    kind, percent, name = str(given["probe"]), float(given["percent"]), str(given["container"])

    def fails(command: RunCheck) -> bool:
        if not command.kind or kind not in ("all", command.kind):
            return False
        if not is_of_target(command.container_id):
            return False
        return percent >= 100 or chance.random() * 100 < percent

    known: dict[str, bool] = {}

    def is_of_target(container_id: str) -> bool:
        # A container that was started again is still one of the pod.
        if container_id not in known:
            known[container_id] = any(
                sandbox.pod.uid in uids and name in {"", container.name}
                for gate in gates.values()
                for sandbox in gate.list_sandboxes()
                for container in sandbox.containers
                if container.container_id == container_id
            )
        return known[container_id]

    key = fault.metadata.uid
    gates = {id(node.runtime): node.runtime for node in nodes_of(target, levers)}
    for gate in gates.values():
        gate.check_rules[key] = fails

    def mend() -> None:
        for gate in gates.values():
            gate.check_rules.pop(key, None)

    return mend


def running(fault: Fault, target: Target, levers: Levers) -> list[Hit]:
    """The target's containers that run: all, or those named `params.container`.

    Raises:
        FaultError: none does.
    """
    name = str(settings(fault).get("container", ""))
    hits = [hit for pod in target.pods for hit in hits_of(pod, levers, name)]
    if not hits:
        which = f'is named "{name}" and running' if name else "is running"
        raise FaultError(f"none of the target's containers {which}")
    return hits


def hits_of(pod: Pod, levers: Levers, name: str = "") -> list[Hit]:
    """The containers of *pod* that run."""
    node = levers.nodes.get(pod.spec.node_name)
    if node is None:
        return []
    statuses: tuple[ContainerStatus, ...] = (
        *pod.status.container_statuses,
        *pod.status.init_container_statuses,
    )
    return [
        Hit(node, pod, status.name, status.container_id.rpartition("/")[2])
        for status in statuses
        if status.state.running is not None and name in {"", status.name}
    ]


def nodes_of(target: Target, levers: Levers) -> list[NodeLevers]:
    """The nodes that the target's pods run on, each once."""
    names = dict.fromkeys(pod.spec.node_name for pod in target.pods if pod.spec.node_name)
    return [levers.node(name) for name in names]


def identity_of(pod: Pod) -> PodIdentity:
    """The pod, as runtimes know it."""
    meta = pod.metadata
    mirrored = meta.annotations.get(MIRROR)
    return PodIdentity(namespace=meta.namespace, name=meta.name, uid=mirrored or meta.uid)


def disturb_all(pairs: list[tuple[NodeLevers, Disturbance]], fault: Fault) -> Recovery:
    """Begin disturbances, with ids of this fault's; the inverse ends them."""
    recoveries: list[Recovery] = []
    for number, (node, disturbance) in enumerate(pairs):
        made = attrs.evolve(disturbance, id=f"{fault.metadata.uid}.{number}")
        node.runtime.begin(made)
        recoveries.append(_ending(node, made.id))
    return undo_all(recoveries)


def _ending(node: NodeLevers, disturbance_id: str) -> Recovery:
    return lambda: node.runtime.end(disturbance_id)

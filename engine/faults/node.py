"""Faults of whole nodes."""

from engine.api.kubarium import Fault
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError, NotFoundError
from engine.cri.commands import PodIdentity
from engine.cri.disturbance import Disturbance, DisturbTraffic, Freeze
from engine.faults.fault import Levers, NodeLevers, Recovery, Target, settings, undo_all
from engine.faults.pod import disturb_all
from engine.kernel.loop import Timer

EVICT_SECONDS = 2.0
MIRROR = "kubernetes.io/config.mirror"
_MANAGERS = ("controller-manager", "scheduler")
"""The links of what runs on the control plane beside the API server."""


def crash(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Power cut: the kubelet and all containers are gone; recovery boots the node, empty."""
    recoveries = []
    for name in target.nodes:
        node = levers.node(name)
        recoveries.append(_stop_kubelet(name, node, levers))
        recoveries.append(_cut(name, node, levers))
        node.runtime.power_off()
    return undo_all(recoveries)


def reboot(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Crash, and boot after `params.seconds` whatever the fault's own duration is."""
    boot = crash(fault, target, levers)
    timer = levers.loop.call_later(float(settings(fault)["seconds"]), boot)

    def boot_now() -> None:
        timer.cancel()
        boot()

    return boot_now


def shut_down(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The node ends its pods in order, ordinary ones first, and goes down; recovery boots it."""
    seconds = float(settings(fault)["seconds"])
    recoveries: list[Recovery] = []
    nodes = {name: levers.node(name) for name in target.nodes}
    leaving = dict(nodes)

    def go_down(name: str) -> None:
        node = leaving.pop(name, None)
        if node is not None:
            recoveries.append(_stop_kubelet(name, node, levers))
            recoveries.append(_cut(name, node, levers))
            node.runtime.power_off()

    for name, node in nodes.items():
        node.kubelet.shut_down(seconds, lambda name=name: go_down(name))  # type: ignore[misc]

    def boot() -> None:
        for node in leaving.values():  # it is called off
            node.kubelet.stop()
            node.kubelet.start()
        leaving.clear()
        undo_all(recoveries)()

    return boot


def pause(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Everything on the node stands still: its kubelet and its containers."""
    recoveries = []
    frozen: list[tuple[NodeLevers, Disturbance]] = []
    for name in target.nodes:
        node = levers.node(name)
        recoveries.append(_stop_kubelet(name, node, levers))
        recoveries.append(hold_proxy(name, levers))
        components = node.runtime.components
        if components is not None:
            recoveries.append(components.freeze())
        for sandbox in node.runtime.runtime.list_sandboxes():
            frozen += [
                (node, Freeze(id="", pod=sandbox.pod, container_id=container.container_id))
                for container in sandbox.containers
                if container.state == "running"
            ]
    recoveries.append(disturb_all(frozen, fault))
    return undo_all(recoveries)


def partition(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The node cannot reach the control plane, its pods not those of other nodes, or both."""
    planes = str(settings(fault)["planes"])
    recoveries = []
    for name in target.nodes:
        node = levers.node(name)
        if planes in ("control", "both"):
            recoveries.append(_cut(name, node, levers))
        if planes in ("data", "both"):
            recoveries.append(disturb_all([(node, _isolation(name, node, levers))], fault))
    return undo_all(recoveries)


def stop_kubelet(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The kubelet's process is gone; containers go on, nobody looks after them."""
    return undo_all([_stop_kubelet(name, levers.node(name), levers) for name in target.nodes])


def press(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The kubelet measures too little memory, disk or pids: it says so and evicts."""
    resource = str(settings(fault)["resource"])
    recoveries = []
    for name in target.nodes:
        kubelet = levers.node(name).kubelet

        def press_(kubelet=kubelet) -> None:  # type: ignore[no-untyped-def]
            kubelet.set_pressure(resource, is_short=True)

        def ease(kubelet=kubelet) -> None:  # type: ignore[no-untyped-def]
            kubelet.set_pressure(resource, is_short=False)

        recoveries.append(levers.hold(f"pressure/{name}/{resource}", press_, ease))
    return undo_all(recoveries)


def drain(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Cordon the nodes and evict their pods, as far as budgets allow; uncordon at the end."""
    cordoned = [name for name in target.nodes if _cordon(name, levers, is_cordoned=True)]
    timer: list[Timer] = []

    def evict() -> None:
        timer[:] = [levers.loop.call_later(EVICT_SECONDS, evict)]
        try:
            pods = levers.client.list(Pod).items
        except ApiError:
            return
        for pod in pods:
            if pod.spec.node_name in target.nodes and _may_go(pod):
                try:
                    levers.client.evict(pod.metadata.name, namespace=pod.metadata.namespace)
                except ApiError:
                    continue  # a budget holds it, or it has gone: again later

    evict()

    def uncordon() -> None:
        timer[0].cancel()
        for name in cordoned:
            _uncordon(name, levers)

    return uncordon


def skew_clock(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """What runs on the node dates by a wrong clock, and judges certificates and tokens by it.

    On the control plane that is also the API server, the scheduler and the controllers: a CronJob
    is due when their clock says so.
    """
    offset = float(settings(fault)["offset"])
    recoveries = [_skew(name, levers.node(name), offset, levers) for name in target.nodes]
    return undo_all(recoveries)


def _skew(name: str, node: NodeLevers, offset: float, levers: Levers) -> Recovery:
    kubelet, server = node.kubelet, levers.server
    links = [levers.links[one] for one in _MANAGERS if one in levers.links]
    is_head = node.runtime.has_apiserver
    kubelet.set_clock_offset(offset)
    if is_head:
        server.clock_offset = offset
        for link in links:
            link.clock_offset = offset
    begins, ends = levers.valid
    # By such a clock the certificate of the API server is not valid yet, or no more.
    is_trusted = is_head or begins <= levers.loop.now + offset <= ends
    cut = None if is_trusted else _cut(name, node, levers)

    def correct() -> None:
        if cut is not None:
            cut()
        if is_head:
            server.clock_offset = 0.0
            for link in links:
                link.clock_offset = 0.0
        kubelet.set_clock_offset(0.0)

    return correct


def _stop_kubelet(name: str, node: NodeLevers, levers: Levers) -> Recovery:
    return levers.hold(f"kubelet/{name}", node.kubelet.stop, node.kubelet.start)


def _cut(name: str, node: NodeLevers, levers: Levers) -> Recovery:
    """Nothing on the node reaches the control plane: its kubelet not, and its service proxy not."""
    link = levers.hold(f"link/kubelet/{name}", node.link.cut, node.link.heal)
    return undo_all([link, hold_proxy(name, levers)])


def hold_proxy(name: str, levers: Levers) -> Recovery:
    """Keep the service proxy of a node from working: the rules there stay as they are."""
    proxy = levers.proxies.get(name)
    return levers.hold(f"proxy/{name}", *((proxy.stop, proxy.start) if proxy else (int, int)))


def _isolation(name: str, node: NodeLevers, levers: Levers) -> DisturbTraffic:
    return DisturbTraffic(
        id="",
        pod=PodIdentity(namespace="", name=f"node {name}", uid=""),
        action="drop",
        addresses=(node.pod_cidr,),
        peers=tuple(
            other.pod_cidr for key, other in levers.nodes.items() if key != name and other.pod_cidr
        ),
    )


def _may_go(pod: Pod) -> bool:
    meta = pod.metadata
    owners = {owner.kind for owner in meta.owner_references}
    return (
        meta.deletion_timestamp is None
        and MIRROR not in meta.annotations
        and "DaemonSet" not in owners
        and pod.status.phase not in ("Succeeded", "Failed")
    )


def _cordon(name: str, levers: Levers, *, is_cordoned: bool) -> bool:
    """Whether the node was changed."""
    node = levers.client.get(Node, name)
    if bool(node.spec.unschedulable) == is_cordoned:
        return False
    levers.client.patch(Node, name, {"spec": {"unschedulable": is_cordoned or None}})
    return True


def _uncordon(name: str, levers: Levers) -> None:
    try:
        _cordon(name, levers, is_cordoned=False)
    except NotFoundError:
        return
    except ApiError:
        levers.loop.call_later(1.0, _uncordon, name, levers)

"""Whether a node takes a pod that no scheduler sent: labels, ports and room.

What a scheduler bound has been looked at already, so only pods that name their node themselves are.

Source: pkg/kubelet/lifecycle/predicate.go and GeneralPredicates of kube-scheduler, kubernetes
v1.34.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.api import quantity
from engine.api.node import Node
from engine.api.node_selectors import accepts_node
from engine.api.pod import Pod
from engine.api.usage import pod_requests

_CRITICAL = 2_000_000_000
_ENDED = ("Succeeded", "Failed")
_NO_MATCH = "node(s) didn't match Pod's node affinity/selector"
_NO_PORT = "node(s) didn't have free ports for the requested pod ports"

Why = tuple[str, str]


def inadmissible(pod: Pod, node: Node | None, others: Iterable[Pod]) -> Why | None:
    """Why *node*, where *others* are, does not take *pod*: a reason and a message; None if it does.

    Critical pods are taken: they would make room for themselves.
    """
    is_bound = any(item.type == "PodScheduled" for item in pod.status.conditions)
    if node is None or is_bound or (pod.spec.priority or 0) >= _CRITICAL:
        return None
    present = [
        other
        for other in others
        if other.metadata.uid != pod.metadata.uid and other.status.phase not in _ENDED
    ]
    lacking = _lacking(pod, node, present)
    if lacking is not None:
        return lacking
    if not accepts_node(pod.spec, node):
        return "NodeAffinity", f"Predicate NodeAffinity failed: {_NO_MATCH}"
    if _clashes(pod, present):
        return "NodePorts", f"Predicate NodePorts failed: {_NO_PORT}"
    return None


def _lacking(pod: Pod, node: Node, present: list[Pod]) -> Why | None:
    has = node.status.allocatable or node.status.capacity
    wanted = {"pods": Decimal(1), **pod_requests(pod.spec)}
    for name, amount in wanted.items():
        if not amount or name not in has:
            continue
        used = sum(
            (
                Decimal(1) if name == "pods" else pod_requests(other.spec).get(name, Decimal(0))
                for other in present
            ),
            Decimal(0),
        )
        capacity = quantity.parse(has[name])
        if used + amount > capacity:
            asked, taken, most = (_count(name, each) for each in (amount, used, capacity))
            return f"OutOf{name}", (
                f"Node didn't have enough resource: {name}, requested: {asked}, used: {taken}, "
                f"capacity: {most}"
            )
    return None


def _count(name: str, amount: Decimal) -> int:
    """As the scheduler counts: CPU in thousandths."""
    return int(amount * 1000) if name == "cpu" else int(amount)


def _clashes(pod: Pod, present: list[Pod]) -> bool:
    wanted = _host_ports(pod)
    if not wanted:
        return False
    taken = [port for other in present for port in _host_ports(other)]
    return any(
        number == other_number
        and protocol == other_protocol
        and (ip == other_ip or "" in (ip, other_ip))
        for number, protocol, ip in wanted
        for other_number, other_protocol, other_ip in taken
    )


def _host_ports(pod: Pod) -> list[tuple[int, str, str]]:
    """Number, protocol and address; empty for all addresses."""
    return [
        (port.host_port, port.protocol or "TCP", "" if port.host_ip == "0.0.0.0" else port.host_ip)  # noqa: S104 - compared
        for container in pod.spec.containers
        for port in container.ports
        if port.host_port
    ]

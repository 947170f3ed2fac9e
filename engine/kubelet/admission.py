"""Whether a node takes a pod that no scheduler sent: labels, ports and room.

What a scheduler bound has been looked at already, so only pods that name their node themselves are.

Source: pkg/kubelet/lifecycle/predicate.go and GeneralPredicates of kube-scheduler, kubernetes
v1.34.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs

from engine.api import quantity
from engine.api.node import Node
from engine.api.node_selectors import accepts_node
from engine.api.pod import Pod
from engine.api.usage import pod_requests
from engine.kubelet.pod_state import is_terminal
from engine.kubelet.preemption import is_critical, pods_to_preempt

_ASSUMED = ("pods", "cpu", "memory", "ephemeral-storage")
_NO_MATCH = "node(s) didn't match Pod's node affinity/selector"
_NO_PORT = "node(s) didn't have free ports for the requested pod ports"

Why = tuple[str, str]


@attrs.frozen(kw_only=True)
class Verdict:
    """Why a pod is not taken, and which pods have to go so that it is; nothing for neither."""

    why: Why | None = None
    victims: tuple[Pod, ...] = ()


def admit(pod: Pod, node: Node | None, others: Iterable[Pod]) -> Verdict:
    """Whether *node*, where *others* are, takes *pod*; a critical one makes room for itself."""
    is_bound = any(item.type == "PodScheduled" for item in pod.status.conditions)
    if node is None or is_bound:
        return Verdict()
    present = [
        other
        for other in others
        if other.metadata.uid != pod.metadata.uid and not is_terminal(other)
    ]
    shortages = list(_shortages(pod, node, present))
    if shortages and not is_critical(pod):
        return Verdict(why=shortages[0].why)
    if not accepts_node(pod.spec, node):
        return Verdict(why=("NodeAffinity", f"Predicate NodeAffinity failed: {_NO_MATCH}"))
    if _clashes(pod, present):
        return Verdict(why=("NodePorts", f"Predicate NodePorts failed: {_NO_PORT}"))
    if not shortages:
        return Verdict()
    lacking = {each.name: each.asked + each.used - each.capacity for each in shortages}
    victims = pods_to_preempt(pod, lacking, present)
    if victims is not None:
        return Verdict(victims=victims)
    amounts = "".join(
        f"(res: {name}, q: {_count(name, amount)}), " for name, amount in lacking.items()
    )
    message = (
        "Unexpected error while attempting to recover from admission failure: preemption: error"
        " finding a set of pods to preempt: no set of running pods found to reclaim resources:"
        f" [{amounts}]"
    )
    return Verdict(why=("UnexpectedAdmissionError", message))


@attrs.frozen(kw_only=True)
class _Shortage:
    """A resource of which the node has not enough left."""

    name: str
    asked: Decimal
    used: Decimal
    capacity: Decimal

    @property
    def why(self) -> Why:
        """As the kubelet says it."""
        asked, taken, most = (
            _count(self.name, each) for each in (self.asked, self.used, self.capacity)
        )
        return f"OutOf{self.name}", (
            f"Node didn't have enough resource: {self.name}, requested: {asked}, used: {taken}, "
            f"capacity: {most}"
        )


def _shortages(pod: Pod, node: Node, present: list[Pod]) -> Iterator[_Shortage]:
    has = node.status.allocatable or node.status.capacity
    wanted = {"pods": Decimal(1), **pod_requests(pod.spec)}
    for name, amount in wanted.items():
        if not amount or (name not in has and name in _ASSUMED):
            continue
        used = sum(
            (
                Decimal(1) if name == "pods" else pod_requests(other.spec).get(name, Decimal(0))
                for other in present
            ),
            Decimal(0),
        )
        capacity = quantity.parse(has.get(name, "0"))
        if used + amount > capacity:
            yield _Shortage(name=name, asked=amount, used=used, capacity=capacity)


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

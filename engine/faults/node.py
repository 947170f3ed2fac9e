"""Faults of whole nodes."""

from engine.api.kubarium import Fault
from engine.faults.fault import FaultError, Levers, Recovery, Target


def crash(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Power cut: the kubelet and all containers are gone; recovery boots the node, empty."""
    nodes = [levers.node(name) for name in _named(fault, target)]
    for node in nodes:
        node.kubelet.stop()
        node.link.cut()
        node.runtime.power_off()

    def boot() -> None:
        for node in nodes:
            node.link.heal()
            node.kubelet.start()

    return boot


def partition(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The node cannot reach the control plane; its containers go on serving."""
    nodes = [levers.node(name) for name in _named(fault, target)]
    for node in nodes:
        node.link.cut()

    def heal() -> None:
        for node in nodes:
            node.link.heal()

    return heal


def stop_kubelet(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The kubelet's process is gone; containers go on, nobody looks after them."""
    nodes = [levers.node(name) for name in _named(fault, target)]
    for node in nodes:
        node.kubelet.stop()

    def start() -> None:
        for node in nodes:
            node.kubelet.start()

    return start


def _named(fault: Fault, target: Target) -> tuple[str, ...]:
    if not target.nodes:
        msg = f"{fault.spec.type} needs spec.target.nodes: the names of one or more nodes"
        raise FaultError(msg)
    return target.nodes

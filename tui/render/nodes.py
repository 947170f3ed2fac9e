"""Nodes as words and numbers: state, roles, and how much of them is reserved."""

from collections.abc import Iterable

import attrs

from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from tui.render import pods as pods_
from tui.render.text import State

_ROLE = "node-role.kubernetes.io/"


@attrs.frozen
class Usage:
    """What the pods of a node reserve, and what it has to give. Millicores and bytes."""

    cpu: int
    cpu_total: int
    memory: int
    memory_total: int
    pods: int
    pods_total: int

    @property
    def cpu_share(self) -> float:
        """Reserved CPU, 0 to 1."""
        return self.cpu / self.cpu_total if self.cpu_total else 0.0

    @property
    def memory_share(self) -> float:
        """Reserved memory, 0 to 1."""
        return self.memory / self.memory_total if self.memory_total else 0.0


def node_state(node: Node) -> State:
    """Ready, NotReady or Unknown, and whether pods may be placed there."""
    ready = condition_of(node.status.conditions, "Ready")
    if ready is None or ready.status == "Unknown":
        return State("✖", "Unknown" if ready else "Starting", "bad" if ready else "wait")
    if ready.status != "True":
        return State("✖", "NotReady", "bad")
    if node.spec.unschedulable:
        return State("◩", "Cordoned", "wait")
    return State("●", "Ready", "ok")


def status_word(node: Node) -> str:
    """The STATUS column of ``kubectl get nodes``."""
    ready = condition_of(node.status.conditions, "Ready")
    word = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if node.spec.unschedulable else word


def pressures(node: Node) -> list[str]:
    """Conditions that should not be true and are."""
    return [c.type for c in node.status.conditions if c.type != "Ready" and c.status == "True"]


def taints(node: Node) -> str:
    """The keys of the taints that keep pods away, each once, without their prefix."""
    keys = [t.key.rpartition("/")[2] for t in node.spec.taints if t.effect != "PreferNoSchedule"]
    return ",".join(dict.fromkeys(keys))


def roles(node: Node) -> str:
    """``control-plane``, or ``<none>``."""
    found = sorted(key[len(_ROLE) :] for key in node.metadata.labels if key.startswith(_ROLE))
    return ",".join(found) or "<none>"


def address(node: Node, type_: str = "InternalIP") -> str:
    """The node's address of that type, or ``<none>``."""
    for entry in node.status.addresses:
        if entry.type == type_:
            return entry.address
    return "<none>"


def usage(node: Node, pods: Iterable[Pod]) -> Usage:
    """What *pods* (those of this node) reserve of it."""
    cpu = memory = count = 0
    for pod in pods:
        if pods_.is_finished(pod):
            continue
        pod_cpu, pod_memory = pods_.requests(pod)
        cpu, memory, count = cpu + pod_cpu, memory + pod_memory, count + 1
    room = node.status.allocatable or node.status.capacity
    return Usage(
        cpu,
        parse_millis(room["cpu"]) if "cpu" in room else 0,
        memory,
        parse_int(room["memory"]) if "memory" in room else 0,
        count,
        parse_int(room["pods"]) if "pods" in room else 0,
    )


def cores(millis: int) -> str:
    """``0.25``, ``4``: cores as people say them."""
    return f"{millis / 1000:.2f}".rstrip("0").rstrip(".")


def size(count: int) -> str:
    """``512Mi``, ``7.6Gi``: bytes in the unit that makes them short."""
    amount = float(count)
    for unit in ("", "Ki", "Mi", "Gi", "Ti"):
        if amount < 1024 or unit == "Ti":
            return (
                f"{amount:.1f}".removesuffix(".0") + unit if amount < 100 else f"{amount:.0f}{unit}"
            )
        amount /= 1024
    return str(count)

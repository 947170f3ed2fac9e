"""Which pod goes first when a node runs short, and what is said of it. Pure functions.

Source: pkg/kubelet/eviction/helpers.go (rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure,
evictionMessage), kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from functools import reduce

import attrs

from engine.api.pod import Pod
from engine.api.qos import qos_class
from engine.api.quantity import format_bytes, parse
from engine.kubelet.eviction.thresholds import PIDS, Observation, Threshold, amount

CRITICAL = 2_000_000_000
STATIC = "kubernetes.io/config.source"
BEST_EFFORT = "BestEffort"


@attrs.frozen(kw_only=True)
class PodUse:
    """A pod and what it uses of the resource in question, by container; *beside* them the rest."""

    pod: Pod
    containers: Mapping[str, int]
    beside: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.containers.values()) + self.beside


def is_critical(pod: Pod) -> bool:
    """Whether the node never evicts it: static, or of a system priority."""
    is_static = pod.metadata.annotations.get(STATIC, "api") != "api"
    return is_static or (pod.spec.priority or 0) >= CRITICAL


def rank(uses: Iterable[PodUse], resource: str) -> list[PodUse]:
    """The order in which pods go: those beyond their requests, then by priority, then by use.

    Names break ties, so that the order does not depend on how the pods came.
    """

    def key(use: PodUse) -> tuple[bool, int, int, str]:
        asked = request(use.pod, resource)
        over = use.total - asked
        is_within = resource != PIDS and over <= 0
        return (is_within, use.pod.spec.priority or 0, -over, use.pod.key)

    return sorted(uses, key=key)


def request(pod: Pod, resource: str) -> int:
    """How much of *resource* the pod asked for."""
    mains = sum(_of(item.resources.requests, resource) for item in pod.spec.containers)
    inits = (_of(item.resources.requests, resource) for item in pod.spec.init_containers)
    return reduce(max, inits, mains)


def message(threshold: Threshold, seen: Observation, use: PodUse) -> str:
    """Why that pod was evicted."""
    resource = threshold.resource
    least = amount(threshold.limit(seen.capacity), resource)
    left = amount(seen.available, resource)
    text = f"The node was low on resource: {resource}. "
    text += f"Threshold quantity: {least}, available: {left}. "
    for container in use.pod.spec.containers:
        used = use.containers.get(container.name)
        asked = _of(container.resources.requests, resource)
        if used is not None and used > asked and resource != PIDS:
            text += (
                f"Container {container.name} was using {format_bytes(used)}, request is"
                f" {format_bytes(asked)}, has larger consumption of {resource}. "
            )
    return text


def refusal(pod: Pod, conditions: Iterable[str]) -> str:
    """Why a new pod is not taken while the node is short; empty if it is.

    Memory pressure keeps out only pods of the class BestEffort that do not tolerate it.
    """
    found = sorted(conditions)
    if not found or is_critical(pod):
        return ""
    if found == ["MemoryPressure"]:
        taint = "node.kubernetes.io/memory-pressure"
        tolerates = any(
            item.key in {"", taint} and item.effect in {"", "NoSchedule"}
            for item in pod.spec.tolerations
        )
        if qos_class(pod.spec) != BEST_EFFORT or tolerates:
            return ""
    return f"The node had condition: [{' '.join(found)}]. "


def _of(amounts: Mapping[str, str], resource: str) -> int:
    return int(parse(amounts.get(resource, "0"))) if resource != PIDS else 0

"""What the scheduler needs to know of a pod, worked out once. Pure.

Source: component-helpers resource.PodRequests, kube-scheduler framework.PodInfo, kubernetes v1.34.
"""

from collections import Counter
from collections.abc import Iterable

import attrs

from engine.api.container import Container, Toleration
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import controller_of
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from engine.api.wire import Json

DEFAULT_CPU = 100
"""Millicores that a container without a CPU request counts for in scores."""

DEFAULT_MEMORY = 200 * 1024 * 1024
"""Bytes that a container without a memory request counts for in scores."""

HostPort = tuple[str, str, int]
"""Address, protocol, port."""

Amounts = dict[str, int]
"""Resource name to amount: cpu in millicores, memory in bytes, others in units."""


@attrs.frozen(kw_only=True, eq=False)
class PodInfo:
    """A pod as filters and scores see it.

    Two pods of equal *template* differ in nothing that a filter or score looks at.
    """

    pod: Pod
    priority: int
    requests: tuple[tuple[str, int], ...]
    scored_cpu: int
    scored_memory: int
    host_ports: tuple[HostPort, ...]
    owner: str
    template: object

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return self.pod.key

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return self.pod.metadata.uid

    @property
    def tolerations(self) -> tuple[Toleration, ...]:
        """The taints it puts up with."""
        return self.pod.spec.tolerations

    @property
    def node_selector(self) -> FrozenDict[str, str]:
        """Labels its node must have."""
        return self.pod.spec.node_selector

    @property
    def node_affinity(self) -> Json:
        """Its node affinity, or an empty mapping."""
        return (self.pod.spec.affinity or EMPTY).get("nodeAffinity") or EMPTY

    @property
    def labels(self) -> FrozenDict[str, str]:
        """Its labels."""
        return self.pod.metadata.labels

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.pod.metadata.namespace


def pod_info(pod: Pod) -> PodInfo:
    """The facts of *pod*."""
    spec = pod.spec
    requests = pod_requests(pod)
    scored = pod_requests(pod, defaults={"cpu": DEFAULT_CPU, "memory": DEFAULT_MEMORY})
    amounts = tuple(sorted((name, amount) for name, amount in requests.items() if amount))
    owner = controller_of(pod)
    ports = host_ports(spec.containers)
    owner_uid = owner.uid if owner is not None else ""
    has_constraints = bool(spec.topology_spread_constraints)
    return PodInfo(
        pod=pod,
        priority=spec.priority or 0,
        requests=amounts,
        scored_cpu=scored["cpu"],
        scored_memory=scored["memory"],
        host_ports=ports,
        owner=owner_uid,
        template=(
            pod.metadata.namespace,
            owner_uid,
            amounts,
            scored["cpu"],
            scored["memory"],
            ports,
            spec.tolerations,
            spec.node_selector,
            spec.affinity,
            spec.node_name,
            spec.topology_spread_constraints,
            pod.metadata.labels if has_constraints or spec.affinity else EMPTY,
        ),
    )


def pod_requests(pod: Pod, *, defaults: Amounts | None = None) -> Amounts:
    """What the pod asks of its node.

    The containers and restartable init containers together, or the largest init container with
    the restartable ones before it, whichever is more; plus the overhead. A container that does not
    mention a resource of *defaults* counts for that much of it.
    """
    total: Counter[str] = Counter()
    for container in pod.spec.containers:
        total.update(_requests(container, defaults))
    sidecars: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for container in pod.spec.init_containers:
        amounts = _requests(container, defaults)
        if container.restart_policy == "Always":
            sidecars.update(amounts)
            peak |= sidecars
        else:
            peak |= sidecars + Counter(amounts)
    total.update(sidecars)
    result = total | peak
    for name, quantity in pod.spec.overhead.items():
        result[name] += amount_of(name, quantity)
    return dict(result)


def amount_of(name: str, quantity: str) -> int:
    """A quantity in the unit the scheduler counts that resource in."""
    return parse_millis(quantity) if name == "cpu" else parse_int(quantity)


def host_ports(containers: Iterable[Container]) -> tuple[HostPort, ...]:
    """The ports of the node that *containers* take."""
    return tuple(
        (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)  # noqa: S104 - the field's word for "all addresses"
        for container in containers
        for port in container.ports
        if port.host_port
    )


def _requests(container: Container, defaults: Amounts | None) -> Amounts:
    amounts = {
        name: amount_of(name, quantity) for name, quantity in container.resources.requests.items()
    }
    return {**defaults, **amounts} if defaults else amounts

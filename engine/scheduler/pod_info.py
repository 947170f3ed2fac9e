"""What the scheduler needs to know of a pod, worked out once. Pure.

Source: component-helpers resource.PodRequests, kube-scheduler framework.PodInfo, kubernetes v1.34.
"""

from collections.abc import Mapping

import attrs

from engine.api.container import Container, Toleration
from engine.api.ephemeral import claim_name
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import Condition, controller_of
from engine.api.pod import Pod, PodSpec
from engine.api.quantity import parse_int, parse_millis
from engine.api.wire import Json
from engine.scheduler.affinity_term import PodAffinity, pod_affinity

DEFAULT_CPU = 100
"""Millicores that a container without a CPU request counts for in scores."""

DEFAULT_MEMORY = 200 * 1024 * 1024
"""Bytes that a container without a memory request counts for in scores."""

HostPort = tuple[str, str, int]
"""Address, protocol, port."""

Amounts = dict[str, int]
"""Resource name to amount: cpu in millicores, memory in bytes, others in units."""

_SCORED: Amounts = {"cpu": DEFAULT_CPU, "memory": DEFAULT_MEMORY}
_SPREAD_OWNERS = frozenset({"ReplicaSet", "ReplicationController", "StatefulSet"})


@attrs.define(kw_only=True, eq=False)
class PodInfo:
    """A pod as filters and scores see it. Nobody changes one.

    Two pods of equal *template* differ in nothing that a filter or score looks at.

    Attributes:
        owner: uid of the controller whose pods the cluster's default constraints spread; or "".
        images: the names of the images of all its containers.
        claims: names of the PersistentVolumeClaims it mounts.
        scored_cpu: what a score counts it for, in millicores.
        scored_memory: what a score counts it for, in bytes.
    """

    pod: Pod
    priority: int
    requests: tuple[tuple[str, int], ...]
    scored_cpu: int
    scored_memory: int
    host_ports: tuple[HostPort, ...]
    owner: str
    affinity: PodAffinity
    images: tuple[str, ...]
    claims: tuple[str, ...]
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
    scored = pod_requests(pod, defaults=_SCORED)
    amounts = tuple(sorted([item for item in requests.items() if item[1]]))
    owner = controller_of(pod)
    ports = host_ports(spec)
    owner_uid = owner.uid if owner is not None and owner.kind in _SPREAD_OWNERS else ""
    images = tuple([container.image for container in (*spec.init_containers, *spec.containers)])
    claims = claim_names(pod) if spec.volumes else ()
    return PodInfo(
        pod=pod,
        priority=spec.priority or 0,
        requests=amounts,
        scored_cpu=scored["cpu"],
        scored_memory=scored["memory"],
        host_ports=ports,
        owner=owner_uid,
        affinity=pod_affinity(pod),
        images=images,
        claims=claims,
        template=(
            pod.metadata.namespace,
            owner_uid,
            amounts,
            scored["cpu"],
            scored["memory"],
            ports,
            images,
            spec.tolerations,
            spec.node_selector,
            spec.affinity,
            spec.node_name,
            spec.scheduler_name,
            spec.topology_spread_constraints,
            spec.volumes if claims else (),
            pod.key if claims else "",
            # Terms of other pods and constraints may select any label.
            pod.metadata.labels,
        ),
    )


def pod_requests(pod: Pod, *, defaults: Amounts | None = None) -> Amounts:
    """What the pod asks of its node.

    The containers and restartable init containers together, or the largest init container with
    the restartable ones before it, whichever is more; plus the overhead. A container that does not
    mention a resource of *defaults* counts for that much of it. Requests of the pod as a whole
    replace those of its containers. While a container is being resized the larger of what is
    wanted, allocated and in force counts; of a resize that is infeasible only what is in force.
    """
    spec = pod.spec
    held = _held(pod)
    is_infeasible = bool(held) and _is_resize_infeasible(pod.status.conditions)
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _requests(container, defaults, held, only_held=is_infeasible))
    if spec.init_containers:
        sidecars: Amounts = {}
        peak: Amounts = {}
        for container in spec.init_containers:
            amounts = _requests(container, defaults, held, only_held=is_infeasible)
            if container.restart_policy == "Always":
                _add(sidecars, amounts)
                _raise(peak, sidecars)
            else:
                together = dict(sidecars)
                _add(together, amounts)
                _raise(peak, together)
        _add(total, sidecars)
        _raise(total, peak)
    whole = spec.extra.get("resources")
    if whole is not None:
        for name, quantity in (whole.get("requests") or EMPTY).items():
            total[name] = amount_of(name, quantity)
    for name, quantity in spec.overhead.items():
        total[name] = total.get(name, 0) + amount_of(name, quantity)
    return total


def amount_of(name: str, quantity: str) -> int:
    """A quantity in the unit the scheduler counts that resource in."""
    return parse_millis(quantity) if name == "cpu" else parse_int(quantity)


def host_ports(spec: PodSpec) -> tuple[HostPort, ...]:
    """The ports of the node that a pod takes; those of init containers only if they stay."""
    lasting = [item for item in spec.init_containers if item.restart_policy == "Always"]
    return tuple(
        [
            (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)  # noqa: S104 - the field's word for "all addresses"
            for container in (*spec.containers, *lasting)
            for port in container.ports
            if port.host_port
        ]
    )


def claim_names(pod: Pod) -> tuple[str, ...]:
    """The claims that the pod's volumes name, ephemeral volumes' own claims among them."""
    return tuple(filter(None, (claim_name(pod, volume) for volume in pod.spec.volumes)))


def _add(total: Amounts, amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount


def _raise(total: Amounts, amounts: Amounts) -> None:
    for name, amount in amounts.items():
        if amount > total.get(name, 0):
            total[name] = amount


def _requests(
    container: Container,
    defaults: Amounts | None,
    held: Mapping[str, Amounts],
    *,
    only_held: bool,
) -> Amounts:
    amounts = {} if defaults is None else dict(defaults)
    for name, quantity in container.resources.requests.items():
        amounts[name] = parse_millis(quantity) if name == "cpu" else parse_int(quantity)
    if held and container.name in held:
        if only_held:
            amounts.update(held[container.name])
        else:
            _raise(amounts, held[container.name])
    return amounts


def _held(pod: Pod) -> dict[str, Amounts]:
    """Per container, the larger of what is allocated and what is in force, as far as reported."""
    found: dict[str, Amounts] = {}
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        allocated = _reported(status, "allocated_resources", "allocatedResources")
        resources = _reported(status, "resources", "resources")
        actual = getattr(resources, "requests", None)
        if actual is None:
            actual = resources.get("requests") or EMPTY if isinstance(resources, Mapping) else EMPTY
        if not allocated and not actual:
            continue
        amounts = {name: amount_of(name, quantity) for name, quantity in allocated.items()}
        _raise(amounts, {name: amount_of(name, quantity) for name, quantity in actual.items()})
        found[status.name] = amounts
    return found


def _reported(status: object, attribute: str, wire_name: str) -> Json:
    value = getattr(status, attribute, None)
    return (value if value is not None else status.extra.get(wire_name)) or EMPTY  # type: ignore[attr-defined]  # every API object has extra


def _is_resize_infeasible(conditions: tuple[Condition, ...]) -> bool:
    return any(
        condition.type == "PodResizePending" and condition.reason == "Infeasible"
        for condition in conditions
    )

"""Where traffic to services goes: the rules, and how they follow from services and endpoints.

It knows nothing about how they are put into effect; that is a `RuleSink`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import attrs

from engine.api.core import Service, ServicePort
from engine.api.discovery import Endpoint, EndpointSlice
from engine.api.frozen import EMPTY, FrozenDict

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
ANY_NODE = ""
DEFAULT_AFFINITY_SECONDS = 10_800


@attrs.frozen(order=True)
class Backend:
    """One endpoint that gets traffic."""

    ip: str
    port: int
    node: str = ""


@attrs.frozen(order=True)
class Frontend:
    """An address clients use; `ANY_NODE` as *ip* stands for every address of every node.

    *protocol* is lower case: tcp, udp or sctp.
    """

    ip: str
    protocol: str
    port: int


@attrs.frozen(kw_only=True)
class Target:
    """Where a frontend leads; with no backends connections are refused.

    *affinity_seconds* above 0 keeps a client at one backend until it was silent for so long.
    """

    port_name: str = ""
    backends: tuple[Backend, ...] = ()
    affinity_seconds: int = 0


@attrs.frozen(kw_only=True)
class ServiceRules:
    """All frontends of one service."""

    key: str
    frontends: FrozenDict[Frontend, Target] = EMPTY


@attrs.frozen(kw_only=True)
class RuleSet:
    """The rules of a cluster, by the key of the service; nodes by name, with their addresses."""

    services: FrozenDict[str, ServiceRules] = EMPTY
    nodes: FrozenDict[str, str] = EMPTY

    def frontends(self) -> dict[Frontend, Target]:
        """All frontends; of two services that claim the same one, the first by key has it."""
        found: dict[Frontend, Target] = {}
        for key in sorted(self.services):
            for frontend, target in self.services[key].frontends.items():
                found.setdefault(frontend, target)
        return found


NO_RULES = RuleSet()


@attrs.frozen
class NodeRules:
    """The rules of a node whose proxy stands still; *address* and *pod_cidr* are the node's."""

    node: str
    address: str
    pod_cidr: str
    rules: RuleSet


class RuleSink(Protocol):
    """Puts rules into effect."""

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go from *previous*, which is in effect, to *current*. Must not block for long."""
        ...

    def freeze(self, rules: NodeRules) -> None:
        """Let what comes from that node, or to it, follow *rules* whatever is applied."""
        ...

    def thaw(self, node: str) -> None:
        """Let the node follow what is applied again."""
        ...


@attrs.define(eq=False)
class RecordingSink:
    """Remembers the rules and does nothing with them: for clusters without real traffic."""

    current: RuleSet = NO_RULES
    count: int = 0

    def apply(self, previous: RuleSet, current: RuleSet) -> None:  # noqa: ARG002 - the protocol's
        """Remember *current*."""
        self.current = current
        self.count += 1

    def freeze(self, rules: NodeRules) -> None:
        """Whoever models traffic asks the proxier."""

    def thaw(self, node: str) -> None:
        """Whoever models traffic asks the proxier."""


def build_rules(
    services: Iterable[Service],
    slices: Iterable[EndpointSlice],
    nodes: Mapping[str, str],
) -> RuleSet:
    """The rules that *services* with the endpoints in *slices* ask for.

    Args:
        services: all services of the cluster.
        slices: all endpoint slices.
        nodes: the addresses of the nodes by name.
    """
    of_service: dict[str, list[EndpointSlice]] = {}
    for slice_ in slices:
        of_service.setdefault(service_key(slice_), []).append(slice_)
    built = (build_service(service, of_service.get(service.key, ()), nodes) for service in services)
    return RuleSet(
        services=FrozenDict({rules.key: rules for rules in built if rules.frontends}),
        nodes=FrozenDict(nodes),
    )


def build_service(
    service: Service, slices: Iterable[EndpointSlice], nodes: Mapping[str, str]
) -> ServiceRules:
    """The rules of one service; none for headless services and aliases.

    With externalTrafficPolicy Local a node's own address leads only to the pods on that node.
    internalTrafficPolicy Local is carried out as Cluster as long as all nodes share one kernel.
    """
    spec = service.spec
    frontends: dict[Frontend, Target] = {}
    if spec.type == "ExternalName" or spec.cluster_ip in {"", "None"}:
        return ServiceRules(key=service.key)
    slices = sorted(slices, key=lambda slice_: slice_.metadata.name)
    affinity = _affinity_seconds(service)
    addresses = (spec.cluster_ip, *spec.external_ips, *_balancer_addresses(service))
    for port in spec.ports:
        protocol = (port.protocol or "TCP").lower()
        target = Target(
            port_name=port.name, backends=_backends(port, slices), affinity_seconds=affinity
        )
        for address in addresses:
            frontends[Frontend(address, protocol, port.port)] = target
        if not port.node_port or spec.type not in {"NodePort", "LoadBalancer"}:
            continue
        frontends[Frontend(ANY_NODE, protocol, port.node_port)] = target
        if spec.external_traffic_policy == "Local":
            for node, address in sorted(nodes.items()):
                local = tuple(backend for backend in target.backends if backend.node == node)
                frontend = Frontend(address, protocol, port.node_port)
                frontends[frontend] = attrs.evolve(target, backends=local)
    return ServiceRules(key=service.key, frontends=FrozenDict(frontends))


def service_key(slice_: EndpointSlice) -> str:
    """The key of the service a slice belongs to."""
    name = slice_.metadata.labels.get(SERVICE_NAME_LABEL, "")
    return f"{slice_.metadata.namespace}/{name}"


def usable_endpoints(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Those that are ready; if none is, those that still serve while they terminate.

    Source: CategorizeEndpoints, pkg/proxy/topology.go, kubernetes v1.34.
    """
    found = list(endpoints)
    ready = [endpoint for endpoint in found if endpoint.conditions.ready is not False]
    if ready:
        return ready
    return [
        endpoint
        for endpoint in found
        if endpoint.conditions.terminating and endpoint.conditions.serving is not False
    ]


def _backends(port: ServicePort, slices: Iterable[EndpointSlice]) -> tuple[Backend, ...]:
    protocol = port.protocol or "TCP"
    pairs: list[tuple[Endpoint, int]] = []
    for slice_ in slices:
        if slice_.address_type != "IPv4":
            continue
        for slice_port in slice_.ports:
            if (slice_port.name or "") != port.name or slice_port.port is None:
                continue
            if (slice_port.protocol or "TCP") == protocol:
                pairs += [(endpoint, slice_port.port) for endpoint in slice_.endpoints]
    usable = {id(endpoint) for endpoint in usable_endpoints(pair[0] for pair in pairs)}
    return tuple(
        sorted(
            {
                Backend(endpoint.addresses[0], number, endpoint.node_name or "")
                for endpoint, number in pairs
                if id(endpoint) in usable and endpoint.addresses
            }
        )
    )


def _affinity_seconds(service: Service) -> int:
    if service.spec.session_affinity != "ClientIP":
        return 0
    config: Any = service.spec.session_affinity_config or {}
    client_ip = config.get("clientIP") or {}
    return int(client_ip.get("timeoutSeconds") or DEFAULT_AFFINITY_SECONDS)


def _balancer_addresses(service: Service) -> tuple[str, ...]:
    status: Any = service.status
    entries = (status.get("loadBalancer") or {}).get("ingress") or ()
    return tuple(entry["ip"] for entry in entries if entry.get("ip"))

"""Where traffic to services goes: the rules, and how they follow from services and endpoints.

It knows nothing about how they are put into effect; that is a `RuleSink`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import attrs

from engine.api.core import Service, ServicePort
from engine.api.discovery import Endpoint, EndpointSlice
from engine.api.frozen import EMPTY, FrozenDict
from engine.proxy.topology import local_endpoints, near_endpoints, usable_endpoints

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
    Clients on a node of *near* use what that says instead; where it says nothing, what they send
    is dropped.
    """

    port_name: str = ""
    backends: tuple[Backend, ...] = ()
    affinity_seconds: int = 0
    near: FrozenDict[str, tuple[Backend, ...]] = EMPTY

    def backends_on(self, node: str) -> tuple[Backend, ...]:
        """What clients on *node* use; "" stands for those on none."""
        return self.near.get(node, self.backends)


@attrs.frozen(kw_only=True)
class ServiceRules:
    """All frontends of one service.

    With a *health_port* every node tells balancers there how many *local* endpoints it has.
    """

    key: str
    frontends: FrozenDict[Frontend, Target] = EMPTY
    health_port: int = 0
    local: FrozenDict[str, int] = EMPTY


@attrs.frozen(kw_only=True)
class RuleSet:
    """The rules of a cluster, by the key of the service.

    *nodes* by name, with their addresses; *networks* of their pods, by the name of the node.
    """

    services: FrozenDict[str, ServiceRules] = EMPTY
    nodes: FrozenDict[str, str] = EMPTY
    networks: FrozenDict[str, str] = EMPTY

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
    zones: Mapping[str, str] = EMPTY,
) -> RuleSet:
    """The rules that *services* with the endpoints in *slices* ask for.

    Args:
        services: all services of the cluster.
        slices: all endpoint slices.
        nodes: the addresses of the nodes by name.
        zones: the zones of the nodes by name.
    """
    of_service: dict[str, list[EndpointSlice]] = {}
    for slice_ in slices:
        of_service.setdefault(service_key(slice_), []).append(slice_)
    built = (
        build_service(service, of_service.get(service.key, ()), nodes, zones)
        for service in services
    )
    return RuleSet(
        services=FrozenDict({rules.key: rules for rules in built if rules.frontends}),
        nodes=FrozenDict(nodes),
    )


def build_service(
    service: Service,
    slices: Iterable[EndpointSlice],
    nodes: Mapping[str, str],
    zones: Mapping[str, str] = EMPTY,
) -> ServiceRules:
    """The rules of one service; none for headless services and aliases.

    With externalTrafficPolicy Local a node's own address leads only to the pods on that node; with
    internalTrafficPolicy Local the service's address does, for the node's pods. Clients on no
    node, the host for one, use every endpoint.
    """
    spec = service.spec
    frontends: dict[Frontend, Target] = {}
    if spec.type == "ExternalName" or spec.cluster_ip in {"", "None"}:
        return ServiceRules(key=service.key)
    slices = sorted(slices, key=lambda slice_: slice_.metadata.name)
    is_local = spec.external_traffic_policy == "Local"
    health_port = int(spec.extra.get("healthCheckNodePort") or 0) if is_local else 0
    counts: dict[str, set[str]] = {}
    for port in spec.ports:
        ends = _Ends.of(port, slices)
        frontends.update(_of_port(service, port, ends, nodes, zones))
        if health_port:
            for endpoint in ends.endpoints:
                if endpoint.conditions.ready is not False:
                    counts.setdefault(endpoint.node_name or "", set()).update(endpoint.addresses)
    return ServiceRules(
        key=service.key,
        frontends=FrozenDict(frontends),
        health_port=health_port,
        local=FrozenDict({node: len(found) for node, found in sorted(counts.items())}),
    )


def _of_port(
    service: Service,
    port: ServicePort,
    ends: "_Ends",
    nodes: Mapping[str, str],
    zones: Mapping[str, str],
) -> dict[Frontend, Target]:
    spec = service.spec
    protocol = (port.protocol or "TCP").lower()
    near = {n: ends.backends(found) for n, found in near_endpoints(ends.endpoints, zones).items()}
    everywhere = Target(
        port_name=port.name,
        backends=ends.backends(usable_endpoints(ends.endpoints)),
        affinity_seconds=_affinity_seconds(service),
        near=FrozenDict(near),
    )
    inside = everywhere
    if spec.internal_traffic_policy == "Local" and everywhere.backends:
        inside = attrs.evolve(
            everywhere, near=FrozenDict({node: ends.local(node) for node in sorted(nodes)})
        )
    found = {Frontend(spec.cluster_ip, protocol, port.port): inside}
    for address in (*spec.external_ips, *_balancer_addresses(service)):
        found[Frontend(address, protocol, port.port)] = everywhere
    if not port.node_port or spec.type not in {"NodePort", "LoadBalancer"}:
        return found
    found[Frontend(ANY_NODE, protocol, port.node_port)] = everywhere
    if spec.external_traffic_policy == "Local":
        near = {node: ends.local(node) for node in nodes}
    for node in sorted(near.keys() & nodes.keys()):
        frontend = Frontend(nodes[node], protocol, port.node_port)
        found[frontend] = attrs.evolve(everywhere, backends=near[node], near=EMPTY)
    return found


def service_key(slice_: EndpointSlice) -> str:
    """The key of the service a slice belongs to."""
    name = slice_.metadata.labels.get(SERVICE_NAME_LABEL, "")
    return f"{slice_.metadata.namespace}/{name}"


@attrs.frozen
class _Ends:
    """The endpoints of a port, each with its own number of it, by identity."""

    endpoints: tuple[Endpoint, ...]
    numbers: Mapping[int, int]

    @classmethod
    def of(cls, port: ServicePort, slices: Iterable[EndpointSlice]) -> "_Ends":
        """What *slices* say of *port*."""
        protocol = port.protocol or "TCP"
        endpoints: list[Endpoint] = []
        numbers: dict[int, int] = {}
        for slice_ in slices:
            if slice_.address_type != "IPv4":
                continue
            for slice_port in slice_.ports:
                if (slice_port.name or "") != port.name or slice_port.port is None:
                    continue
                if (slice_port.protocol or "TCP") == protocol:
                    endpoints += slice_.endpoints
                    numbers |= dict.fromkeys(map(id, slice_.endpoints), slice_port.port)
        return cls(tuple(endpoints), numbers)

    def backends(self, endpoints: Iterable[Endpoint]) -> tuple[Backend, ...]:
        """*endpoints* as backends, in order."""
        found = {
            Backend(endpoint.addresses[0], self.numbers[id(endpoint)], endpoint.node_name or "")
            for endpoint in endpoints
            if endpoint.addresses
        }
        return tuple(sorted(found))

    def local(self, node: str) -> tuple[Backend, ...]:
        """The backends on *node*."""
        return self.backends(local_endpoints(self.endpoints, node))


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

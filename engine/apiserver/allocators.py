"""Which addresses and ports services get: what is asked for if it is free, else a random free one.

What is taken is read from the services themselves, so nothing can leak or be given twice.

Source: pkg/registry/core/service/ipallocator and portallocator, kubernetes v1.34.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import attrs

from engine.api.core import Service, ServicePort
from engine.api.scheme import SCHEME
from engine.apiserver.errors import InternalError, InvalidError
from engine.apiserver.keys import prefix_of
from engine.apiserver.service_ranges import service_networks
from engine.apiserver.strategy import Surroundings
from engine.apiserver.validation import invalid
from engine.kernel.rng import Stream
from engine.store.kv import prefix_end

NODE_PORTS = range(30000, 32768)
# The lower part of both ranges is left to those who ask for a particular value.
_STATIC_PORTS = 86

_SERVICES = SCHEME.resource_of(Service)


def allocate_cluster_ip(service: Service, around: Surroundings) -> str:
    """The address *service* asks for, or a free one.

    Raises:
        InvalidError: the one asked for is taken, or in no range of services.
        InternalError: no address is left.
    """
    networks = service_networks(around)
    taken = {other.spec.cluster_ip for other in _others(service, around)}
    wanted = service.spec.cluster_ip
    if wanted:
        _check_address(service, wanted, networks, taken)
        return wanted
    stream = around.stream("apiserver/service-addresses")
    for network in networks:
        address = _free_address(network, taken, stream)
        if address:
            return address
    raise InternalError("failed to allocate a serviceIP: range is full")


def _free_address(network: IPv4Network, taken: set[str], stream: Stream) -> str:
    """A free address of *network*, from its upper part if there is one; empty if there is none."""
    first, size = int(network.network_address), network.num_addresses
    static = min(max(16, size // 16), 256) if size > 16 else 1
    for lower, upper in ((static, size - 1), (1, static)):
        count = upper - lower
        if count <= 0:
            continue
        begin = stream.randrange(count)
        for step in range(count):
            address = str(IPv4Address(first + lower + (begin + step) % count))
            if address not in taken:
                return address
    return ""


def allocate_node_ports(service: Service, around: Surroundings) -> tuple[ServicePort, ...]:
    """The ports of *service*, each with a port of the nodes.

    Raises:
        InvalidError: one that is asked for is taken.
        InternalError: none is left.
    """
    if service.spec.extra.get("allocateLoadBalancerNodePorts") is False:
        return service.spec.ports
    others = _others(service, around)
    taken = {
        (port.protocol, port.node_port)
        for other in others
        for port in other.spec.ports
        if port.node_port
    }
    services = (*others, service)
    taken |= {("TCP", found.spec.extra.get("healthCheckNodePort") or 0) for found in services}
    given = []
    for index, port in enumerate(service.spec.ports):
        number = port.node_port
        if not number:
            number = _free_port(port.protocol, taken, service, around)
        elif (port.protocol, number) in taken:
            cause = invalid(
                f"spec.ports[{index}].nodePort", number, "provided port is already allocated"
            )
            raise InvalidError.of("Service", service.metadata.name, [cause])
        taken.add((port.protocol, number))
        given.append(port if number == port.node_port else attrs.evolve(port, node_port=number))
    return tuple(given)


def allocate_health_port(service: Service, around: Surroundings) -> int:
    """The health check port of a load balancer that leads to local endpoints only.

    Raises:
        InvalidError: the one that is asked for is taken.
        InternalError: none is left.

    Source: allocHealthCheckNodePort, pkg/registry/core/service/storage, kubernetes v1.34.
    """
    taken = {("TCP", port.node_port) for port in service.spec.ports if port.node_port}
    for other in _others(service, around):
        taken |= {("TCP", port.node_port) for port in other.spec.ports if port.node_port}
        taken.add(("TCP", other.spec.extra.get("healthCheckNodePort") or 0))
    wanted = service.spec.extra.get("healthCheckNodePort")
    if not wanted:
        return _free_port("TCP", taken, service, around)
    if ("TCP", wanted) in taken:
        cause = invalid("spec.healthCheckNodePort", wanted, "provided port is already allocated")
        raise InvalidError.of("Service", service.metadata.name, [cause])
    return int(wanted)


def _others(service: Service, around: Surroundings) -> list[Any]:
    prefix = prefix_of(_SERVICES)
    key = service.key
    found = around.storage.range(prefix, prefix_end(prefix)).kvs
    return [kv.value for kv in found if kv.value.key != key]


def _check_address(
    service: Service, wanted: str, networks: tuple[IPv4Network, ...], taken: set[str]
) -> None:
    message = ""
    address = IPv4Address(wanted)
    if not any(address in network for network in networks):
        message = (
            f"failed to allocate IP {wanted}: the provided network does not match the current range"
        )
    elif wanted in taken:
        message = f"failed to allocate IP {wanted}: provided IP is already allocated"
    if message:
        cause = invalid("spec.clusterIPs", wanted, message)
        raise InvalidError.of("Service", service.metadata.name, [cause])


def _free_port(
    protocol: str, taken: set[tuple[str, int]], service: Service, around: Surroundings
) -> int:
    wished = {port.node_port for port in service.spec.ports}
    stream = around.stream("apiserver/node-ports")
    dynamic = NODE_PORTS[_STATIC_PORTS:]
    for ports in (dynamic, NODE_PORTS[:_STATIC_PORTS]):
        begin = stream.randrange(len(ports))
        for step in range(len(ports)):
            number = ports[(begin + step) % len(ports)]
            if (protocol, number) not in taken and number not in wished:
                return number
    raise InternalError("failed to allocate a nodePort: range is full")

"""Which DNS records a service gives rise to, as the cluster DNS specification has it.

It knows nothing about the wire format or who asks.
Source: github.com/kubernetes/dns, docs/specification.md, schema version 1.1.0.
"""

import ipaddress
from collections.abc import Iterable, Iterator

import attrs

from engine.api.core import Service
from engine.api.discovery import Endpoint, EndpointSlice
from engine.api.frozen import EMPTY, FrozenDict


@attrs.frozen(order=True)
class Srv:
    """Where a named port is served."""

    port: int
    target: str
    priority: int = 0
    weight: int = 100


@attrs.frozen(kw_only=True)
class Records:
    """The records of one service; names in lower case without a dot at the end."""

    a: FrozenDict[str, tuple[str, ...]] = EMPTY
    srv: FrozenDict[str, tuple[Srv, ...]] = EMPTY
    cname: FrozenDict[str, str] = EMPTY
    ptr: FrozenDict[str, str] = EMPTY

    def names(self) -> Iterator[str]:
        """Every name that has a record, except reverse ones."""
        yield from self.a
        yield from self.srv
        yield from self.cname


def service_name(service: Service, domain: str) -> str:
    """The full name of a service."""
    return f"{service.metadata.name}.{service.metadata.namespace}.svc.{domain}".lower()


def build_records(service: Service, slices: Iterable[EndpointSlice], domain: str) -> Records:
    """The records of *service* with the endpoints in *slices*."""
    name = service_name(service, domain)
    spec = service.spec
    if spec.type == "ExternalName":
        return Records(cname=FrozenDict({name: spec.external_name.rstrip(".").lower()}))
    if spec.cluster_ip == "None":
        return _headless(name, slices)
    if not spec.cluster_ip:
        return Records()
    srv = {
        f"_{port.name}._{(port.protocol or 'TCP').lower()}.{name}": (Srv(port.port, name),)
        for port in spec.ports
        if port.name
    }
    return Records(
        a=FrozenDict({name: (spec.cluster_ip,)}),
        srv=FrozenDict(srv),
        ptr=FrozenDict({reverse_name(spec.cluster_ip): name}),
    )


def reverse_name(ip: str) -> str:
    """The name under which the PTR record of *ip* is asked for."""
    return ipaddress.ip_address(ip).reverse_pointer


def pod_address(name: str, domain: str) -> str:
    """The address in a name like ``10-244-1-2.default.pod.cluster.local``; empty if it is none."""
    first, _, rest = name.partition(".")
    namespace, _, suffix = rest.partition(".")
    if not namespace or suffix != f"pod.{domain}":
        return ""
    try:
        return str(ipaddress.IPv4Address(first.replace("-", ".")))
    except ValueError:
        return ""


def _headless(name: str, slices: Iterable[EndpointSlice]) -> Records:
    addresses: dict[str, set[str]] = {}
    srv: dict[str, set[Srv]] = {}
    ptr: dict[str, str] = {}
    for slice_ in slices:
        if slice_.address_type != "IPv4":
            continue
        for endpoint in slice_.endpoints:
            if endpoint.conditions.ready is False:
                continue
            for ip in endpoint.addresses:
                own = f"{_label(endpoint, ip)}.{name}"
                addresses.setdefault(name, set()).add(ip)
                addresses.setdefault(own, set()).add(ip)
                ptr[reverse_name(ip)] = own
                for port in slice_.ports:
                    if port.name and port.port is not None:
                        service = f"_{port.name}._{(port.protocol or 'TCP').lower()}.{name}"
                        srv.setdefault(service, set()).add(Srv(port.port, own))
    return Records(
        a=FrozenDict({key: tuple(sorted(found)) for key, found in addresses.items()}),
        srv=FrozenDict({key: tuple(sorted(found)) for key, found in srv.items()}),
        ptr=FrozenDict(ptr),
    )


def _label(endpoint: Endpoint, ip: str) -> str:
    return (endpoint.hostname or ip.replace(".", "-")).lower()

"""The columns of services and what stands behind them.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from typing import Any

from engine.api.codec import decode_part
from engine.api.core import Endpoints, Service, ServicePort
from engine.api.discovery import EndpointSlice
from engine.api.frozen import EMPTY
from engine.api.meta import LabelSelector
from engine.api.selectors import format_selector
from engine.apiserver.columns.column import Columns, age, columns, labels_text, wire_parts


def _port(port: ServicePort) -> str:
    node = f":{port.node_port}" if port.node_port else ""
    return f"{port.port}{node}/{port.protocol}"


def _external(service: Service) -> str:
    spec = service.spec
    if spec.type == "ExternalName":
        return spec.external_name
    addresses = list(spec.external_ips)
    if spec.type == "LoadBalancer":
        ingress = service.status.get("loadBalancer", EMPTY).get("ingress", ())
        addresses = [item.get("ip") or item.get("hostname", "") for item in ingress] + addresses
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or "<none>"


def _service(service: Service, now: float) -> tuple[Any, ...]:
    spec = service.spec
    return (
        service.metadata.name,
        spec.type,
        spec.cluster_ip or "<none>",
        _external(service),
        ",".join(_port(port) for port in spec.ports) or "<none>",
        age(service.metadata.creation_timestamp, now),
        labels_text(spec.selector),
    )


def _shortened(items: list[str], limit: int) -> str:
    """*items* joined, those over the limit only counted."""
    if not items:
        return "<none>"
    more = len(items) - limit
    return ",".join(items[:limit]) + (f" + {more} more..." if more > 0 else "")


def _endpoints(endpoints: Endpoints, now: float) -> tuple[Any, ...]:
    found = []
    for subset in endpoints.subsets:
        for port in subset.ports:
            found += [f"{address.ip}:{port.port}" for address in subset.addresses]
        if not subset.ports:
            found += [address.ip for address in subset.addresses]
    meta = endpoints.metadata
    return meta.name, _shortened(found, 3), age(meta.creation_timestamp, now)


def _slice(piece: EndpointSlice, now: float) -> tuple[Any, ...]:
    addresses = [address for endpoint in piece.endpoints for address in endpoint.addresses]
    ports = ["*" if port.port is None else str(port.port) for port in piece.ports]
    return (
        piece.metadata.name,
        piece.address_type,
        _shortened(ports, 3) if ports else "<unset>",
        _shortened(addresses, 3) if addresses else "<unset>",
        age(piece.metadata.creation_timestamp, now),
    )


def _ingress(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status = wire_parts(obj)
    hosts = [str(rule["host"]) for rule in spec.get("rules", ()) if rule.get("host")]
    ingress = status.get("loadBalancer", EMPTY).get("ingress", ())
    return (
        obj.metadata.name,
        spec.get("ingressClassName") or "<none>",
        _shortened(hosts, 3) if hosts else "*",
        ",".join(item.get("ip") or item.get("hostname", "") for item in ingress),
        "80, 443" if spec.get("tls") else "80",
        age(obj.metadata.creation_timestamp, now),
    )


def _policy(obj: Any, now: float) -> tuple[Any, ...]:
    spec, _ = wire_parts(obj)
    selector = decode_part(LabelSelector, spec.get("podSelector") or EMPTY)
    shown = format_selector(selector) or "<none>"
    return obj.metadata.name, shown, age(obj.metadata.creation_timestamp, now)


def _ingress_class(obj: Any, now: float) -> tuple[Any, ...]:
    spec, _ = wire_parts(obj)
    parameters = spec.get("parameters") or EMPTY
    shown = "<none>"
    if parameters:
        group = parameters.get("apiGroup")
        shown = f"{parameters.get('kind', '')}{'.' + group if group else ''}"
        shown += f"/{parameters.get('name', '')}"
    return (
        obj.metadata.name,
        spec.get("controller", ""),
        shown,
        age(obj.metadata.creation_timestamp, now),
    )


def _address(obj: Any, _now: float) -> tuple[Any, ...]:
    spec, _ = wire_parts(obj)
    parent = spec.get("parentRef") or EMPTY
    parts = (parent.get("group"), parent.get("resource"), parent.get("namespace"))
    place = "/".join(str(part) for part in (*parts, parent.get("name")) if part)
    return obj.metadata.name, place


def _cidr(obj: Any, now: float) -> tuple[Any, ...]:
    spec, _ = wire_parts(obj)
    cidrs = ",".join(spec.get("cidrs") or ())
    return obj.metadata.name, cidrs, age(obj.metadata.creation_timestamp, now)


SERVICES = Columns(
    columns("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", wide=("Selector",)),
    _service,
)
ENDPOINTS = Columns(columns("Name", "Endpoints", "Age"), _endpoints)
ENDPOINT_SLICES = Columns(columns("Name", "AddressType", "Ports", "Endpoints", "Age"), _slice)
INGRESSES = Columns(columns("Name", "Class", "Hosts", "Address", "Ports", "Age"), _ingress)
POLICIES = Columns(columns("Name", "Pod-Selector", "Age"), _policy)
INGRESS_CLASSES = Columns(columns("Name", "Controller", "Parameters", "Age"), _ingress_class)
ADDRESSES = Columns(columns("Name", "ParentRef"), _address)
SERVICE_CIDRS = Columns(columns("Name", "CIDRs", "Age"), _cidr)

"""Checks ingresses and network policies. All faults are found, none is raised.

Source: pkg/apis/networking/validation, kubernetes v1.34.
"""

from ipaddress import ip_address, ip_network

from engine.api.networking import (
    HTTPIngressPath,
    IngressBackend,
    IngressRule,
    IngressSpec,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
)
from engine.apiserver.container_validation import PROTOCOLS, port_faults, port_name_faults
from engine.apiserver.errors import Cause
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.validation import (
    forbidden,
    invalid,
    invalid_all,
    label_1035_faults,
    required,
    subdomain_faults,
    unsupported,
)

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")


def validate_ingress(spec: IngressSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    if not spec.rules and spec.default_backend is None:
        message = "either `defaultBackend` or `rules` must be specified"
        causes.append(invalid("spec", spec.rules, message))
    if spec.default_backend is not None:
        causes += _backend(spec.default_backend, "spec.defaultBackend")
    for index, rule in enumerate(spec.rules):
        causes += _rule(rule, f"spec.rules[{index}]")
    for index, tls in enumerate(spec.tls):
        for number, host in enumerate(tls.hosts):
            causes += _host(host, f"spec.tls[{index}].hosts[{number}]")
        if tls.secret_name:
            faults = subdomain_faults(tls.secret_name)
            causes += invalid_all(f"spec.tls[{index}].secretName", tls.secret_name, faults)
    if spec.ingress_class_name is not None:
        faults = subdomain_faults(spec.ingress_class_name)
        causes += invalid_all("spec.ingressClassName", spec.ingress_class_name, faults)
    return causes


def validate_network_policy(spec: NetworkPolicySpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes = validate_selector(spec.pod_selector, "spec.podSelector")
    for index, rule in enumerate(spec.ingress):
        path = f"spec.ingress[{index}]"
        causes += _ports(rule.ports, path)
        for number, peer in enumerate(rule.from_):
            causes += _peer(peer, f"{path}.from[{number}]")
    for index, leaving in enumerate(spec.egress):
        path = f"spec.egress[{index}]"
        causes += _ports(leaving.ports, path)
        for number, peer in enumerate(leaving.to):
            causes += _peer(peer, f"{path}.to[{number}]")
    allowed = ("Egress", "Ingress")
    if len(spec.policy_types) > len(allowed):
        message = "may not specify more than two policyTypes"
        return [*causes, invalid("spec.policyTypes", spec.policy_types, message)]
    causes += [
        unsupported(f"spec.policyTypes[{index}]", kind, allowed)
        for index, kind in enumerate(spec.policy_types)
        if kind not in allowed
    ]
    return causes


def _host(host: str, path: str) -> list[Cause]:
    try:
        ip_address(host)
    except ValueError:
        name = host.removeprefix("*.")
        if "*" in name:
            message = "a wildcard DNS-1123 subdomain must start with '*.'"
            return [invalid(path, host, message)]
        return invalid_all(path, host, subdomain_faults(name))
    return [invalid(path, host, "must be a DNS name, not an IP address")]


def _rule(rule: IngressRule, path: str) -> list[Cause]:
    causes = _host(rule.host, f"{path}.host") if rule.host else []
    if rule.http is None:
        return causes
    if not rule.http.paths:
        causes.append(required(f"{path}.http.paths"))
    for index, item in enumerate(rule.http.paths):
        causes += _path(item, f"{path}.http.paths[{index}]")
    return causes


def _path(item: HTTPIngressPath, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if item.path_type is None:
        return [required(f"{path}.pathType", "pathType must be specified")]
    if item.path_type not in _PATH_TYPES:
        causes.append(unsupported(f"{path}.pathType", item.path_type, _PATH_TYPES))
    elif item.path_type in ("Exact", "Prefix"):
        if not item.path.startswith("/"):
            causes.append(invalid(f"{path}.path", item.path, "must be an absolute path"))
        causes += [
            invalid(f"{path}.path", item.path, f"must not contain '{bad}'")
            for bad in _BAD_PARTS
            if bad in item.path
        ]
    elif item.path and not item.path.startswith("/"):
        causes.append(invalid(f"{path}.path", item.path, "must be an absolute path"))
    return causes + _backend(item.backend, f"{path}.backend")


def _backend(backend: IngressBackend, path: str) -> list[Cause]:
    service = backend.service
    if service is not None and backend.resource is not None:
        message = "cannot set both resource and service backends"
        return [Cause(field=path, message=f"Invalid value: {message}")]
    if backend.resource is not None:
        return []
    if service is None:
        return [required(path, "resource or service backend is required")]
    causes: list[Cause] = []
    if not service.name:
        causes.append(required(f"{path}.service.name"))
    else:
        faults = label_1035_faults(service.name)
        causes += invalid_all(f"{path}.service.name", service.name, faults)
    port = service.port
    if port.name and port.number:
        message = "cannot set both port name & port number"
        causes.append(Cause(field=path, message=f"Invalid value: {message}"))
    elif port.name:
        faults = port_name_faults(port.name)
        causes += invalid_all(f"{path}.service.port.name", port.name, faults)
    elif port.number:
        faults = port_faults(port.number)
        causes += invalid_all(f"{path}.service.port.number", port.number, faults)
    else:
        causes.append(required(path, "port name or number is required"))
    return causes


def _ports(ports: tuple[NetworkPolicyPort, ...], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, port in enumerate(ports):
        place = f"{path}.ports[{index}]"
        if port.protocol is not None and port.protocol not in PROTOCOLS:
            causes.append(unsupported(f"{place}.protocol", port.protocol, PROTOCOLS))
        if isinstance(port.port, int):
            causes += invalid_all(f"{place}.port", port.port, port_faults(port.port))
            if port.end_port is not None and port.end_port < port.port:
                message = "must be greater than or equal to `port`"
                causes.append(invalid(f"{place}.endPort", port.end_port, message))
        elif isinstance(port.port, str):
            causes += invalid_all(f"{place}.port", port.port, port_name_faults(port.port))
            if port.end_port is not None:
                message = "may not be specified when `port` is non-numeric"
                causes.append(invalid(f"{place}.endPort", port.end_port, message))
        elif port.end_port is not None:
            message = "may not be specified when `port` is not specified"
            causes.append(invalid(f"{place}.endPort", port.end_port, message))
    return causes


def _peer(peer: NetworkPolicyPeer, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, selector in (
        ("podSelector", peer.pod_selector),
        ("namespaceSelector", peer.namespace_selector),
    ):
        if selector is not None:
            causes += validate_selector(selector, f"{path}.{field}")
    has_selector = peer.pod_selector is not None or peer.namespace_selector is not None
    if peer.ip_block is None:
        return causes if has_selector else [*causes, required(path, "must specify a peer")]
    if has_selector:
        message = "may not specify both ipBlock and another peer"
        return [*causes, forbidden(path, message)]
    block = peer.ip_block
    place = f"{path}.ipBlock"
    if not block.cidr:
        return [*causes, required(f"{place}.cidr")]
    try:
        network = ip_network(block.cidr, strict=False)
    except ValueError:
        message = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        return [*causes, invalid(f"{place}.cidr", block.cidr, message)]
    for index, text in enumerate(block.except_):
        spot = f"{place}.except[{index}]"
        try:
            hole = ip_network(text, strict=False)
        except ValueError:
            message = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            causes.append(invalid(spot, text, message))
            continue
        is_inside = hole.version == network.version and (
            hole.prefixlen > network.prefixlen and hole.network_address in network
        )
        if not is_inside:
            causes.append(invalid(spot, text, "must be a strict subset of `cidr`"))
    return causes

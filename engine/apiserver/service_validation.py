"""Checks services. All faults are found, none is raised.

Source: ValidateService of pkg/apis/core/validation, kubernetes v1.34.
"""

from ipaddress import AddressValueError, IPv4Address, ip_address, ip_network

from engine.api.core import Service, ServicePort
from engine.apiserver.allocators import NODE_PORTS
from engine.apiserver.container_validation import port_faults, port_name_faults
from engine.apiserver.errors import Cause
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    label_faults,
    required,
    subdomain_faults,
    unsupported,
    validate_labels,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_POLICIES = ("Cluster", "Local")
_EXTERNAL = ("NodePort", "LoadBalancer")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_LONGEST_AFFINITY = 86400


def validate_service(service: Service) -> list[Cause]:
    """All that is wrong with *service*."""
    spec = service.spec
    causes: list[Cause] = []
    if spec.type not in _TYPES:
        causes.append(unsupported("spec.type", spec.type, _TYPES))
    if spec.type == "ExternalName":
        causes += _name_elsewhere(spec.external_name)
    elif not spec.ports and spec.cluster_ip != "None":
        causes.append(required("spec.ports"))
    causes += validate_labels(spec.selector, "spec.selector")
    causes += _ports(service)
    if spec.session_affinity not in ("None", "ClientIP"):
        causes.append(
            unsupported("spec.sessionAffinity", spec.session_affinity, ("ClientIP", "None"))
        )
    for field, policy in (
        ("internalTrafficPolicy", spec.internal_traffic_policy),
        ("externalTrafficPolicy", spec.external_traffic_policy),
    ):
        if policy and policy not in _POLICIES:
            causes.append(unsupported(f"spec.{field}", policy, _POLICIES))
    causes += _session(service)
    causes += _external(service)
    if spec.type == "ExternalName":
        return causes + _without_address(service)
    causes += _ip_families(service)
    if spec.cluster_ip == "None" and spec.type in ("NodePort", "LoadBalancer"):
        message = f"may not be set to 'None' for {spec.type} services"
        causes.append(invalid("spec.clusterIPs[0]", "None", message))
    elif spec.cluster_ip not in ("", "None") and not is_ipv4(spec.cluster_ip):
        message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        causes.append(invalid("spec.clusterIPs[0]", spec.cluster_ip, message))
    return causes


def _name_elsewhere(name: str) -> list[Cause]:
    if not name:
        return [required("spec.externalName")]
    bare = name.removesuffix(".")
    return [invalid("spec.externalName", bare, fault) for fault in subdomain_faults(bare)]


def _session(service: Service) -> list[Cause]:
    """How long a client stays with one pod."""
    config = service.spec.session_affinity_config or {}
    seconds = (config.get("clientIP") or {}).get("timeoutSeconds")
    path = "spec.sessionAffinityConfig"
    if service.spec.session_affinity == "None" and config:
        message = "must not be set when session affinity is None"
        return [forbidden(path, message)]
    if seconds is None or 0 < seconds <= _LONGEST_AFFINITY:
        return []
    message = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
    return [invalid(f"{path}.clientIP.timeoutSeconds", seconds, message)]


def _external(service: Service) -> list[Cause]:
    """What only services have that can be reached from outside."""
    spec = service.spec
    causes: list[Cause] = []
    for index, address in enumerate(spec.external_ips):
        if not _is_address(address):
            message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            causes.append(invalid(f"spec.externalIPs[{index}]", address, message))
    is_external = spec.type in _EXTERNAL or bool(spec.external_ips)
    if spec.external_traffic_policy and not is_external:
        message = "may only be set for externally-accessible services"
        policy = spec.external_traffic_policy
        causes.append(invalid("spec.externalTrafficPolicy", policy, message))
    if spec.type != "LoadBalancer":
        causes += [
            forbidden(f"spec.{field}", "may only be used when `type` is 'LoadBalancer'")
            for field in (
                "allocateLoadBalancerNodePorts", "loadBalancerClass", "loadBalancerSourceRanges"
            )
            if spec.extra.get(field) is not None
        ]  # fmt: skip
        return causes
    for index, text in enumerate(spec.extra.get("loadBalancerSourceRanges") or ()):
        try:
            ip_network(str(text).strip(), strict=False)
        except ValueError:
            message = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            causes.append(invalid(f"spec.loadBalancerSourceRanges[{index}]", text, message))
    return causes


def _without_address(service: Service) -> list[Cause]:
    """A name elsewhere has no address here."""
    spec = service.spec
    return [
        forbidden(f"spec.{field}", "may not be set for ExternalName services")
        for field, value in (
            ("clusterIP", spec.cluster_ip),
            ("ipFamilies", spec.ip_families),
            ("ipFamilyPolicy", spec.ip_family_policy),
        )
        if value
    ]


def _ip_families(service: Service) -> list[Cause]:
    """The network of services has IPv4 addresses only."""
    spec = service.spec
    causes: list[Cause] = []
    policy = spec.ip_family_policy
    if policy and policy not in _FAMILY_POLICIES:
        causes.append(unsupported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES))
    elif policy == "RequireDualStack":
        message = "this cluster is not configured for dual-stack services"
        causes.append(invalid("spec.ipFamilyPolicy", policy, message))
    seen: dict[str, None] = {}
    for index, family in enumerate(spec.ip_families):
        path = f"spec.ipFamilies[{index}]"
        if family not in _FAMILIES:
            causes.append(unsupported(path, family, _FAMILIES))
        elif family in seen:
            causes.append(duplicate(path, family))
        elif family != "IPv4":
            causes.append(invalid(path, family, "not configured on this cluster"))
        seen[family] = None
    return causes


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def validate_service_update(new: Service, old: Service) -> list[Cause]:
    """All that *new* changes and may not."""
    if "ExternalName" in (new.spec.type, old.spec.type):
        return []
    if new.spec.cluster_ip != old.spec.cluster_ip and old.spec.cluster_ip:
        shown = f'["{new.spec.cluster_ip}"]'
        message = "may not change once set"
        return [Cause(field="spec.clusterIPs[0]", message=f"Invalid value: {shown}: {message}")]
    return []


def is_ipv4(text: str) -> bool:
    """Whether *text* is an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _ports(service: Service) -> list[Cause]:
    causes: list[Cause] = []
    names: dict[str, None] = {}
    seen: dict[tuple[str, int], None] = {}
    ports = service.spec.ports
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        causes += _port(port, path, service.spec.type, needs_name=len(ports) > 1)
        if port.name and port.name in names:
            causes.append(duplicate(f"{path}.name", port.name))
        names[port.name] = None
        if (port.protocol, port.port) in seen:
            causes.append(duplicate(path, f"{port.protocol}/{port.port}"))
        seen[port.protocol, port.port] = None
    return causes


def _port(port: ServicePort, path: str, type_: str, *, needs_name: bool) -> list[Cause]:
    causes = [invalid(f"{path}.port", port.port, fault) for fault in port_faults(port.port)]
    if needs_name and not port.name:
        causes.append(required(f"{path}.name"))
    elif port.name:
        causes += [invalid(f"{path}.name", port.name, fault) for fault in label_faults(port.name)]
    if port.protocol not in _PROTOCOLS:
        causes.append(unsupported(f"{path}.protocol", port.protocol, _PROTOCOLS))
    target = port.target_port
    if isinstance(target, int):
        causes += [invalid(f"{path}.targetPort", target, fault) for fault in port_faults(target)]
    elif isinstance(target, str):
        causes += [invalid(f"{path}.targetPort", target, f) for f in port_name_faults(target)]
    if port.node_port:
        if type_ not in ("NodePort", "LoadBalancer"):
            message = f"may not be used when `type` is '{type_}'"
            causes.append(forbidden(f"{path}.nodePort", message))
        elif port.node_port not in NODE_PORTS:
            message = (
                "provided port is not in the valid range. The range of valid ports is "
                f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            )
            causes.append(invalid(f"{path}.nodePort", port.node_port, message))
    return causes

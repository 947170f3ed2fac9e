"""Checks services. All faults are found, none is raised.

Source: ValidateService of pkg/apis/core/validation, kubernetes v1.34.
"""

from ipaddress import AddressValueError, IPv4Address

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


def validate_service(service: Service) -> list[Cause]:
    """All that is wrong with *service*."""
    spec = service.spec
    causes: list[Cause] = []
    if spec.type not in _TYPES:
        causes.append(unsupported("spec.type", spec.type, _TYPES))
    if spec.type == "ExternalName":
        if not spec.external_name:
            causes.append(required("spec.externalName"))
        else:
            name = spec.external_name.removesuffix(".")
            causes += [invalid("spec.externalName", name, f) for f in subdomain_faults(name)]
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
    if spec.cluster_ip == "None" and spec.type in ("NodePort", "LoadBalancer"):
        message = f"may not be set to 'None' for {spec.type} services"
        causes.append(invalid("spec.clusterIPs[0]", "None", message))
    elif spec.cluster_ip not in ("", "None") and not is_ipv4(spec.cluster_ip):
        message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        causes.append(invalid("spec.clusterIPs[0]", spec.cluster_ip, message))
    return causes


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

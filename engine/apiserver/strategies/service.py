"""Service: addresses and ports are given to it, and taken back, by its type."""

from typing import Any

import attrs

from engine.api.core import Service, ServicePort
from engine.api.frozen import FrozenDict
from engine.apiserver.allocators import (
    allocate_cluster_ip,
    allocate_health_port,
    allocate_node_ports,
)
from engine.apiserver.errors import Cause
from engine.apiserver.object_warnings import service_warnings
from engine.apiserver.service_validation import validate_service, validate_service_update
from engine.apiserver.strategy import Surroundings, WithoutGeneration

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class ServiceStrategy(WithoutGeneration):
    """Services."""

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """Addresses and ports that the client left away stay as they are."""
        new = super().prepare_for_update(new, old, around)
        new = attrs.evolve(new, spec=_without_leftovers(new.spec, old.spec))
        spec, was = new.spec, old.spec
        if spec.type == "ExternalName" or was.type == "ExternalName":
            return new
        if not spec.cluster_ip:
            spec = attrs.evolve(spec, cluster_ip=was.cluster_ip, cluster_ips=was.cluster_ips)
        if not spec.ip_families:
            spec = attrs.evolve(
                spec, ip_families=was.ip_families, ip_family_policy=was.ip_family_policy
            )
        if spec.type in _WITH_NODE_PORTS:
            spec = attrs.evolve(spec, ports=_kept_node_ports(spec.ports, was.ports))
        return attrs.evolve(new, spec=spec)

    def default(self, obj: Any) -> Any:
        """ClusterIP over TCP, to the same port of the pods, without affinity."""
        spec = obj.spec
        type_ = spec.type or "ClusterIP"
        changes: dict[str, Any] = {
            "type": type_,
            "session_affinity": spec.session_affinity or "None",
            "ports": tuple([_port(port) for port in spec.ports]),
        }
        if spec.session_affinity == "ClientIP" and spec.session_affinity_config is None:
            changes["session_affinity_config"] = FrozenDict(
                {"clientIP": FrozenDict({"timeoutSeconds": 10800})}
            )
        if changes["session_affinity"] == "None":
            changes["session_affinity_config"] = None
        if type_ != "ExternalName":
            changes["internal_traffic_policy"] = spec.internal_traffic_policy or "Cluster"
            changes["ip_families"] = spec.ip_families or ("IPv4",)
            changes["ip_family_policy"] = spec.ip_family_policy or "SingleStack"
        if type_ in _WITH_NODE_PORTS:
            changes["external_traffic_policy"] = spec.external_traffic_policy or "Cluster"
        if type_ == "LoadBalancer" and "allocateLoadBalancerNodePorts" not in spec.extra:
            changes["extra"] = spec.extra.with_items({"allocateLoadBalancerNodePorts": True})
        return attrs.evolve(obj, spec=attrs.evolve(spec, **changes))

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of what is not used without an address."""
        del old
        return service_warnings(new)

    def validate(self, obj: Any) -> list[Cause]:
        """Type, ports, addresses, affinity."""
        return validate_service(obj)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The cluster address stays."""
        return validate_service_update(new, old)

    def allocate(self, obj: Any, old: Any | None, around: Surroundings) -> Any:
        """An address in the service network, and ports of the nodes, if the type has them."""
        obj = self._with_health_port(obj, old, around)
        spec = obj.spec
        if spec.type == "ExternalName":
            spec = attrs.evolve(spec, cluster_ip="", cluster_ips=())
        elif spec.cluster_ip == "None":
            spec = attrs.evolve(spec, cluster_ips=("None",))
        else:
            had = old.spec.cluster_ip if old is not None else ""
            address = spec.cluster_ip
            if not address or address != had:
                address = allocate_cluster_ip(obj, around)
            spec = attrs.evolve(spec, cluster_ip=address, cluster_ips=(address,))
        if spec.type == "LoadBalancer" and not spec.extra.get(
            "allocateLoadBalancerNodePorts", True
        ):
            return obj if spec == obj.spec else attrs.evolve(obj, spec=spec)
        if spec.type in _WITH_NODE_PORTS:
            spec = attrs.evolve(spec, ports=allocate_node_ports(obj, around))
        else:
            spec = _without_node_ports(spec, old)
        return obj if spec == obj.spec else attrs.evolve(obj, spec=spec)

    def _with_health_port(self, obj: Any, old: Any | None, around: Surroundings) -> Any:
        """*obj* with a health check port if, and only if, it leads to local endpoints."""
        spec, name = obj.spec, "healthCheckNodePort"
        given = spec.extra.get(name)
        if spec.type != "LoadBalancer" or spec.external_traffic_policy != "Local":
            had = old.spec.extra.get(name) if old is not None else None
            if given is None or given != had:
                return obj
            return attrs.evolve(obj, spec=attrs.evolve(spec, extra=spec.extra.without(name)))
        if old is not None and not given and old.spec.extra.get(name):
            port = old.spec.extra[name]
        elif old is not None and given and old.spec.extra.get(name) == given:
            return obj
        else:
            port = allocate_health_port(obj, around)
        extra = spec.extra.with_items({name: port})
        return attrs.evolve(obj, spec=attrs.evolve(spec, extra=extra))


def _without_leftovers(spec: Any, was: Any) -> Any:
    """*spec* without what only the former type had, where the client just sent it back.

    Source: pkg/registry/core/service/storage, dropTypeDependentFields, kubernetes v1.34.
    """
    changes: dict[str, Any] = {}
    if spec.type == "ExternalName" and was.type != "ExternalName":
        if spec.cluster_ip == was.cluster_ip:
            changes = {"cluster_ip": "", "cluster_ips": ()}
        if spec.ip_families == was.ip_families:
            changes |= {"ip_families": (), "ip_family_policy": None}
    if was.type in _WITH_NODE_PORTS and spec.type not in _WITH_NODE_PORTS:
        if spec.external_traffic_policy == was.external_traffic_policy:
            changes["external_traffic_policy"] = _unset(spec, "external_traffic_policy")
        had = {port.node_port for port in was.ports}
        if {port.node_port for port in spec.ports} <= had:
            changes["ports"] = tuple([attrs.evolve(port, node_port=0) for port in spec.ports])
    if was.type == "LoadBalancer" and spec.type != "LoadBalancer":
        extra = spec.extra
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"):
            if name in extra and extra[name] == was.extra.get(name):
                extra = extra.without(name)
        changes["extra"] = extra
    return attrs.evolve(spec, **changes) if changes else spec


def _unset(spec: Any, name: str) -> Any:
    return attrs.fields_dict(type(spec))[name].default


def _port(port: ServicePort) -> ServicePort:
    target = port.target_port
    return attrs.evolve(
        port,
        protocol=port.protocol or "TCP",
        target_port=port.port if target is None or target in ("", 0) else target,
    )


def _kept_node_ports(
    ports: tuple[ServicePort, ...], old: tuple[ServicePort, ...]
) -> tuple[ServicePort, ...]:
    """*ports*, those without a node port with the one that the same port had before."""
    had = {(port.protocol or "TCP", port.port): port.node_port for port in old}
    taken = {port.node_port for port in ports}
    kept = []
    for port in ports:
        before = had.get((port.protocol or "TCP", port.port), 0)
        if not port.node_port and before and before not in taken:
            port = attrs.evolve(port, node_port=before)  # noqa: PLW2901 - the port as it is kept
        kept.append(port)
    return tuple(kept)


def _without_node_ports(spec: Any, old: Service | None) -> Any:
    """*spec* without the node ports that an earlier type left behind."""
    if old is None or old.spec.type not in _WITH_NODE_PORTS:
        return spec
    return attrs.evolve(spec, ports=tuple([attrs.evolve(port, node_port=0) for port in spec.ports]))

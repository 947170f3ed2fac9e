"""Services, slices and nodes with only what a test names."""

from typing import Any

from engine.api.core import Service, ServicePort, ServiceSpec
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.node import Node, NodeAddress, NodeStatus

IP = "10.96.0.80"


def make_service(name: str = "web", **spec: Any) -> Service:
    """A service with one port, 80 to 8080, unless *spec* says otherwise."""
    port = ServicePort(name="http", port=80, protocol="TCP")
    settings: dict[str, Any] = {"type": "ClusterIP", "cluster_ip": IP, "ports": (port,)}
    return Service(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=ServiceSpec(**(settings | spec)),
    )


def node_port_service(**spec: Any) -> Service:
    """A service with node port 30080."""
    port = ServicePort(name="http", port=80, protocol="TCP", node_port=30_080)
    return make_service(type="NodePort", ports=(port,), **spec)


def make_endpoint(
    ip: str,
    *,
    ready: bool | None = True,
    serving: bool | None = None,
    terminating: bool | None = None,
    node: str = "node-1",
    hostname: str | None = None,
) -> Endpoint:
    """One endpoint in a condition."""
    conditions = EndpointConditions(ready=ready, serving=serving, terminating=terminating)
    return Endpoint(addresses=(ip,), conditions=conditions, node_name=node, hostname=hostname)


def make_slice(
    *endpoints: Endpoint, service: str = "web", name: str = "web-1", port: int = 8080
) -> EndpointSlice:
    """A slice of *service* with its port ``http``."""
    labels = FrozenDict({"kubernetes.io/service-name": service})
    return EndpointSlice(
        metadata=ObjectMeta(name=name, namespace="default", labels=labels),
        endpoints=endpoints,
        ports=(SlicePort(name="http", port=port, protocol="TCP"),),
    )


def make_node(name: str, address: str) -> Node:
    """A node with an internal address."""
    addresses = (NodeAddress(type="InternalIP", address=address),)
    return Node(metadata=ObjectMeta(name=name), status=NodeStatus(addresses=addresses))

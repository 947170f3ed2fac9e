"""Gives services of type LoadBalancer an address of a pool of our own; proxies do the rest.

The pool is the last /24 of the network that the nodes are in, so that clusters side by side on one
host never share an address.

Source: cloud-provider/controllers/service/controller.go, kubernetes v1.34.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any, ClassVar

import attrs

from engine.api.core import Service
from engine.api.frozen import EMPTY, freeze
from engine.api.node import Node
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
DEFAULT_POOL = "10.64.255.0/24"
RETRY = 5.0
"""Seconds until a service is looked at again that got no address."""


def pool_of(node_addresses: Iterable[str]) -> ipaddress.IPv4Network:
    """The last /24 of the /16 of the first IPv4 address; `DEFAULT_POOL` without one."""
    for text in node_addresses:
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            continue
        network = ipaddress.IPv4Network((int(address) & 0xFFFF0000, 16))
        return ipaddress.IPv4Network((int(network.network_address) + 0xFF00, 24))
    return ipaddress.IPv4Network(DEFAULT_POOL)


def wants_balancer(service: Service) -> bool:
    """Whether we are to give *service* an address; those of another class are not ours."""
    return (
        service.spec.type == "LoadBalancer"
        and not service.spec.extra.get("loadBalancerClass")
        and service.metadata.deletion_timestamp is None
    )


def addresses_of(service: Service) -> tuple[str, ...]:
    """The addresses in the status of *service*."""
    status: Any = service.status or {}
    entries = (status.get("loadBalancer") or {}).get("ingress") or ()
    return tuple(entry["ip"] for entry in entries if entry.get("ip"))


def choose_address(
    pool: ipaddress.IPv4Network, taken: Iterable[str], wished: str = ""
) -> str | None:
    """*wished* if it is in the pool and free, else the first free one; None if all are taken."""
    busy = frozenset(taken)
    if wished:
        try:
            is_inside = ipaddress.ip_address(wished) in pool
        except ValueError:
            is_inside = False
        return wished if is_inside and wished not in busy else None
    return next((str(host) for host in pool.hosts() if str(host) not in busy), None)


@attrs.define(eq=False)
class ServiceLoadBalancerController(QueueController):
    """Hands out addresses, and takes them back when a service goes or changes its type."""

    QUEUE: ClassVar[str] = "service-lb"

    _services: Informer[Service] = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _given: dict[str, str] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._services = self.informers.informer(Service)
        self._nodes = self.informers.informer(Node)
        self._services.add_handler(self._on_service)

    def reconcile(self, key: str) -> Result | None:
        """Give one service its address, or take it back."""
        service = self._services.lister.by_key(key)
        if service is None:
            self._given.pop(key, None)
            return None
        if not wants_balancer(service):
            if service.spec.type != "LoadBalancer" or FINALIZER in service.metadata.finalizers:
                self._take_back(key, service)
            return None
        return self._give(key, service)

    def _give(self, key: str, service: Service) -> Result | None:
        present = addresses_of(service)
        if FINALIZER not in service.metadata.finalizers:
            self.recorder.normal(service, "EnsuringLoadBalancer", "Ensuring load balancer")
            finalizers = (*service.metadata.finalizers, FINALIZER)
            metadata = attrs.evolve(service.metadata, finalizers=finalizers)
            service = self.client.update(attrs.evolve(service, metadata=metadata))
        if present:
            self._given[key] = present[0]
            return None
        address = self._given.get(key) or self._choose(key, service)
        if address is None:
            message = (
                "Error syncing load balancer: failed to ensure load balancer: no address is free "
                f"in {self._pool()}"
            )
            self.recorder.warning(service, "SyncLoadBalancerFailed", message)
            return Result(requeue_after=RETRY)
        self._given[key] = address
        entry: dict[str, Any] = {"ip": address, "ipMode": "VIP"}
        self._put_status(service, {"ingress": [entry]})
        self.recorder.normal(service, "EnsuredLoadBalancer", "Ensured load balancer")
        return None

    def _take_back(self, key: str, service: Service) -> None:
        self._given.pop(key, None)
        had = FINALIZER in service.metadata.finalizers
        if had:
            self.recorder.normal(service, "DeletingLoadBalancer", "Deleting load balancer")
        if addresses_of(service):
            service = self._put_status(service, {})
        if had:
            kept = tuple(name for name in service.metadata.finalizers if name != FINALIZER)
            metadata = attrs.evolve(service.metadata, finalizers=kept)
            try:
                self.client.update(attrs.evolve(service, metadata=metadata))
            except NotFoundError:
                return
            self.recorder.normal(service, "DeletedLoadBalancer", "Deleted load balancer")

    def _put_status(self, service: Service, balancer: dict[str, Any]) -> Service:
        status: Any = service.status or EMPTY
        changed = freeze({**status, "loadBalancer": balancer})
        return self.client.update_status(attrs.evolve(service, status=changed))

    def _choose(self, key: str, service: Service) -> str | None:
        taken = [address for other, address in self._given.items() if other != key]
        for other in self._services.lister:
            if other.key != key:
                taken += addresses_of(other)
        wished = service.spec.extra.get("loadBalancerIP") or ""
        return choose_address(self._pool(), taken, str(wished))

    def _pool(self) -> ipaddress.IPv4Network:
        nodes = sorted(self._nodes.lister, key=lambda node: node.metadata.name)
        return pool_of(
            address.address
            for node in nodes
            for address in node.status.addresses
            if address.type == "InternalIP"
        )

    def _on_service(self, key: str, old: Service | None, new: Service | None) -> None:
        for service in (old, new):
            if service is not None and (
                service.spec.type == "LoadBalancer" or FINALIZER in service.metadata.finalizers
            ):
                self.queue.add(key)
                return

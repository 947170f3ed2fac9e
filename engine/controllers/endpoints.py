"""Keeps the Endpoints object of every service that has a selector.

Source: endpoints_controller.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from engine.api.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Service
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta, ObjectReference
from engine.api.pod import Pod
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.pod_state import is_ready
from engine.controllers.service_pods import (
    can_be_endpoint,
    endpoint_hostname,
    has_endpoint_changed,
    index_pods_by_label,
    index_services_by_selector,
    resolve_ports,
    selected_pods,
    selecting_services,
)

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
HEADLESS = "service.kubernetes.io/headless"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
CAPACITY = 1000
BATCH_PERIOD = 0.5
"""Seconds in which changes of pods are gathered: the object holds all addresses each time."""


def subsets_of(service: Service, pods: Sequence[Pod]) -> tuple[EndpointSubset, ...]:
    """The addresses by the ports they share; terminating pods are left out.

    They stay in if the service publishes addresses in any case.
    """
    is_open = service.spec.publish_not_ready_addresses
    is_portless = service.spec.cluster_ip == "None" and not service.spec.ports
    ready: dict[tuple[EndpointPort, ...], list[EndpointAddress]] = {}
    unready: dict[tuple[EndpointPort, ...], list[EndpointAddress]] = {}
    for pod in sorted(pods, key=lambda pod: pod.status.pod_ip):
        if not can_be_endpoint(pod):
            continue
        if pod.metadata.deletion_timestamp is not None and not is_open:
            continue
        ports = tuple(
            EndpointPort(name=port.name, protocol=port.protocol, port=port.port)
            for port in sorted(resolve_ports(service, pod), key=lambda port: port.name)
        )
        if not ports and not is_portless:
            continue
        kept = ready if is_open or is_ready(pod) else unready
        kept.setdefault(ports, []).append(_address(pod, service))
    groups = sorted({**ready, **unready}, key=lambda ports: [(p.name, p.port) for p in ports])
    return tuple(
        EndpointSubset(
            addresses=tuple(ready.get(ports, ())),
            not_ready_addresses=tuple(unready.get(ports, ())),
            ports=ports,
        )
        for ports in groups
    )


def truncated(subsets: tuple[EndpointSubset, ...]) -> tuple[tuple[EndpointSubset, ...], bool]:
    """At most 1,000 addresses, ready ones first, and whether some were left out."""
    room = CAPACITY
    total = sum(len(s.addresses) + len(s.not_ready_addresses) for s in subsets)
    if total <= room:
        return subsets, False
    kept = []
    for subset in subsets:
        ready = subset.addresses[:room]
        room -= len(ready)
        kept.append((subset, ready))
    result = []
    for subset, ready in kept:
        unready = subset.not_ready_addresses[:room]
        room -= len(unready)
        if ready or unready:
            result.append(attrs.evolve(subset, addresses=ready, not_ready_addresses=unready))
    return tuple(result), True


@attrs.define(eq=False)
class EndpointsController(QueueController):
    """Writes Endpoints from services and pods. Services without a selector are left alone."""

    QUEUE: ClassVar[str] = "endpoints"

    _services: Informer[Service] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _endpoints: Informer[Endpoints] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._services = self.informers.informer(Service)
        self._pods = self.informers.informer(Pod)
        self._endpoints = self.informers.informer(Endpoints)
        index_pods_by_label(self._pods)
        index_services_by_selector(self._services)
        self._services.add_handler(self.enqueue)
        self._endpoints.add_handler(self._on_endpoints)
        self._pods.add_handler(self._on_pod)

    def reconcile(self, key: str) -> Result | None:
        """Bring one service's Endpoints up to date, or remove them when it is gone."""
        service = self._services.lister.by_key(key)
        present = self._endpoints.lister.by_key(key)
        if service is None:
            if present is not None and present.metadata.labels.get(MANAGED_BY) == MANAGER:
                self._remove(present)
            return None
        if not service.spec.selector or service.spec.type == "ExternalName":
            return None
        subsets, is_truncated = truncated(subsets_of(service, selected_pods(self._pods, service)))
        labels = {**service.metadata.labels, MANAGED_BY: MANAGER}
        if service.spec.cluster_ip == "None":
            labels[HEADLESS] = ""
        meta = present.metadata if present is not None else ObjectMeta(name=service.metadata.name)
        annotations = meta.annotations.without(OVER_CAPACITY)
        if is_truncated:
            annotations = annotations.with_items({OVER_CAPACITY: "truncated"})
        wanted = Endpoints(
            metadata=attrs.evolve(
                meta,
                namespace=service.metadata.namespace,
                labels=FrozenDict(labels),
                annotations=annotations,
            ),
            subsets=subsets,
        )
        if present is None:
            self.client.create(wanted)
        elif wanted != attrs.evolve(present, extra=wanted.extra):
            self.client.update(wanted)
        return None

    def _remove(self, present: Endpoints) -> None:
        meta = present.metadata
        try:
            self.client.delete(Endpoints, meta.name, namespace=meta.namespace, uid=meta.uid)
        except NotFoundError:
            return

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and not has_endpoint_changed(old, new):
            return
        for pod in (old, new):
            if pod is not None:
                for service in selecting_services(self._services, pod):
                    self.queue.add_after(service.key, BATCH_PERIOD)

    def _on_endpoints(self, key: str, old: Endpoints | None, new: Endpoints | None) -> None:
        """Somebody else's change is undone."""
        if old is None or new is None:
            self.queue.add(key)


def _address(pod: Pod, service: Service) -> EndpointAddress:
    return EndpointAddress(
        ip=pod.status.pod_ip,
        hostname=endpoint_hostname(pod, service),
        node_name=pod.spec.node_name or None,
        target_ref=ObjectReference(
            kind="Pod",
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            uid=pod.metadata.uid,
        ),
    )

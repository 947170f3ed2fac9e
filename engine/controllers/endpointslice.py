"""Keeps the EndpointSlices of every service that has a selector.

Source: endpointslice_controller.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.core import Service
from engine.api.discovery import Endpoint, EndpointSlice
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.endpoint_slices import (
    MANAGED_BY,
    MANAGER,
    SERVICE_NAME,
    ZONE,
    Ports,
    desired_endpoints,
    plan,
)
from engine.controllers.node_health import ready_status
from engine.controllers.own_writes import OwnWrites
from engine.controllers.pod_state import is_ready
from engine.controllers.service_pods import (
    can_be_endpoint,
    has_endpoint_changed,
    index_pods_by_label,
    index_services_by_selector,
    selected_pods,
    selecting_services,
)
from engine.controllers.topology_hints import asks_for_hints, cpu_shares, with_hints

BATCH_PERIOD = 0.1
"""Seconds in which pods that become ready are gathered; one that is lost is taken out at once."""

_SERVICE_INDEX = "service"
_CACHE_WAIT = 1.0
"""Seconds after which a cache that lacks our own writes is looked at again."""


@attrs.define(eq=False)
class EndpointSliceController(QueueController):
    """Writes slices from services and pods. Services without a selector are left alone."""

    QUEUE: ClassVar[str] = "endpointslice"

    _services: Informer[Service] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _slices: Informer[EndpointSlice] = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _writes: OwnWrites = attrs.field(factory=OwnWrites, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._services = self.informers.informer(Service)
        self._pods = self.informers.informer(Pod)
        self._slices = self.informers.informer(EndpointSlice)
        self._nodes = self.informers.informer(Node)
        index_pods_by_label(self._pods)
        index_services_by_selector(self._services)
        self._slices.add_index(_SERVICE_INDEX, _service_keys)
        self._services.add_handler(self.enqueue)
        self._pods.add_handler(self._on_pod)
        self._slices.add_handler(self._on_slice)
        self._nodes.add_handler(self._on_node)

    def reconcile(self, key: str) -> Result | None:
        """Bring one service's slices up to date."""
        service = self._services.lister.by_key(key)
        existing = self._slices.indexer.by_index(_SERVICE_INDEX, key)
        if service is None:
            # Its slices go with it: it owns them.
            self._writes.forget(key)
            return None
        if not service.spec.selector or service.spec.type == "ExternalName":
            return None
        if service.metadata.deletion_timestamp is not None:
            return None
        if self._writes.is_behind(key, self._slices.indexer):
            return Result(requeue_after=_CACHE_WAIT)
        pods = selected_pods(self._pods, service)
        by_key = self._nodes.lister.by_key
        nodes = {name: by_key(name) for name in dict.fromkeys(pod.spec.node_name for pod in pods)}
        desired = self._with_hints(service, desired_endpoints(service, pods, nodes))
        changes = plan(service, desired, existing)
        for wanted in changes.create:
            self._writes.wrote(key, self.client.create(wanted))
        for changed in changes.update:
            self._writes.wrote(key, self.client.update(changed))
        for unwanted in changes.delete:
            meta = unwanted.metadata
            try:
                self.client.delete(EndpointSlice, meta.name, namespace=meta.namespace, uid=meta.uid)
            except NotFoundError:
                continue
            self._writes.deleted(key, unwanted)
        return None

    def _with_hints(
        self, service: Service, desired: dict[Ports, dict[str, Endpoint]]
    ) -> dict[Ports, dict[str, Endpoint]]:
        """*desired* with hints, each of its groups on its own."""
        if not asks_for_hints(service):
            return desired
        shares = cpu_shares(tuple(self._nodes.lister))
        return {
            ports: dict(zip(found, with_hints(service, tuple(found.values()), shares), strict=True))
            for ports, found in desired.items()
        }

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and not has_endpoint_changed(old, new):
            return
        pods = [pod for pod in (old, new) if pod is not None]
        if not any(can_be_endpoint(pod) for pod in pods):
            return
        is_gain = new is not None and new.metadata.deletion_timestamp is None and is_ready(new)
        for pod in pods:
            for service in selecting_services(self._services, pod):
                self.queue.add_after(service.key, BATCH_PERIOD if is_gain else 0.0)

    def _on_slice(self, key: str, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        assert found is not None
        for service_key in _service_keys(found):
            if new is None:
                self._writes.gone(service_key, key)
            self.queue.add(service_key)

    def _on_node(self, _key: str, old: Node | None, new: Node | None) -> None:
        """A node's zone is that of its endpoints; its readiness and CPU decide on hints."""
        zones = [node.metadata.labels.get(ZONE) if node else None for node in (old, new)]
        has_moved = old is not None and new is not None and zones[0] != zones[1]
        is_other = _share(old) != _share(new)
        if not has_moved and not is_other:
            return
        for service in self._services.lister:
            if has_moved or asks_for_hints(service):
                self.queue.add(service.key)


def _share(node: Node | None) -> tuple[str, str, str] | None:
    """What a node adds to the share of its zone."""
    if node is None:
        return None
    cpu = node.status.allocatable.get("cpu", "")
    return node.metadata.labels.get(ZONE, ""), ready_status(node), cpu


def _service_keys(found: EndpointSlice) -> tuple[str, ...]:
    labels = found.metadata.labels
    if labels.get(MANAGED_BY) != MANAGER or SERVICE_NAME not in labels:
        return ()
    return (f"{found.metadata.namespace}/{labels[SERVICE_NAME]}",)

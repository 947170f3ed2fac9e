"""Mirrors Endpoints that somebody wrote by hand into EndpointSlices, which proxies read.

Source: pkg/controller/endpointslicemirroring, kubernetes v1.34.
"""

import ipaddress
from collections.abc import Sequence
from typing import ClassVar

import attrs

from engine.api.core import EndpointAddress, Endpoints, EndpointSubset, Service
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.endpoint_slices import MANAGED_BY, SERVICE_NAME
from engine.controllers.own_writes import OwnWrites
from engine.controllers.ownership import controller_reference

MIRRORER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
MAX_PER_SUBSET = 1000

_NOT_COPIED = (
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
)
_INDEX = "mirrored service"
_CACHE_WAIT = 1.0


def is_mirrored(endpoints: Endpoints, service: Service | None) -> bool:
    """Whether slices should be kept for *endpoints*: the service is there and selects no pods."""
    meta = endpoints.metadata
    return (
        service is not None
        and not service.spec.selector
        and meta.labels.get(SKIP) != "true"
        and LEADER not in meta.annotations
        and meta.deletion_timestamp is None
    )


def mirrored_slices(endpoints: Endpoints) -> tuple[EndpointSlice, ...]:
    """The slices that show what *endpoints* says, one for each subset and address family."""
    found: list[EndpointSlice] = []
    for subset in endpoints.subsets:
        for version, family in ((4, "IPv4"), (6, "IPv6")):
            members = _members(subset, version)
            if members:
                found.append(_slice(endpoints, subset, family, members))
    return tuple(found)


@attrs.define(eq=False)
class EndpointSliceMirroringController(QueueController):
    """Writes, changes and deletes the slices of Endpoints that no controller of ours wrote."""

    QUEUE: ClassVar[str] = "endpointslice-mirroring"

    _endpoints: Informer[Endpoints] = attrs.field(init=False)
    _services: Informer[Service] = attrs.field(init=False)
    _slices: Informer[EndpointSlice] = attrs.field(init=False)
    _writes: OwnWrites = attrs.field(factory=OwnWrites, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._endpoints = self.informers.informer(Endpoints)
        self._services = self.informers.informer(Service)
        self._slices = self.informers.informer(EndpointSlice)
        self._slices.add_index(_INDEX, _mirrored_keys)
        self._endpoints.add_handler(self._on_endpoints)
        self._services.add_handler(self._on_service)
        self._slices.add_handler(self._on_slice)

    def reconcile(self, key: str) -> Result | None:
        """Bring the mirrored slices of one Endpoints up to date."""
        endpoints = self._endpoints.lister.by_key(key)
        present = list(self._slices.indexer.by_index(_INDEX, key))
        if self._writes.is_behind(key, self._slices.indexer):
            return Result(requeue_after=_CACHE_WAIT)
        wanted: tuple[EndpointSlice, ...] = ()
        if endpoints is not None and is_mirrored(endpoints, self._services.lister.by_key(key)):
            wanted = mirrored_slices(endpoints)
        present.sort(key=lambda found: found.metadata.name)
        for wish in wanted:
            same = next(
                (
                    found
                    for found in present
                    if (found.address_type, found.ports) == (wish.address_type, wish.ports)
                ),
                None,
            )
            if same is None:
                self._writes.wrote(key, self.client.create(wish))
                continue
            present.remove(same)
            changed = _changed(same, wish)
            if changed != same:
                self._writes.wrote(key, self.client.update(changed))
        for unwanted in present:
            meta = unwanted.metadata
            try:
                self.client.delete(EndpointSlice, meta.name, namespace=meta.namespace, uid=meta.uid)
            except NotFoundError:
                continue
            self._writes.deleted(key, unwanted)
        return None

    def _on_endpoints(self, key: str, _old: Endpoints | None, _new: Endpoints | None) -> None:
        if self._is_ours_to_mirror(key):
            self.queue.add(key)

    def _is_ours_to_mirror(self, key: str) -> bool:
        service = self._services.lister.by_key(key)
        if service is None or not service.spec.selector:
            return True
        return bool(self._slices.indexer.by_index(_INDEX, key))

    def _on_service(self, key: str, old: Service | None, new: Service | None) -> None:
        if old is None or new is None or bool(old.spec.selector) != bool(new.spec.selector):
            self.queue.add(key)

    def _on_slice(self, key: str, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        assert found is not None
        for endpoints_key in _mirrored_keys(found):
            if new is None:
                self._writes.gone(endpoints_key, key)
            self.queue.add(endpoints_key)


def _members(subset: EndpointSubset, version: int) -> tuple[Endpoint, ...]:
    ready = [_endpoint(address, ready=True) for address in subset.addresses]
    unready = [_endpoint(address, ready=False) for address in subset.not_ready_addresses]
    both = [
        endpoint for endpoint in (*ready, *unready) if _version(endpoint.addresses[0]) == version
    ]
    return tuple(both[:MAX_PER_SUBSET])


def _endpoint(address: EndpointAddress, *, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=(address.ip,),
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def _slice(
    endpoints: Endpoints, subset: EndpointSubset, family: str, members: Sequence[Endpoint]
) -> EndpointSlice:
    meta = endpoints.metadata
    labels = {**meta.labels, SERVICE_NAME: meta.name, MANAGED_BY: MIRRORER}
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{meta.name}-",
            namespace=meta.namespace,
            labels=FrozenDict(labels),
            annotations=meta.annotations.without(*_NOT_COPIED),
            owner_references=(controller_reference(endpoints),),
        ),
        address_type=family,
        endpoints=tuple(members),
        ports=tuple(
            SlicePort(
                name=port.name,
                port=port.port,
                protocol=port.protocol or "TCP",
                app_protocol=port.extra.get("appProtocol"),
            )
            for port in subset.ports
        ),
    )


def _changed(present: EndpointSlice, wish: EndpointSlice) -> EndpointSlice:
    metadata = attrs.evolve(
        present.metadata, labels=wish.metadata.labels, annotations=wish.metadata.annotations
    )
    return attrs.evolve(present, metadata=metadata, endpoints=wish.endpoints)


def _mirrored_keys(found: EndpointSlice) -> tuple[str, ...]:
    labels = found.metadata.labels
    if labels.get(MANAGED_BY) != MIRRORER or SERVICE_NAME not in labels:
        return ()
    return (f"{found.metadata.namespace}/{labels[SERVICE_NAME]}",)

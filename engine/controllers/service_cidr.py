"""Says which ranges of service addresses are in use, and lets deleted ones go when they are not.

Source: pkg/controller/servicecidrs, kubernetes v1.34.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar

import attrs

from engine.api.codec import format_time
from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.scheme import make_kind
from engine.apiserver.service_ranges import is_ready, ranges_of
from engine.apiserver.strategy import status_of
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
GRACE = 10.0
"""Seconds that a deleted range stays, so that no address is given from it meanwhile."""

READY = "Kubernetes Service CIDR is ready"
IN_USE = (
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new"
    " ServiceCIDR"
)

_RANGE = make_kind("networking.k8s.io/v1", "ServiceCIDR")
_ADDRESS = make_kind("networking.k8s.io/v1", "IPAddress")
_MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
_MANAGER = "ipallocator.k8s.io"


@attrs.define(eq=False)
class ServiceCidrController(QueueController):
    """Holds each ServiceCIDR by a finalizer while addresses lie in it and in no other."""

    QUEUE: ClassVar[str] = "service-cidr"

    _ranges: Informer[ApiObject] = attrs.field(init=False)
    _addresses: Informer[ApiObject] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._ranges = self.informers.informer(_RANGE)
        self._addresses = self.informers.informer(_ADDRESS)
        self._ranges.add_handler(self._on_range)
        self._addresses.add_handler(self._on_address)

    def reconcile(self, key: str) -> Result | None:
        """Hold one range, say whether it is ready, or let it go."""
        found = self._ranges.lister.by_key(key)
        if found is None:
            return None
        meta = found.metadata
        is_held = FINALIZER in meta.finalizers
        if meta.deletion_timestamp is None:
            if not is_held:
                finalizers = [*meta.finalizers, FINALIZER]
                self._patch(found, {"metadata": {"finalizers": finalizers}}, "")
            if not is_ready(found):
                self._tell(found, "True", "", READY)
            return None
        if not is_held:
            return None
        if self._is_needed(found):
            self._tell(found, "False", "Terminating", IN_USE)
            return None
        left = meta.deletion_timestamp + GRACE - self.loop.now
        if left > 0:
            return Result(requeue_after=left)
        kept = [name for name in meta.finalizers if name != FINALIZER]
        self._patch(found, {"metadata": {"finalizers": kept}}, "")
        return None

    def _is_needed(self, found: ApiObject) -> bool:
        """Whether an address that a service holds lies in *found*, and in no other range."""
        own = [ip_network(cidr) for cidr in ranges_of(found)]
        others = [
            ip_network(cidr)
            for other in self._ranges.lister.list()
            if other.metadata.name != found.metadata.name
            and other.metadata.deletion_timestamp is None
            for cidr in ranges_of(other)
        ]
        for held in self._addresses.lister.list():
            if held.metadata.labels.get(_MANAGED_BY) != _MANAGER:
                continue
            address = ip_address(held.metadata.name)
            if any(address in net for net in own) and not any(address in net for net in others):
                return True
        return False

    def _tell(self, found: ApiObject, status: str, reason: str, message: str) -> None:
        conditions = (status_of(found) or EMPTY).get("conditions") or ()
        before = next((one for one in conditions if one.get("type") == "Ready"), EMPTY)
        if (before.get("status"), before.get("reason")) == (status, reason):
            return
        condition = {
            "type": "Ready",
            "status": status,
            "lastTransitionTime": format_time(self.loop.now),
            "reason": reason,
            "message": message,
        }
        others = [dict(one) for one in conditions if one.get("type") != "Ready"]
        self._patch(found, {"status": {"conditions": [*others, condition]}}, "status")

    def _patch(self, found: ApiObject, body: Mapping[str, Any], subresource: str) -> None:
        self.client.patch(
            _RANGE, found.metadata.name, dict(body), type="merge", subresource=subresource
        )

    def _on_range(self, _key: str, _old: ApiObject | None, _new: ApiObject | None) -> None:
        # One that comes may set another free, one that goes may leave another alone.
        for found in self._ranges.lister.list():
            self.queue.add(found.key)

    def _on_address(self, _key: str, _old: ApiObject | None, new: ApiObject | None) -> None:
        if new is not None:
            return
        for found in self._ranges.lister.list():
            if found.metadata.deletion_timestamp is not None:
                self.queue.add(found.key)

"""IPAddresses: one for each cluster address that a service holds, while it holds it.

Services say who has which address; these objects follow them and decide nothing.

Source: pkg/registry/core/service/ipallocator (cidrallocator.go) and ipallocator/controller
(repairip.go), kubernetes v1.34.
"""

import contextlib
from typing import Any, Protocol

import attrs

from engine.api.codec import decode_as
from engine.api.core import Service
from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, make_kind
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.apiserver.keys import prefix_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.strategy import spec_of
from engine.kernel.loop import Loop
from engine.store.kv import Change, prefix_end
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch

_REQUEST = RequestInfo(user="system:apiserver", groups=("system:masters",), actor="kube-apiserver")
_ADDRESS = make_kind("networking.k8s.io/v1", "IPAddress")
_FAMILY = "ipaddress.kubernetes.io/ip-family"
_MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
_MANAGER = "ipallocator.k8s.io"
_RETRY = 1.0


class Server(Protocol):
    """What this needs of the API server."""

    loop: Loop
    store: Store[Any]

    def create(self, obj: Any, *, request: RequestInfo) -> Any:
        """Store a new object."""
        ...

    def delete(self, cls: type[ApiObject], name: str, *, request: RequestInfo) -> Any:
        """Delete an object."""
        ...


@attrs.define(eq=False)
class ServiceAddresses:
    """Keeps an IPAddress for each address that is held; one that is deleted comes back."""

    server: Server
    # The address of each service, the service of each address, and whom each IPAddress names.
    _held: dict[str, str] = attrs.field(factory=dict, init=False)
    _holders: dict[str, str] = attrs.field(factory=dict, init=False)
    _named: dict[str, str] = attrs.field(factory=dict, init=False)
    _changed: dict[str, None] = attrs.field(factory=dict, init=False)
    _is_waiting: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        for cls, take in ((Service, self._service), (_ADDRESS, self._address)):
            prefix = prefix_of(SCHEME.resource_of(cls))
            end = prefix_end(prefix)
            for kv in self.server.store.range(prefix, end).kvs:
                take(_name_of(kv.key, prefix), kv.value)

            def deliver(batch: WatchBatch[Any], take: Any = take, prefix: bytes = prefix) -> None:
                for change in batch.changes:
                    take(_name_of(change.kv.key, prefix), _after(change))
                self._wake()

            self.server.store.watch(prefix, end, deliver=deliver, name="apiserver")
        self._wake()

    def _service(self, key: str, service: Any | None) -> None:
        address = "" if service is None else service.spec.cluster_ip
        address = "" if address == "None" else address
        before = self._held.pop(key, "")
        if address:
            self._held[key] = address
        if before == address:
            return
        if before:
            self._changed[before] = None
            if self._holders.get(before) == key:
                del self._holders[before]
        if address:
            self._changed[address] = None
            self._holders[address] = key

    def _address(self, key: str, found: Any | None) -> None:
        name = key.rpartition("/")[2]
        self._named.pop(name, None)
        if found is not None and found.metadata.labels.get(_MANAGED_BY) == _MANAGER:
            parent = (spec_of(found) or EMPTY).get("parentRef") or EMPTY
            self._named[name] = f"{parent.get('namespace', '')}/{parent.get('name', '')}"
        self._changed[name] = None

    def _wake(self, seconds: float = 0.0) -> None:
        if self._changed and not self._is_waiting:
            self._is_waiting = True
            self.server.loop.call_later(seconds, self._reconcile)

    def _reconcile(self) -> None:
        self._is_waiting = False
        changed, self._changed = self._changed, {}
        for address in changed:
            try:
                self._settle(address)
            except ApiError:
                # The server is down or its disk is full; what is wanted stays wanted.
                self._changed[address] = None
        self._wake(_RETRY)

    def _settle(self, address: str) -> None:
        holder, named = self._holders.get(address), self._named.get(address)
        if holder == named:
            return
        if named is not None:
            with contextlib.suppress(NotFoundError):
                self.server.delete(_ADDRESS, address, request=_REQUEST)
        if holder is not None:
            with contextlib.suppress(AlreadyExistsError):
                self.server.create(address_of(address, holder), request=_REQUEST)


def address_of(address: str, holder: str) -> ApiObject:
    """The IPAddress that says that the service *holder*, ``NAMESPACE/NAME``, has *address*."""
    namespace, _, name = holder.partition("/")
    parent = {"group": "", "resource": "services", "namespace": namespace, "name": name}
    metadata = {"name": address, "labels": {_FAMILY: "IPv4", _MANAGED_BY: _MANAGER}}
    return decode_as(_ADDRESS, {"metadata": metadata, "spec": {"parentRef": parent}})


def _name_of(key: bytes, prefix: bytes) -> str:
    """``NAMESPACE/NAME`` (or ``NAME``) of what is kept under *key*."""
    return key[len(prefix) :].decode()


def _after(change: Change[Any]) -> Any | None:
    return None if change.type == "delete" else change.kv.value

"""The cluster's DNS zone: follows services and endpoint slices, answers lookups from memory.

It knows records; not the wire format, not who is asked about names of the outside world.
"""

from collections import Counter

import attrs

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.client.informer import InformerFactory
from engine.proxy.dns_records import Records, Srv, build_records, pod_address
from engine.proxy.rules import service_key

NO_RECORDS = Records()


@attrs.frozen(kw_only=True)
class Answer:
    """What the zone has under a name.

    *exists* without records means the name has records of another type, or names below it.
    """

    exists: bool = False
    a: tuple[str, ...] = ()
    srv: tuple[Srv, ...] = ()
    cname: str = ""
    ptr: str = ""


@attrs.define(eq=False, kw_only=True, repr=False)
class DnsZone:
    """All records of one cluster, current with its informers."""

    informers: InformerFactory
    domain: str = "cluster.local"
    _services: dict[str, Service] = attrs.field(factory=dict, init=False)
    _slices: dict[str, dict[str, EndpointSlice]] = attrs.field(factory=dict, init=False)
    _records: dict[str, Records] = attrs.field(factory=dict, init=False)
    _owners: dict[str, str] = attrs.field(factory=dict, init=False)
    _reverse: dict[str, str] = attrs.field(factory=dict, init=False)
    _parents: Counter[str] = attrs.field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        self.informers.informer(Service).add_handler(self._on_service)
        self.informers.informer(EndpointSlice).add_handler(self._on_slice)

    def lookup(self, name: str) -> Answer | None:
        """What there is under *name* (lower case, no dot at the end); None if it is not ours.

        An alias within the zone is not followed here.
        """
        if name.endswith(".in-addr.arpa"):
            target = self._reverse.get(name)
            return Answer(exists=True, ptr=target) if target else None
        if name != self.domain and not name.endswith(f".{self.domain}"):
            return None
        owner = self._owners.get(name)
        if owner is not None:
            records = self._records[owner]
            return Answer(
                exists=True,
                a=records.a.get(name, ()),
                srv=records.srv.get(name, ()),
                cname=records.cname.get(name, ""),
            )
        address = pod_address(name, self.domain)
        if address:
            return Answer(exists=True, a=(address,))
        return Answer(exists=self._parents[name] > 0 or name == self.domain)

    def _on_service(self, key: str, _old: Service | None, new: Service | None) -> None:
        if new is None:
            self._services.pop(key, None)
        else:
            self._services[key] = new
        self._rebuild(key)

    def _on_slice(self, key: str, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        touched: dict[str, None] = {}
        if old is not None:
            self._slices.get(service_key(old), {}).pop(key, None)
            touched[service_key(old)] = None
        if new is not None:
            self._slices.setdefault(service_key(new), {})[key] = new
            touched[service_key(new)] = None
        for owner in touched:
            self._rebuild(owner)
            if not self._slices.get(owner):
                self._slices.pop(owner, None)

    def _rebuild(self, key: str) -> None:
        old = self._records.pop(key, NO_RECORDS)
        service, new = self._services.get(key), NO_RECORDS
        if service is not None:
            new = build_records(service, self._slices.get(key, {}).values(), self.domain)
            self._records[key] = new
        if old == new:
            return
        for name in old.names():
            self._owners.pop(name, None)
            self._parents.subtract(self._above(name))
        for name in new.names():
            self._owners[name] = key
            self._parents.update(self._above(name))
        self._parents = +self._parents
        for name in old.ptr:
            self._reverse.pop(name, None)
        self._reverse.update(new.ptr)

    def _above(self, name: str) -> list[str]:
        """The names between *name* and the domain."""
        found = []
        while name != self.domain:
            name = name.partition(".")[2]
            found.append(name)
        return found

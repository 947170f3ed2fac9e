"""What has changed since the last time rules were built: per service, previous to current.

It knows services and slices; not informers, not time.
"""

from collections.abc import Mapping

import attrs

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.frozen import FrozenDict
from engine.proxy.rules import NO_RULES, RuleSet, ServiceRules, build_service, service_key


@attrs.define(eq=False)
class ChangeTracker:
    """Keeps services and slices, and builds the rules of those that changed, and only of those.

    Rules of a service that came out the same are the same object as before.
    """

    rules: RuleSet = NO_RULES
    _services: dict[str, Service] = attrs.field(factory=dict, init=False)
    _slices: dict[str, dict[str, EndpointSlice]] = attrs.field(factory=dict, init=False)
    _nodes: dict[str, str] = attrs.field(factory=dict, init=False)
    _zones: dict[str, str] = attrs.field(factory=dict, init=False)
    _networks: dict[str, str] = attrs.field(factory=dict, init=False)
    _changed: dict[str, None] = attrs.field(factory=dict, init=False)
    _nodes_changed: bool = attrs.field(default=False, init=False)

    @property
    def pending(self) -> int:
        """How many services have changed since the last `advance`."""
        return len(self._changed)

    def update_service(self, key: str, service: Service | None) -> None:
        """The service under *key* is *service* now; None if it is gone."""
        if service is None:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        self._changed[key] = None

    def update_slice(self, key: str, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """The slice under *key* went from *old* to *new*; it may have moved between services."""
        if old is not None:
            owner = service_key(old)
            slices = self._slices.get(owner, {})
            slices.pop(key, None)
            if not slices:
                self._slices.pop(owner, None)
            self._changed[owner] = None
        if new is not None:
            owner = service_key(new)
            self._slices.setdefault(owner, {})[key] = new
            self._changed[owner] = None

    def update_node(self, name: str, address: str, *, zone: str = "", network: str = "") -> None:
        """Node *name* has *address* (none: it is gone), *zone*, and *network* for its pods."""
        fields = (self._nodes, self._zones, self._networks)
        before = tuple(known.get(name, "") for known in fields)
        after = (address, zone, network) if address else ("", "", "")
        if before == after and (name in self._nodes) == bool(address):
            return
        for known, value in zip(fields, after, strict=True):
            if address and value:
                known[name] = value
            else:
                known.pop(name, None)
        self._nodes_changed = True

    def advance(self) -> tuple[RuleSet, RuleSet]:
        """The rules before and after what has changed since the last call."""
        previous = self.rules
        services = dict(previous.services)
        touched = self._services if self._nodes_changed else self._changed
        for key in [*touched, *(self._changed if self._nodes_changed else ())]:
            self._rebuild(key, services)
        nodes: Mapping[str, str] = previous.nodes
        networks: Mapping[str, str] = previous.networks
        if self._nodes_changed:
            nodes, networks = FrozenDict(self._nodes), FrozenDict(self._networks)
        self._changed.clear()
        self._nodes_changed = False
        self.rules = RuleSet(
            services=FrozenDict(services), nodes=FrozenDict(nodes), networks=FrozenDict(networks)
        )
        return previous, self.rules

    def _rebuild(self, key: str, services: dict[str, ServiceRules]) -> None:
        service = self._services.get(key)
        if service is None:
            services.pop(key, None)
            return
        slices = self._slices.get(key, {}).values()
        rules = build_service(service, slices, self._nodes, self._zones)
        if not rules.frontends:
            services.pop(key, None)
        elif services.get(key) != rules:
            services[key] = rules

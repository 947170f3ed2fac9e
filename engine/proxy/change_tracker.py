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

    def update_node(self, name: str, address: str) -> None:
        """Node *name* has *address*; empty if the node is gone or has none."""
        if self._nodes.get(name, "") == address:
            return
        if address:
            self._nodes[name] = address
        else:
            self._nodes.pop(name, None)
        self._nodes_changed = True

    def advance(self) -> tuple[RuleSet, RuleSet]:
        """The rules before and after what has changed since the last call."""
        previous = self.rules
        services = dict(previous.services)
        touched = self._services if self._nodes_changed else self._changed
        for key in [*touched, *(self._changed if self._nodes_changed else ())]:
            self._rebuild(key, services)
        nodes: Mapping[str, str] = previous.nodes
        if self._nodes_changed:
            nodes = FrozenDict(self._nodes)
        self._changed.clear()
        self._nodes_changed = False
        self.rules = RuleSet(services=FrozenDict(services), nodes=FrozenDict(nodes))
        return previous, self.rules

    def _rebuild(self, key: str, services: dict[str, ServiceRules]) -> None:
        service = self._services.get(key)
        if service is None:
            services.pop(key, None)
            return
        rules = build_service(service, self._slices.get(key, {}).values(), self._nodes)
        if not rules.frontends:
            services.pop(key, None)
        elif services.get(key) != rules:
            services[key] = rules

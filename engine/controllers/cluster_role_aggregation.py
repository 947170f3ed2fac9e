"""Fills ClusterRoles that are made of others: admin, edit, view, and those of users.

Source: pkg/controller/clusterroleaggregation, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.rbac import ClusterRole, PolicyRule
from engine.api.selectors import matches
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController


@attrs.define(eq=False)
class ClusterRoleAggregationController(QueueController):
    """Keeps the rules of each such role the sum of the roles its selectors select."""

    QUEUE: ClassVar[str] = "clusterrole-aggregation"

    _roles: Informer[ClusterRole] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._roles = self.informers.informer(ClusterRole)
        self._roles.add_handler(self._on_role)

    def reconcile(self, key: str) -> Result | None:
        """Let the role have the rules that the others give it."""
        role = self._roles.lister.by_key(key)
        if role is None or role.aggregation_rule is None:
            return None
        rules = self._sum(role)
        if rules != role.rules:
            self.client.update(attrs.evolve(role, rules=rules))
        return None

    def _sum(self, role: ClusterRole) -> tuple[PolicyRule, ...]:
        assert role.aggregation_rule is not None
        found: dict[PolicyRule, None] = {}
        for selector in role.aggregation_rule.cluster_role_selectors:
            for other in sorted(self._roles.lister, key=lambda each: each.metadata.name):
                is_other = other.metadata.name != role.metadata.name
                if is_other and matches(selector, other.metadata.labels):
                    found.update(dict.fromkeys(other.rules))
        return tuple(found)

    def _on_role(self, _key: str, _old: ClusterRole | None, _new: ClusterRole | None) -> None:
        for role in self._roles.lister:
            if role.aggregation_rule is not None:
                self.queue.add(role.key)

"""May this user do that? The administrators' group, nodes, then roles: whoever says yes first.

Source: --authorization-mode=Node,RBAC of kube-apiserver, kubernetes v1.34.
"""

import attrs

from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.authentication.user import MASTERS_GROUP, NODES_GROUP
from engine.apiserver.authorization.access import Access, Decision, forbidden
from engine.apiserver.authorization.node import NodeAuthorizer
from engine.apiserver.authorization.rbac import GROUP, RbacAuthorizer
from engine.apiserver.authorization.reasons import why_allowed
from engine.apiserver.storage import ObjectStorage

_YES = Decision(is_allowed=True)
_NO_ANSWER = Decision(is_allowed=False)
_KEPT_REASONS = 4096


@attrs.define(eq=False, repr=False)
class Authorizer:
    """Decides on every request, from outside and from the cluster's own parts alike."""

    storage: ObjectStorage
    rbac: RbacAuthorizer = attrs.field(init=False)
    nodes: NodeAuthorizer = attrs.field(init=False)
    _explained: dict[Access, Decision] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.rbac = RbacAuthorizer(self.storage)
        self.nodes = NodeAuthorizer(self.storage)
        self.storage.observers.append(self._on_write)

    def decide(self, access: Access) -> Decision:
        """Whether it is allowed; if not, all that is to be said about it."""
        if MASTERS_GROUP in access.groups:
            return _YES
        by_node = _NO_ANSWER
        if NODES_GROUP in access.groups:
            by_node = self.nodes.authorize(access)
            if by_node.is_allowed:
                return by_node
        by_role = self.rbac.authorize(access)
        if by_role.is_allowed:
            return by_role
        reasons = [decision.reason for decision in (by_node, by_role) if decision.reason]
        return Decision(is_allowed=False, reason=", ".join(reasons))

    def explain(self, access: Access) -> Decision:
        """The decision with its reason also where it is allowed: which binding does it.

        Superusers and nodes are allowed without one.
        """
        if MASTERS_GROUP in access.groups:
            return _YES
        known = self._explained.get(access)
        if known is None:
            known = self.decide(access)
            if NODES_GROUP in access.groups and self.nodes.authorize(access).is_allowed:
                return known
            if known.is_allowed:
                known = Decision(is_allowed=True, reason=why_allowed(access, self.rbac))
            if NODES_GROUP not in access.groups:  # theirs changes with every pod
                self._keep(access, known)
        return known

    def _keep(self, access: Access, decision: Decision) -> None:
        if len(self._explained) >= _KEPT_REASONS:
            self._explained.clear()
        self._explained[access] = decision

    def check(self, access: Access) -> None:
        """Return if it is allowed.

        Raises:
            ForbiddenError: it is not.
        """
        decision = self.decide(access)
        if not decision.is_allowed:
            raise forbidden(access, decision.reason)

    def _on_write(self, resource: Resource, old: ApiObject | None, new: ApiObject | None) -> None:
        self.rbac.on_write(resource)
        if resource.group == GROUP:
            self._explained.clear()
        self.nodes.on_write(resource, old, new)

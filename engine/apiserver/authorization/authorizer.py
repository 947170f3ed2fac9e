"""May this user do that? The administrators' group, nodes, then roles: whoever says yes first.

Source: --authorization-mode=Node,RBAC of kube-apiserver, kubernetes v1.34.
"""

import attrs

from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.authentication.user import MASTERS_GROUP, NODES_GROUP
from engine.apiserver.authorization.access import Access, Decision, forbidden
from engine.apiserver.authorization.node import NodeAuthorizer
from engine.apiserver.authorization.rbac import RbacAuthorizer
from engine.apiserver.storage import ObjectStorage

_YES = Decision(is_allowed=True)
_NO_ANSWER = Decision(is_allowed=False)


@attrs.define(eq=False, repr=False)
class Authorizer:
    """Decides on every request, from outside and from the cluster's own parts alike."""

    storage: ObjectStorage
    rbac: RbacAuthorizer = attrs.field(init=False)
    nodes: NodeAuthorizer = attrs.field(init=False)

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
        self.nodes.on_write(resource, old, new)

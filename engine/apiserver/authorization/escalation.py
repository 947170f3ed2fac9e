"""Nobody gives away what he does not have: who may write roles and bind them.

Source: pkg/registry/rbac/{clusterrole,role,rolebinding}/policybased, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import Any

import attrs

from engine.api.scheme import Resource
from engine.apiserver.authentication.user import MASTERS_GROUP
from engine.apiserver.authorization.access import access_to
from engine.apiserver.authorization.authorizer import Authorizer
from engine.apiserver.authorization.rbac import CLUSTER_ROLES, GROUP, ROLES
from engine.apiserver.authorization.rules import ALL, Rule, uncovered
from engine.apiserver.errors import ForbiddenError, NotFoundError
from engine.apiserver.request import RequestInfo

_EVERYTHING = (
    Rule(verbs=(ALL,), groups=(ALL,), resources=(ALL,)),
    Rule(verbs=(ALL,), paths=(ALL,)),
)


@attrs.frozen(eq=False)
class EscalationGuard:
    """Looks at each write of a role or binding."""

    authorizer: Authorizer

    def check(self, resource: Resource, obj: Any, old: Any | None, request: RequestInfo) -> None:
        """Return if who writes has what the object gives, or may give it all the same.

        Raises:
            ForbiddenError: he has not.
            NotFoundError: a binding refers to a role that is missing.
        """
        if resource.group != GROUP or MASTERS_GROUP in request.groups:
            return
        if resource.plural in ("roles", "clusterroles"):
            self._check_role(resource, obj, old, request)
        elif old is None or _grants(obj) != _grants(old):
            self._check_binding(resource, obj, request)

    def _check_role(
        self, resource: Resource, obj: Any, old: Any | None, request: RequestInfo
    ) -> None:
        if old is not None and _contents(obj) == _contents(old):
            return
        if self._may(request, "escalate", resource, obj.metadata.namespace, obj.metadata.name):
            return
        rules = self.authorizer.rbac.rules_in(obj)
        self._check_covered(resource, obj, rules, request)
        aggregates = getattr(obj, "aggregation_rule", None)
        if aggregates and (old is None or aggregates != old.aggregation_rule):
            try:
                self._check_covered(resource, obj, _EVERYTHING, request)
            except ForbiddenError as error:
                raise ForbiddenError(
                    f'{resource.qualified} "{obj.metadata.name}" is forbidden: must have '
                    "cluster-admin privileges to use the aggregationRule",
                    **error.details,
                ) from error

    def _check_binding(self, resource: Resource, obj: Any, request: RequestInfo) -> None:
        ref = obj.role_ref
        role, namespace = CLUSTER_ROLES, ""
        if ref.kind == "Role":
            role, namespace = ROLES, obj.metadata.namespace
        name = ref.name
        # A binding in a namespace gives a ClusterRole there only, so there it must be had.
        if self._may(request, "bind", role, obj.metadata.namespace, name):
            return
        rules = self.authorizer.rbac.rules_of(ref, namespace)
        if rules is None:
            raise NotFoundError.of(role.plural, name, group=GROUP)
        self._check_covered(resource, obj, rules, request)

    def _may(
        self, request: RequestInfo, verb: str, resource: Resource, namespace: str, name: str
    ) -> bool:
        access = access_to(resource, verb, user=request.user, groups=request.groups, name=name)
        return self.authorizer.decide(access._replace(namespace=namespace)).is_allowed

    def _check_covered(
        self, resource: Resource, obj: Any, rules: Iterable[Rule], request: RequestInfo
    ) -> None:
        namespace, name = obj.metadata.namespace, obj.metadata.name
        owned, missing = self.authorizer.rbac.rules_for(request.user, request.groups, namespace)
        left = uncovered(rules, owned)
        if not left:
            return
        groups = " ".join(f'"{group}"' for group in request.groups)
        listed = "\n".join(str(rule) for rule in left)
        tail = f"; resolution errors: [{', '.join(missing)}]" if missing else ""
        raise ForbiddenError(
            f'{resource.qualified} "{name}" is forbidden: user "{request.user}" (groups=[{groups}])'
            f" is attempting to grant RBAC permissions not currently held:\n{listed}{tail}",
            name=name,
            group=GROUP,
            kind=resource.plural,
        )


def _contents(role: Any) -> tuple[Any, Any]:
    return role.rules, getattr(role, "aggregation_rule", None)


def _grants(binding: Any) -> tuple[Any, Any]:
    return binding.role_ref, binding.subjects

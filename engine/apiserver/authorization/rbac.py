"""The RBAC authorizer: roles and bindings from the store, compiled per user, remembered.

Source: plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation, kubernetes v1.34.
"""

from collections.abc import Iterator

import attrs

from engine.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX
from engine.apiserver.authorization.access import Access, Decision
from engine.apiserver.authorization.rules import Rule, allows, read_rule
from engine.apiserver.keys import prefix_of
from engine.apiserver.storage import ObjectStorage
from engine.store.kv import prefix_end

GROUP = "rbac.authorization.k8s.io"
_KEPT_USERS = 1024
_KEPT_DECISIONS = 4096


ROLES = SCHEME.resource_of(Role)
CLUSTER_ROLES = SCHEME.resource_of(ClusterRole)
ROLE_BINDINGS = SCHEME.resource_of(RoleBinding)
CLUSTER_ROLE_BINDINGS = SCHEME.resource_of(ClusterRoleBinding)

Subject = tuple[str, str]
"""Kind (User or Group) and name; a ServiceAccount is the user that it is."""


@attrs.define(eq=False)
class _Grants:
    """All that bindings give to one user: rules for the whole cluster (``""``) and by namespace."""

    rules: dict[str, tuple[Rule, ...]]
    missing: dict[str, tuple[str, ...]]
    decided: dict[tuple[str, ...], Decision] = attrs.field(factory=dict)


@attrs.define(eq=False, repr=False)
class RbacAuthorizer:
    """Allows what some rule allows that a binding gives to the user or one of the groups.

    Promises: a change of a role or binding counts from the next question on.
    """

    storage: ObjectStorage
    _is_current: bool = attrs.field(default=False, init=False)
    _bindings: dict[Subject, list[tuple[str, RoleRef]]] = attrs.field(factory=dict, init=False)
    _users: dict[tuple[str, tuple[str, ...]], _Grants] = attrs.field(factory=dict, init=False)
    _rules: dict[tuple[str, str], tuple[str, tuple[Rule, ...]]] = attrs.field(
        factory=dict, init=False
    )

    def on_write(self, resource: Resource) -> None:
        """Forget what was compiled if a role or a binding has changed."""
        if resource.group == GROUP:
            self._is_current = False

    def authorize(self, access: Access) -> Decision:
        """Whether *access* is allowed, and if not, what is wrong with the user's bindings."""
        grants = self._grants(access.user, access.groups)
        # Most rules name no objects, so most questions are answered for all names at once.
        for_all = self._decided(grants, access._replace(name="", fields=""))
        if for_all.is_allowed or not access.name:
            return for_all
        return self._decided(grants, access._replace(fields=""))

    def _decided(self, grants: _Grants, access: Access) -> Decision:
        key = access[2:]
        known = grants.decided.get(key)
        if known is None:
            known = _decide(grants, access)
            if len(grants.decided) >= _KEPT_DECISIONS:
                grants.decided.clear()
            grants.decided[key] = known
        return known

    def rules_for(
        self, user: str, groups: tuple[str, ...], namespace: str
    ) -> tuple[list[Rule], list[str]]:
        """The user's rules for the cluster and *namespace*, and which roles are missing."""
        grants = self._grants(user, groups)
        scopes = ("", namespace) if namespace else ("",)
        rules = [rule for scope in scopes for rule in grants.rules.get(scope, ())]
        return rules, [text for scope in scopes for text in grants.missing.get(scope, ())]

    def rules_of(self, ref: RoleRef, namespace: str) -> tuple[Rule, ...] | None:
        """The rules of the role that a binding in *namespace* refers to; None if it is missing."""
        is_cluster_role = ref.kind == "ClusterRole"
        resource = CLUSTER_ROLES if is_cluster_role else ROLES
        role = self.storage.find(resource, "" if is_cluster_role else namespace, ref.name)
        return None if role is None else self.rules_in(role)

    def rules_in(self, role: Role | ClusterRole) -> tuple[Rule, ...]:
        """The rules of a role, read once per version of it."""
        key = (role.KIND, role.key)
        version = role.metadata.resource_version
        known = self._rules.get(key)
        if known is None or known[0] != version or not version:
            rules = tuple(read_rule(rule) for rule in role.rules)
            known = self._rules[key] = (version, rules)
        return known[1]

    def _grants(self, user: str, groups: tuple[str, ...]) -> _Grants:
        if not self._is_current:
            self._read_bindings()
        key = (user, groups)
        known = self._users.get(key)
        if known is None:
            if len(self._users) >= _KEPT_USERS:
                self._users.clear()
            known = self._users[key] = self._compile(user, groups)
        return known

    def _compile(self, user: str, groups: tuple[str, ...]) -> _Grants:
        rules: dict[str, list[Rule]] = {}
        missing: dict[str, list[str]] = {}
        for subject in (("User", user), *(("Group", group) for group in groups)):
            for namespace, ref in self._bindings.get(subject, ()):
                found = self.rules_of(ref, namespace)
                if found is None:
                    missing.setdefault(namespace, []).append(
                        f'{ref.kind.lower()}.{GROUP} "{ref.name}" not found'
                    )
                else:
                    rules.setdefault(namespace, []).extend(found)
        return _Grants(
            {namespace: tuple(dict.fromkeys(each)) for namespace, each in rules.items()},
            {namespace: tuple(each) for namespace, each in missing.items()},
        )

    def _read_bindings(self) -> None:
        self._is_current = True
        self._users.clear()
        self._bindings.clear()
        for resource in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS):
            prefix = prefix_of(resource)
            for kv in self.storage.range(prefix, prefix_end(prefix)).kvs:
                binding = kv.value
                namespace = binding.metadata.namespace
                for subject in subjects_of(binding):
                    self._bindings.setdefault(subject, []).append((namespace, binding.role_ref))


def subjects_of(binding: RoleBinding | ClusterRoleBinding) -> Iterator[Subject]:
    """Whom a binding is for."""
    for subject in binding.subjects:
        if subject.kind == "ServiceAccount":
            namespace = subject.namespace or binding.metadata.namespace
            yield "User", f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{subject.name}"
        elif subject.kind in ("User", "Group"):
            yield subject.kind, subject.name


def _decide(grants: _Grants, access: Access) -> Decision:
    scopes = ("", access.namespace) if access.namespace else ("",)
    for scope in scopes:
        for rule in grants.rules.get(scope, ()):
            if allows(rule, access) and (scope == "" or access.resource):
                return Decision(is_allowed=True)
    missing = [text for scope in scopes for text in grants.missing.get(scope, ())]
    if not missing:
        return Decision(is_allowed=False)
    listed = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
    return Decision(is_allowed=False, reason=f"RBAC: {listed}")

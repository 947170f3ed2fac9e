"""rbac.authorization.k8s.io/v1: who may do what."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class PolicyRule:
    """Verbs on resources, or on paths that are no resources."""

    verbs: tuple[str, ...] = wire(always=True, default=())
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = wire("nonResourceURLs", default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Role(ApiObject):
    """Rules for one namespace."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "Role"

    rules: tuple[PolicyRule, ...] = wire(always=True, default=())


@attrs.frozen(kw_only=True)
class AggregationRule:
    """Which other cluster roles a cluster role takes its rules from."""

    cluster_role_selectors: tuple[LabelSelector, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ClusterRole(ApiObject):
    """Rules for the whole cluster, or for any namespace it is bound in."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "ClusterRole"

    rules: tuple[PolicyRule, ...] = wire(always=True, default=())
    aggregation_rule: AggregationRule | None = None


@attrs.frozen(kw_only=True)
class Subject:
    """A User, a Group or a ServiceAccount."""

    kind: str = wire(always=True, default="")
    api_group: str = ""
    name: str = wire(always=True, default="")
    namespace: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class RoleRef:
    """The role that is bound."""

    api_group: str = wire(always=True, default="")
    kind: str = wire(always=True, default="")
    name: str = wire(always=True, default="")
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class RoleBinding(ApiObject):
    """Gives a role to subjects, in one namespace."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "RoleBinding"

    subjects: tuple[Subject, ...] = ()
    role_ref: RoleRef = wire(always=True, default=RoleRef())


@attrs.frozen(kw_only=True)
class ClusterRoleBinding(ApiObject):
    """Gives a cluster role to subjects, everywhere."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "ClusterRoleBinding"

    subjects: tuple[Subject, ...] = ()
    role_ref: RoleRef = wire(always=True, default=RoleRef())

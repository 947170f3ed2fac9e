"""The default roles and bindings as objects.

Source: bootstrappolicy and the rbac/bootstrap-roles hook of kube-apiserver, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector, ObjectMeta
from engine.api.rbac import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from engine.apiserver.authorization.controller_roles import CONTROLLER_ROLES
from engine.apiserver.authorization.default_roles import (
    AGGREGATED,
    CLUSTER_BINDINGS,
    NAMESPACED_BINDINGS,
    cluster_roles,
    namespaced_roles,
)
from engine.apiserver.authorization.rbac import GROUP

AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_BOOTSTRAPPING = FrozenDict({"kubernetes.io/bootstrapping": "rbac-defaults"})
_AGGREGATE = "rbac.authorization.k8s.io/"
_AGGREGATES = {
    f"system:{label}": f"{_AGGREGATE}{label}"
    for label in ("aggregate-to-admin", "aggregate-to-edit", "aggregate-to-view")
}


def default_objects() -> Iterator[ApiObject]:
    """All of them, roles before the bindings that refer to them."""
    for role in cluster_roles():
        labels = {_AGGREGATES[role.name]: "true"} if role.name in _AGGREGATES else {}
        rules = tuple(rule.policy() for rule in role.rules)
        yield ClusterRole(metadata=_meta(role.name, labels=labels), rules=rules)
    for name, (label, carried) in AGGREGATED.items():
        labels = {f"{_AGGREGATE}{each}": "true" for each in carried}
        wanted = LabelSelector(match_labels=FrozenDict({f"{_AGGREGATE}{label}": "true"}))
        yield ClusterRole(
            metadata=_meta(name, labels=labels),
            aggregation_rule=AggregationRule(cluster_role_selectors=(wanted,)),
        )
    for role in namespaced_roles():
        rules = tuple(rule.policy() for rule in role.rules)
        yield Role(metadata=_meta(role.name, role.namespace), rules=rules)
    for name, kind, names in (*CLUSTER_BINDINGS, *_controller_bindings()):
        yield ClusterRoleBinding(
            metadata=_meta(name),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name=name),
            subjects=_subjects(kind, names),
        )
    for namespace, name, kind, names in NAMESPACED_BINDINGS:
        role_name = name.replace("system::extension-", "extension-")
        yield RoleBinding(
            metadata=_meta(name, namespace),
            role_ref=RoleRef(api_group=GROUP, kind="Role", name=role_name),
            subjects=_subjects(kind, names),
        )


def with_missing(found: Any, wanted: Any) -> Any:
    """*found* with the default rules, subjects and labels that somebody has taken away.

    What was added stays, and an object annotated against updates stays as it is.
    """
    if found.metadata.annotations.get(AUTOUPDATE) == "false":
        return found
    labels = found.metadata.labels.with_items(wanted.metadata.labels)
    new = found
    if labels != found.metadata.labels:
        new = attrs.evolve(found, metadata=attrs.evolve(found.metadata, labels=labels))
    field = "subjects" if hasattr(wanted, "subjects") else "rules"
    there = getattr(found, field)
    lacking = tuple(each for each in getattr(wanted, field) if each not in there)
    return attrs.evolve(new, **{field: (*there, *lacking)}) if lacking else new


def _controller_bindings() -> Iterator[tuple[str, str, str]]:
    for line in CONTROLLER_ROLES.strip().splitlines():
        if not line.startswith(" "):
            yield f"system:controller:{line}", "ServiceAccount", line


def _subjects(kind: str, names: str) -> tuple[Subject, ...]:
    if kind == "ServiceAccount":
        return tuple(
            Subject(kind=kind, name=name, namespace="kube-system") for name in names.split()
        )
    return tuple(Subject(kind=kind, name=name, api_group=GROUP) for name in names.split())


def _meta(name: str, namespace: str = "", *, labels: Mapping[str, str] = EMPTY) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=namespace,
        labels=_BOOTSTRAPPING.with_items(labels),
        annotations=FrozenDict({AUTOUPDATE: "true"}),
    )

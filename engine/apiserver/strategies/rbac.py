"""Roles and their bindings.

Source: pkg/apis/rbac/v1/defaults.go, pkg/registry/rbac, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.rbac import ClusterRole, PolicyRule, Subject
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import WithoutStatus
from engine.apiserver.validation import invalid, name_faults, required, unsupported

GROUP = "rbac.authorization.k8s.io"


class RoleStrategy(WithoutStatus):
    """Roles and ClusterRoles."""

    def validate(self, obj: Any) -> list[Cause]:
        """Rules about resources, or, in the whole cluster, about paths."""
        is_cluster = isinstance(obj, ClusterRole)
        return [
            cause
            for index, rule in enumerate(obj.rules)
            for cause in _rule(rule, f"rules[{index}]", is_cluster=is_cluster)
        ]


class BindingStrategy(WithoutStatus):
    """RoleBindings and ClusterRoleBindings."""

    def default(self, obj: Any) -> Any:
        """Groups of the API by kind."""
        role = attrs.evolve(obj.role_ref, api_group=obj.role_ref.api_group or GROUP)
        return attrs.evolve(
            obj, role_ref=role, subjects=tuple([_subject(subject) for subject in obj.subjects])
        )

    def validate(self, obj: Any) -> list[Cause]:
        """A role, and who gets it."""
        role = obj.role_ref
        causes: list[Cause] = []
        if role.api_group != GROUP:
            causes.append(unsupported("roleRef.apiGroup", role.api_group, (GROUP,)))
        kinds = ("ClusterRole",) if obj.KIND == "ClusterRoleBinding" else ("ClusterRole", "Role")
        if role.kind not in kinds:
            causes.append(unsupported("roleRef.kind", role.kind, kinds))
        if not role.name:
            causes.append(required("roleRef.name"))
        else:
            faults = name_faults("Role", role.name)
            causes += [invalid("roleRef.name", role.name, fault) for fault in faults]
        for index, subject in enumerate(obj.subjects):
            causes += _subject_causes(subject, f"subjects[{index}]")
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Who was bound to one role is not bound to another by a change."""
        if new.role_ref == old.role_ref:
            return []
        return [invalid("roleRef", new.role_ref, "cannot change roleRef")]


def _subject(subject: Subject) -> Subject:
    if subject.api_group or subject.kind not in ("User", "Group"):
        return subject
    return attrs.evolve(subject, api_group=GROUP)


def _rule(rule: PolicyRule, path: str, *, is_cluster: bool) -> list[Cause]:
    causes: list[Cause] = []
    if not rule.verbs:
        causes.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    if rule.non_resource_urls:
        place = f"{path}.nonResourceURLs"
        if not is_cluster:
            message = "namespaced rules cannot apply to non-resource URLs"
            causes.append(invalid(place, rule.non_resource_urls, message))
        if rule.api_groups or rule.resources or rule.resource_names:
            message = "rules cannot apply to both regular resources and non-resource URLs"
            causes.append(invalid(place, rule.non_resource_urls, message))
        return causes
    if not rule.api_groups:
        message = "resource rules must supply at least one api group"
        causes.append(required(f"{path}.apiGroups", message))
    if not rule.resources:
        message = "resource rules must supply at least one resource"
        causes.append(required(f"{path}.resources", message))
    return causes


def _subject_causes(subject: Subject, path: str) -> list[Cause]:
    causes = [] if subject.name else [required(f"{path}.name")]
    if subject.kind == "ServiceAccount":
        if subject.name:
            faults = name_faults("ServiceAccount", subject.name)
            causes += [invalid(f"{path}.name", subject.name, fault) for fault in faults]
        if subject.api_group:
            causes.append(unsupported(f"{path}.apiGroup", subject.api_group, ("",)))
        if not subject.namespace:
            causes.append(required(f"{path}.namespace"))
    elif subject.kind in ("User", "Group"):
        if subject.api_group != GROUP:
            causes.append(unsupported(f"{path}.apiGroup", subject.api_group, (GROUP,)))
    else:
        causes.append(
            unsupported(f"{path}.kind", subject.kind, ("Group", "ServiceAccount", "User"))
        )
    return causes

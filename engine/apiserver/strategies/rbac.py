"""Roles and their bindings.

Source: pkg/apis/rbac/v1/defaults.go, pkg/registry/rbac, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.rbac import Subject
from engine.apiserver.strategy import WithoutStatus

GROUP = "rbac.authorization.k8s.io"


class RoleStrategy(WithoutStatus):
    """Roles and ClusterRoles."""


class BindingStrategy(WithoutStatus):
    """RoleBindings and ClusterRoleBindings."""

    def default(self, obj: Any) -> Any:
        """Groups of the API by kind."""
        role = attrs.evolve(obj.role_ref, api_group=obj.role_ref.api_group or GROUP)
        return attrs.evolve(
            obj, role_ref=role, subjects=tuple([_subject(subject) for subject in obj.subjects])
        )


def _subject(subject: Subject) -> Subject:
    if subject.api_group or subject.kind not in ("User", "Group"):
        return subject
    return attrs.evolve(subject, api_group=GROUP)

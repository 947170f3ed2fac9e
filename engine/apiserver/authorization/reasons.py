"""Which binding allows something: asked by reviews alone, so nothing is compiled for it.

Source: pkg/registry/rbac/validation/rule.go (ruleAccumulator, describers), kubernetes v1.34.
"""

from typing import Any

from engine.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX
from engine.apiserver.authorization.access import Access
from engine.apiserver.authorization.rbac import (
    CLUSTER_ROLE_BINDINGS,
    ROLE_BINDINGS,
    RbacAuthorizer,
)
from engine.apiserver.authorization.rules import allows
from engine.apiserver.keys import prefix_of
from engine.store.kv import prefix_end


def why_allowed(access: Access, rbac: RbacAuthorizer) -> str:
    """The first binding whose role allows *access*, in Kubernetes' words; empty if none does."""
    for resource in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS):
        prefix = prefix_of(resource)
        for kv in rbac.storage.range(prefix, prefix_end(prefix)).kvs:
            binding = kv.value
            namespace = binding.metadata.namespace
            if namespace and (namespace != access.namespace or not access.resource):
                continue
            subject = next((s for s in binding.subjects if _is(s, namespace, access)), None)
            if subject is None:
                continue
            rules = rbac.rules_of(binding.role_ref, namespace) or ()
            if any(allows(rule, access) for rule in rules):
                return f"RBAC: allowed by {_described(binding, subject)}"
    return ""


def _is(subject: Any, namespace: str, access: Access) -> bool:
    """Whether *subject* of a binding in *namespace* is who asks for *access*."""
    if subject.kind == "Group":
        return subject.name in access.groups
    if subject.kind == "ServiceAccount":
        name = f"{SERVICE_ACCOUNT_PREFIX}{subject.namespace or namespace}:{subject.name}"
        return access.user == name
    return bool(subject.kind == "User" and subject.name == access.user)


def _described(binding: Any, subject: Any) -> str:
    meta, ref = binding.metadata, binding.role_ref
    name = f"{meta.name}/{meta.namespace}" if meta.namespace else meta.name
    who = subject.name
    if subject.kind == "ServiceAccount":
        who += f"/{subject.namespace or meta.namespace}"
    return f'{binding.KIND} "{name}" of {ref.kind} "{ref.name}" to {subject.kind} "{who}"'

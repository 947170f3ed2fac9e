"""The node authorizer: a node reads and writes what is its own, and what its pods refer to.

Source: plugin/pkg/auth/authorizer/node/node_authorizer.go, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.authentication.user import NODE_PREFIX, NODES_GROUP
from engine.apiserver.authorization.access import Access, Decision
from engine.apiserver.authorization.default_roles import node_rules
from engine.apiserver.authorization.rules import Rule, allows
from engine.apiserver.keys import prefix_of
from engine.apiserver.storage import ObjectStorage
from engine.store.kv import prefix_end

Reference = tuple[str, str]
"""Resource and name of what a pod refers to, in the pod's namespace."""

_PODS = SCHEME.resource_of(Pod)
_VOLUMES = SCHEME.by_path("", "v1", "persistentvolumes")


def node_of(user: str, groups: tuple[str, ...]) -> str:
    """The node that *user* is; empty if it is none."""
    if user.startswith(NODE_PREFIX) and NODES_GROUP in groups:
        return user.removeprefix(NODE_PREFIX)
    return ""


@attrs.define(eq=False, repr=False)
class NodeAuthorizer:
    """Knows which pods are on which node, and from them what a node may read."""

    storage: ObjectStorage
    _pods: dict[str, dict[str, None]] | None = attrs.field(default=None, init=False)
    _references: dict[str, tuple[str, frozenset[Reference]]] = attrs.field(factory=dict, init=False)
    _rules: tuple[Rule, ...] = attrs.field(factory=node_rules, init=False)
    _decided: dict[tuple[str, ...], bool] = attrs.field(factory=dict, init=False)

    def authorize(self, access: Access) -> Decision:
        """Whether a node may do that; no answer (not allowed, no reason) for who is no node."""
        node = node_of(access.user, access.groups)
        if not node:
            return Decision(is_allowed=False)
        refusal = self._refusal(node, access)
        if refusal:
            return Decision(is_allowed=False, reason=refusal)
        key = access[2:6]
        known = self._decided.get(key)
        if known is None:
            question = access._replace(namespace="", name="")
            known = self._decided[key] = any(allows(rule, question) for rule in self._rules)
        return Decision(is_allowed=known)

    def on_write(self, resource: Resource, old: ApiObject | None, new: ApiObject | None) -> None:
        """Keep up with where pods are."""
        if self._pods is None or resource.plural != "pods" or resource.group:
            return
        node = new.spec.node_name if isinstance(new, Pod) else ""
        was = old.spec.node_name if isinstance(old, Pod) else ""
        if node == was and new is not None:
            return
        found = new or old
        assert found is not None
        if was:
            self._pods.get(was, {}).pop(found.key, None)
        if node:
            self._pods.setdefault(node, {})[found.key] = None
        else:
            self._references.pop(found.key, None)

    def _refusal(self, node: str, access: Access) -> str:  # noqa: C901 - one case a resource
        """Why the request is none of the node's business; empty if it may be."""
        resource, sub = access.resource, access.subresource
        match access.group, resource:
            case "", "secrets" | "configmaps" | "persistentvolumeclaims":
                if sub and (resource, sub) != ("persistentvolumeclaims", "status"):
                    return "cannot get subresource"
                return self._unrelated(node, access)
            case "", "persistentvolumes":
                return self._unrelated_volume(node, access)
            case "", "serviceaccounts":
                if sub != "token" or access.verb != "create":
                    return "can only create tokens for individual service accounts"
                return self._unrelated(node, access)
            case "", "nodes":
                return _foreign_node(node, access)
            case "", "pods":
                return self._foreign_pod(node, access)
            case "coordination.k8s.io", "leases":
                return _foreign_lease(node, access)
            case "storage.k8s.io", "csinodes":
                if access.name and access.name != node:
                    return "can only access CSINode with the same name as the requesting node"
        return ""

    def _unrelated(self, node: str, access: Access) -> str:
        if not access.name:
            return "No Object name found"
        wanted = (access.resource, access.name)
        for key in self._pods_on(node):
            namespace, _, name = key.partition("/")
            if namespace == access.namespace and wanted in self._references_of(namespace, name):
                return ""
        return f"no relationship found between node '{node}' and this object"

    def _unrelated_volume(self, node: str, access: Access) -> str:
        if access.verb != "get" or not access.name:
            return "can only get individual resources of this type"
        assert _VOLUMES is not None
        volume = self.storage.find(_VOLUMES, "", access.name)
        claim = volume.spec.claim_ref if volume is not None else None
        if claim is not None:
            related = access._replace(
                resource="persistentvolumeclaims", namespace=claim.namespace, name=claim.name
            )
            if not self._unrelated(node, related):
                return ""
        return f"no relationship found between node '{node}' and this object"

    def _foreign_pod(self, node: str, access: Access) -> str:
        if access.subresource:
            return ""
        if access.verb in ("list", "watch"):
            if _demands(access.fields, "spec.nodeName", node) or access.name:
                return ""
            return "can only list/watch pods with spec.nodeName field selector"
        if access.verb == "get" and access.name:
            if f"{access.namespace}/{access.name}" in self._pods_on(node):
                return ""
            return f"no relationship found between node '{node}' and this object"
        return ""

    def _pods_on(self, node: str) -> Mapping[str, None]:
        if self._pods is None:
            self._pods = {}
            prefix = prefix_of(_PODS)
            for kv in self.storage.range(prefix, prefix_end(prefix)).kvs:
                if kv.value.spec.node_name:
                    self._pods.setdefault(kv.value.spec.node_name, {})[kv.value.key] = None
        return self._pods.get(node, {})

    def _references_of(self, namespace: str, name: str) -> frozenset[Reference]:
        key = f"{namespace}/{name}"
        pod = self.storage.find(_PODS, namespace, name)
        if pod is None:
            return frozenset()
        known = self._references.get(key)
        if known is None or known[0] != pod.metadata.uid:
            spec = encode(pod).get("spec") or {}
            found = frozenset((*_references(spec), *_claims_made_for(name, spec)))
            known = self._references[key] = (pod.metadata.uid, found)
        return known[1]


def _references(value: Any) -> Iterator[Reference]:
    """Every secret, config map, claim and account that a pod's spec names."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _references(each)
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in ("serviceAccountName", "serviceAccount"):
            yield "serviceaccounts", str(inner)
        elif key == "imagePullSecrets":
            yield from (("secrets", str(each.get("name", ""))) for each in inner)
        elif isinstance(inner, dict) and key in _NAMED:
            resource, field = _NAMED[key]
            yield resource, str(inner.get(field) or inner.get("name", ""))
        yield from _references(inner)


_NAMED = {
    "secret": ("secrets", "secretName"),
    "secretRef": ("secrets", "name"),
    "secretKeyRef": ("secrets", "name"),
    "nodePublishSecretRef": ("secrets", "name"),
    "configMap": ("configmaps", "name"),
    "configMapRef": ("configmaps", "name"),
    "configMapKeyRef": ("configmaps", "name"),
    "persistentVolumeClaim": ("persistentvolumeclaims", "claimName"),
}


def _claims_made_for(pod: str, spec: dict[str, Any]) -> Iterator[Reference]:
    for volume in spec.get("volumes") or ():
        if "ephemeral" in volume:
            yield "persistentvolumeclaims", f"{pod}-{volume.get('name', '')}"


def _foreign_node(node: str, access: Access) -> str:
    if access.subresource not in ("", "status"):
        return ""
    if access.verb == "get" and access.name != node:
        return f"node '{node}' cannot read '{access.name}', only its own Node object"
    if access.verb in ("list", "watch") and not _demands(access.fields, "metadata.name", node):
        return f"node '{node}' cannot read all nodes, only its own Node object"
    return ""


def _foreign_lease(node: str, access: Access) -> str:
    if access.namespace != "kube-node-lease":
        return 'can only access leases in the "kube-node-lease" system namespace'
    if access.verb not in ("get", "create", "update", "patch", "delete"):
        return "can only get, create, update, patch, or delete a node lease"
    # A create request names no object yet; node restriction looks at the one that is sent.
    if access.verb != "create" and access.name != node:
        return "can only access node lease with the same name as the requesting node"
    return ""


def _demands(fields: str, key: str, value: str) -> bool:
    """Whether a field selector selects only what has *value* under *key*."""
    for part in fields.split(","):
        name, equals, wanted = part.partition("=")
        if name.strip() == key and equals and wanted.removeprefix("=").strip() == value:
            return True
    return False

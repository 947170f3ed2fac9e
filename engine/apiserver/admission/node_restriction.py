"""NodeRestriction: a kubelet writes its own node, its own lease and its own pods, nothing else.

Source: plugin/pkg/admission/noderestriction, kubernetes v1.34.
"""

from typing import Any

from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.authorization.node import node_of
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.storage import ObjectStorage

_MIRROR = "kubernetes.io/config.mirror"
_RESTRICTED = "node-restriction.kubernetes.io"
_ALLOWED_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
# No kubeadm comes after our kubelets to say which node is a control plane: they do, once.
_ROLE = "node-role.kubernetes.io"
_ALLOWED_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction:
    """Looks at what nodes write; everybody else is none of its business."""

    kinds = (object,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object unchanged, or a refusal."""
        del storage
        request = attributes.request
        node = node_of(request.user, request.groups)
        if not node:
            return attributes.obj
        why = ""
        match attributes.resource.qualified:
            case "pods":
                why = _pod_fault(attributes, node)
            case "nodes":
                why = _node_fault(attributes, node)
            case "leases.coordination.k8s.io":
                why = _lease_fault(attributes, node)
            case "csinodes.storage.k8s.io":
                if attributes.obj.metadata.name != node:
                    why = "can only access CSINode with the same name as the requesting node"
        if why:
            meta = attributes.obj.metadata
            raise ForbiddenError(
                f'{attributes.resource.qualified} "{meta.name}" is forbidden: {why}',
                name=meta.name,
                group=attributes.resource.group,
                kind=attributes.resource.plural,
            )
        return attributes.obj


def _pod_fault(attributes: Attributes, node: str) -> str:
    pod: Pod = attributes.old or attributes.obj
    where = pod.spec.node_name
    if attributes.operation == "CREATE":
        if _MIRROR not in pod.metadata.annotations:
            return (
                f'pod does not have "{_MIRROR}" annotation, node "{node}" can only create mirror '
                "pods"
            )
        if where != node:
            return f'node "{node}" can only create pods with spec.nodeName set to itself'
        return ""
    if where != node:
        verb = "delete" if attributes.operation == "DELETE" else "update pod status for"
        return f'node "{node}" can only {verb} pods with spec.nodeName set to itself'
    return ""


def _node_fault(attributes: Attributes, node: str) -> str:
    new: Node = attributes.obj
    if new.metadata.name != node:
        return f'node "{node}" is not allowed to modify node "{new.metadata.name}"'
    if attributes.operation == "DELETE":
        return f'node "{node}" is not allowed to delete node "{new.metadata.name}"'
    old: Node | None = attributes.old
    if old is not None and not attributes.subresource and new.spec.taints != old.spec.taints:
        return f'node "{node}" is not allowed to modify taints'
    before = {} if old is None else old.metadata.labels
    changed = [
        key
        for key in sorted({*before, *new.metadata.labels})
        if before.get(key) != new.metadata.labels.get(key)
        and _is_forbidden_label(key, is_new=old is None)
    ]
    if changed:
        return (
            f"is not allowed to {'set' if old is None else 'modify'} the following labels: "
            f"{', '.join(changed)}"
        )
    return ""


def _is_forbidden_label(key: str, *, is_new: bool) -> bool:
    prefix, slash, _ = key.partition("/")
    if not slash:
        return False
    if prefix == _RESTRICTED or prefix.endswith(f".{_RESTRICTED}"):
        return True
    is_kubernetes = any(
        prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubernetes.io", "k8s.io")
    )
    if not is_kubernetes or key in _ALLOWED_LABELS or (is_new and prefix == _ROLE):
        return False
    return not any(
        prefix == allowed or prefix.endswith(f".{allowed}") for allowed in _ALLOWED_PREFIXES
    )


def _lease_fault(attributes: Attributes, node: str) -> str:
    meta = attributes.obj.metadata
    if meta.namespace != "kube-node-lease":
        return 'can only access leases in the "kube-node-lease" system namespace'
    if meta.name != node:
        return "can only access node lease with the same name as the requesting node"
    return ""

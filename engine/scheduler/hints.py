"""Queueing hints: whether something that happened may let a pod pass that a plugin refused. Pure.

Source: EventsToRegister and the hint functions of each plugin, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import attrs

from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.persistent import PersistentVolumeClaim
from engine.scheduler.affinity_term import AffinityTerm
from engine.scheduler.node_selection import REQUIRED, matches_term
from engine.scheduler.plugins.volume_restrictions import disks_of
from engine.scheduler.pod_info import PodInfo, amount_of
from engine.scheduler.spread_constraints import constraints_of
from engine.scheduler.tolerations import first_untolerated

_HARD = frozenset({"NoSchedule", "NoExecute"})


@attrs.frozen(kw_only=True, eq=False)
class ClusterEvent:
    """Something that happened: to an object (*old*, *new*), or to a pod on a node.

    *namespace_labels* are the labels of that pod's namespace.
    """

    kind: str
    old: ApiObject | None = None
    new: ApiObject | None = None
    old_pod: PodInfo | None = None
    new_pod: PodInfo | None = None
    namespace_labels: Mapping[str, str] = EMPTY

    @property
    def name(self) -> str:
        """As kube-scheduler calls it: ``NodeAdd``, ``AssignedPodDelete`` and so on."""
        old, new = self.old or self.old_pod, self.new or self.new_pod
        what = "Delete" if new is None else "Add" if old is None else "Update"
        return f"Assigned{self.kind}{what}" if self.kind == "Pod" else f"{self.kind}{what}"


Hint = Callable[[PodInfo, ClusterEvent], bool]


def may_help(info: PodInfo, refused_by: Iterable[str], event: ClusterEvent) -> bool:
    """Whether *event* may let a pod pass one of the plugins that refused it."""
    for name in refused_by:
        hint = _HINTS.get((name, event.kind))
        if hint is not None and hint(info, event):
            return True
    return False


# Nodes


def _fits_node(info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    if node is None:
        return False
    have = _allocatable(node)
    wanted = (("pods", 1), *info.requests)
    if any(amount > have.get(name, 0) for name, amount in wanted):
        return False
    if event.old is None:
        return True
    had = _allocatable(cast("Node", event.old))
    return any(have.get(name, 0) > had.get(name, 0) for name, _ in wanted)


def _likes_labels(info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    if node is None or not _is_required_met(info, node):
        return False
    return event.old is None or not _is_required_met(info, cast("Node", event.old))


def _tolerates(info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    if node is None or first_untolerated(node.spec.taints, info.tolerations, _HARD) is not None:
        return False
    old = cast("Node | None", event.old)
    return old is None or first_untolerated(old.spec.taints, info.tolerations, _HARD) is not None


def _is_uncordoned(_info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    if node is None or node.spec.unschedulable:
        return False
    return event.old is None or cast("Node", event.old).spec.unschedulable


def _is_named(info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    return node is not None and node.metadata.name == info.pod.spec.node_name


def _spreads_otherwise(info: PodInfo, event: ClusterEvent) -> bool:
    keys = [constraint.label for constraint in constraints_of(info)]
    old, new = cast("Node | None", event.old), cast("Node | None", event.new)
    if old is None or new is None:
        found = new if old is None else old
        return found is not None and all(key in found.metadata.labels for key in keys)
    return (
        any(old.metadata.labels.get(key) != new.metadata.labels.get(key) for key in keys)
        or old.spec.taints != new.spec.taints
        or old.spec.unschedulable != new.spec.unschedulable
    )


def _lies_near(info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    if node is None:
        return False
    old = cast("Node | None", event.old)
    labels, before = node.metadata.labels, EMPTY if old is None else old.metadata.labels
    terms = (*info.affinity.required, *info.affinity.required_anti)
    # A pod that others do not want looks at their topologies, which only they know.
    return not terms or any(
        term.topology_key in labels and labels[term.topology_key] != before.get(term.topology_key)
        for term in terms
    ) or any(term.topology_key not in labels for term in info.affinity.required_anti)  # fmt: skip


def _has_other_labels(_info: PodInfo, event: ClusterEvent) -> bool:
    node = _added(event)
    old = cast("Node | None", event.old)
    return node is not None and (old is None or old.metadata.labels != node.metadata.labels)


# Pods that are placed


def _frees(info: PodInfo, event: ClusterEvent) -> bool:
    left = event.old_pod
    if left is None:
        return False
    if event.new_pod is None:
        return True
    now = dict(event.new_pod.requests)
    freed = {name for name, amount in left.requests if now.get(name, 0) < amount}
    return any(name in freed for name, _ in info.requests)


def _frees_ports(info: PodInfo, event: ClusterEvent) -> bool:
    left = event.old_pod
    return event.new_pod is None and left is not None and any(
        (protocol, port) == (other_protocol, other_port)
        for _, protocol, port in info.host_ports
        for _, other_protocol, other_port in left.host_ports
    )  # fmt: skip


def _changes_skew(info: PodInfo, event: ClusterEvent) -> bool:
    groups = [constraint.group for constraint in constraints_of(info)]
    pods = [pod for pod in (event.old_pod, event.new_pod) if pod is not None]
    return any(
        [group.has(pod, event.namespace_labels) for pod in pods].count(True) == 1
        or (len(pods) == 1 and pods[0].namespace == info.namespace
            and group.selector is not None and group.selector.matches(pods[0].labels))
        for group in groups
    )  # fmt: skip


def _changes_company(info: PodInfo, event: ClusterEvent) -> bool:
    affinity, labels = info.affinity, event.namespace_labels
    if _is_meant(event.new_pod, affinity.required, labels) and not _is_meant(
        event.old_pod, affinity.required, labels
    ):
        return True
    if _is_meant(event.old_pod, affinity.required_anti, labels) and not _is_meant(
        event.new_pod, affinity.required_anti, labels
    ):
        return True
    left = event.old_pod
    return left is not None and event.new_pod is None and any(
        term.matches(info.namespace, info.labels, labels) for term in left.affinity.required_anti
    )  # fmt: skip


def _frees_claim(info: PodInfo, event: ClusterEvent) -> bool:
    left = event.old_pod
    if left is None or event.new_pod is not None:
        return False
    if left.namespace == info.namespace and set(left.claims) & set(info.claims):
        return True
    ours = {disk[:2] for disk in disks_of(info.pod)}
    return any(disk[:2] in ours for disk in disks_of(left.pod))


def _frees_volume(_info: PodInfo, event: ClusterEvent) -> bool:
    return event.new_pod is None and event.old_pod is not None and bool(event.old_pod.claims)


# Volumes


def _is_our_claim(info: PodInfo, event: ClusterEvent) -> bool:
    claim = cast("PersistentVolumeClaim | None", event.new)
    return (
        claim is not None
        and claim.metadata.namespace == info.namespace
        and claim.metadata.name in info.claims
    )


def _exists(_info: PodInfo, event: ClusterEvent) -> bool:
    return event.new is not None


_HINTS: Mapping[tuple[str, str], Hint] = {
    ("NodeResourcesFit", "Node"): _fits_node,
    ("NodeResourcesFit", "Pod"): _frees,
    ("NodeAffinity", "Node"): _likes_labels,
    ("TaintToleration", "Node"): _tolerates,
    ("NodeUnschedulable", "Node"): _is_uncordoned,
    ("NodeName", "Node"): _is_named,
    ("NodePorts", "Node"): lambda _info, event: event.old is None,
    ("NodePorts", "Pod"): _frees_ports,
    ("PodTopologySpread", "Node"): _spreads_otherwise,
    ("PodTopologySpread", "Pod"): _changes_skew,
    ("InterPodAffinity", "Node"): _lies_near,
    ("InterPodAffinity", "Pod"): _changes_company,
    ("VolumeRestrictions", "Pod"): _frees_claim,
    ("VolumeRestrictions", "PersistentVolumeClaim"): _is_our_claim,
    ("VolumeRestrictions", "Node"): lambda _info, event: event.old is None,
    ("NodeVolumeLimits", "Pod"): _frees_volume,
    ("NodeVolumeLimits", "CSINode"): _exists,
    ("NodeVolumeLimits", "PersistentVolumeClaim"): _is_our_claim,
    ("NodeVolumeLimits", "Node"): lambda _info, event: event.old is None,
    ("VolumeBinding", "PersistentVolumeClaim"): _is_our_claim,
    ("VolumeBinding", "PersistentVolume"): _exists,
    ("VolumeBinding", "StorageClass"): _exists,
    ("VolumeBinding", "CSINode"): _exists,
    ("VolumeBinding", "CSIDriver"): _exists,
    ("VolumeBinding", "CSIStorageCapacity"): _exists,
    ("VolumeBinding", "Node"): _has_other_labels,
    ("VolumeZone", "PersistentVolumeClaim"): _is_our_claim,
    ("VolumeZone", "PersistentVolume"): _exists,
    ("VolumeZone", "StorageClass"): _exists,
    ("VolumeZone", "Node"): _has_other_labels,
}
"""By the plugin that refused a pod and the kind of the object that something happened to."""


def _added(event: ClusterEvent) -> Node | None:
    return cast("Node | None", event.new)


def _allocatable(node: Node) -> dict[str, int]:
    return {name: amount_of(name, text) for name, text in node.status.allocatable.items()}


def _is_required_met(info: PodInfo, node: Node) -> bool:
    if not info.node_selector.items() <= node.metadata.labels.items():
        return False
    required = info.node_affinity.get(REQUIRED)
    if required is None:
        return True
    return any(matches_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def _is_meant(
    pod: PodInfo | None, terms: Iterable[AffinityTerm], labels: Mapping[str, str]
) -> bool:
    return pod is not None and any(
        term.matches(pod.namespace, pod.labels, labels) for term in terms
    )

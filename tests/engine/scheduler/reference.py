"""kube-scheduler's default profile written slowly: node by node, pod by pod, no columns, no caches.

What the scheduler computes on vectors must agree with this. It follows the plugins of kubernetes
v1.34 (noderesources, tainttoleration, nodeaffinity, nodeports, podtopologyspread,
interpodaffinity, imagelocality), each function from the documented rules.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from engine.api.node import Node
from engine.scheduler.affinity_term import AffinityTerm
from engine.scheduler.node_selection import PREFERRED, REQUIRED, matches_term
from engine.scheduler.pod_info import PodInfo, amount_of
from engine.scheduler.spread_constraints import HOSTNAME, SpreadConstraint, constraints_of
from engine.scheduler.tolerations import first_untolerated, tolerates

HARD = frozenset({"NoSchedule", "NoExecute"})
Placed = Mapping[str, Sequence[PodInfo]]


@attrs.frozen
class World:
    """Nodes, and the pods on each by the node's name."""

    nodes: Sequence[Node]
    pods: Placed

    def on(self, node: Node) -> Sequence[PodInfo]:
        """The pods on a node."""
        return self.pods.get(node.metadata.name, ())

    def all_pods(self) -> list[tuple[Node, PodInfo]]:
        """Every pod with its node."""
        return [(node, pod) for node in self.nodes for pod in self.on(node)]


def refused_by(info: PodInfo, node: Node, world: World) -> str:
    """The first filter that refuses the node, or ""."""
    for name, fits in FILTERS.items():
        if not fits(info, node, world):
            return name
    return ""


def _tolerates_taints(info: PodInfo, node: Node, _world: World) -> bool:
    return first_untolerated(node.spec.taints, info.tolerations, HARD) is None


def _is_schedulable(info: PodInfo, node: Node, _world: World) -> bool:
    return not node.spec.unschedulable or any(
        item.operator == "Exists" and item.key in ("", "node.kubernetes.io/unschedulable")
        for item in info.tolerations
    )


def _meets_affinity(info: PodInfo, node: Node, _world: World | None = None) -> bool:
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in info.node_selector.items()):
        return False
    required = info.node_affinity.get(REQUIRED)
    return required is None or any(
        matches_term(term, node) for term in required["nodeSelectorTerms"]
    )


def _has_ports(info: PodInfo, node: Node, world: World) -> bool:
    taken = [port for other in world.on(node) for port in other.host_ports]
    return not any(
        (protocol, port) == (theirs, number) and (address == other or "0.0.0.0" in (address, other))
        for address, protocol, port in info.host_ports
        for other, theirs, number in taken
    )


def _amount(node: Node, name: str) -> int:
    return amount_of(name, node.status.allocatable.get(name, "0"))


def _taken(node: Node, name: str, world: World) -> int:
    return sum(dict(other.requests).get(name, 0) for other in world.on(node))


def _fits(info: PodInfo, node: Node, world: World) -> bool:
    if len(world.on(node)) + 1 > _amount(node, "pods"):
        return False
    return all(
        amount <= _amount(node, name) - _taken(node, name, world) for name, amount in info.requests
    )


def _counts_for(constraint: SpreadConstraint, info: PodInfo, node: Node) -> bool:
    if constraint.honors_affinity and not _meets_affinity(info, node):
        return False
    return not constraint.honors_taints or _tolerates_taints(info, node, World((), {}))


def _matching(constraint: SpreadConstraint, node: Node, world: World) -> int:
    return sum(constraint.group.has(other, {}) for other in world.on(node))


def _is_spread(info: PodInfo, node: Node, world: World) -> bool:
    required = [item for item in constraints_of(info) if item.is_required]
    keys = [item.label for item in required]
    for constraint in required:
        label = node.metadata.labels.get(constraint.label)
        if label is None:
            return False
        per_domain: Counter[str] = Counter()
        for other in world.nodes:
            labels = other.metadata.labels
            if all(key in labels for key in keys) and _counts_for(constraint, info, other):
                per_domain[labels[constraint.label]] += _matching(constraint, other, world)
        fewest = min(per_domain.values()) if per_domain else 1 << 31
        if len(per_domain) < constraint.min_domains:
            fewest = 0
        if per_domain[label] + constraint.counts_itself - fewest > constraint.max_skew:
            return False
    return True


def _means(term: AffinityTerm, other: PodInfo) -> bool:
    return term.matches(other.namespace, other.labels, {})


def _together(term: AffinityTerm, one: Node, other: Node) -> bool:
    key = term.topology_key
    labels, theirs = one.metadata.labels, other.metadata.labels
    return key in labels and labels[key] == theirs.get(key)


def _is_in_company(info: PodInfo, node: Node, world: World) -> bool:
    affinity = info.affinity
    if affinity.required:
        if any(term.topology_key not in node.metadata.labels for term in affinity.required):
            return False
        meant = [
            (place, other)
            for place, other in world.all_pods()
            if all(_means(term, other) for term in affinity.required)
        ]
        near = all(
            any(_together(term, node, place) for place, _ in meant) for term in affinity.required
        )
        is_anywhere = any(
            term.topology_key in place.metadata.labels
            for place, _ in meant
            for term in affinity.required
        )
        is_first = not is_anywhere and all(_means(term, info) for term in affinity.required)
        if not near and not is_first:
            return False
    for place, other in world.all_pods():
        if any(_means(t, other) and _together(t, node, place) for t in affinity.required_anti):
            return False
        theirs = other.affinity.required_anti
        if any(_means(term, info) and _together(term, node, place) for term in theirs):
            return False
    return True


FILTERS: dict[str, Callable[[PodInfo, Node, World], bool]] = {
    "NodeUnschedulable": _is_schedulable,
    "TaintToleration": _tolerates_taints,
    "NodeAffinity": _meets_affinity,
    "NodePorts": _has_ports,
    "NodeResourcesFit": _fits,
    "PodTopologySpread": _is_spread,
    "InterPodAffinity": _is_in_company,
}


def totals(info: PodInfo, nodes: Sequence[Node], world: World) -> list[int]:
    """The weighted total of each node that passed the filters."""
    taints = [float(_soft_taints(info, node)) for node in nodes]
    affinity = [float(_preference(info, node)) for node in nodes]
    company = [_company(info, node, world) for node in nodes]
    spread = _spread_scores(info, nodes, world)
    return [
        3 * taint + 2 * wish + least + 2 * even + 2 * near + balance + local
        for taint, wish, least, even, near, balance, local in zip(
            _by_maximum(taints, reverse=True),
            _by_maximum(affinity, reverse=False),
            (_least_allocated(info, node, world) for node in nodes),
            spread,
            _by_range(company),
            (_balance(info, node, world) for node in nodes),
            (_locality(info, node, world) for node in nodes),
            strict=True,
        )
    ]


def _by_maximum(raw: Sequence[float], *, reverse: bool) -> list[int]:
    highest = max(raw)
    if highest == 0:
        return [100 if reverse else 0 for _ in raw]
    shares = [int(100 * value // highest) for value in raw]
    return [100 - share for share in shares] if reverse else shares


def _by_range(raw: Sequence[int]) -> list[int]:
    lowest, highest = min(raw), max(raw)
    if lowest == highest:
        return [0 for _ in raw]
    return [int(100.0 * ((value - lowest) / (highest - lowest))) for value in raw]


def _soft_taints(info: PodInfo, node: Node) -> int:
    soft = [item for item in info.tolerations if item.effect in ("", "PreferNoSchedule")]
    return sum(
        taint.effect == "PreferNoSchedule" and not any(tolerates(item, taint) for item in soft)
        for taint in node.spec.taints
    )


def _preference(info: PodInfo, node: Node) -> int:
    return sum(
        item["weight"]
        for item in info.node_affinity.get(PREFERRED) or ()
        if matches_term(item["preference"], node)
    )


def _least_allocated(info: PodInfo, node: Node, world: World) -> int:
    scores = []
    for name, attribute in (("cpu", "scored_cpu"), ("memory", "scored_memory")):
        have = _amount(node, name)
        taken = sum(getattr(other, attribute) for other in (info, *world.on(node)))
        if have:
            scores.append(0 if taken > have else (have - taken) * 100 // have)
    return sum(scores) // len(scores) if scores else 0


def _balance(info: PodInfo, node: Node, world: World) -> int:
    wanted = dict(info.requests)
    if not wanted.get("cpu") and not wanted.get("memory"):
        return 0
    shares = []
    for name in ("cpu", "memory"):
        have = _amount(node, name)
        if have:
            shares.append(min(1.0, (_taken(node, name, world) + wanted.get(name, 0)) / have))
    deviation = abs((shares[0] - shares[1]) / 2) if len(shares) == 2 else 0.0
    return int((1 - deviation) * 100)


def _locality(info: PodInfo, node: Node, world: World) -> int:
    def sizes(place: Node) -> dict[str, int]:
        return {n: image.size_bytes for image in place.status.images for n in image.names}

    megabyte = 1024 * 1024
    total = 0
    for image in info.images:
        name = image if ":" in image else f"{image}:latest"
        holders = sum(name in sizes(other) for other in world.nodes)
        if name in sizes(node):
            total += int(sizes(node)[name] * (holders / len(world.nodes)))
    least, most = 23 * megabyte, 1000 * megabyte * len(info.images)
    return 100 * (min(max(total, least), most) - least) // (most - least)


def _company(info: PodInfo, node: Node, world: World) -> int:
    total = 0
    for place, other in world.all_pods():
        for sign, ours, theirs in (
            (1, info.affinity.preferred, other.affinity.preferred),
            (-1, info.affinity.preferred_anti, other.affinity.preferred_anti),
        ):
            total += sign * sum(
                t.weight for t in ours if _means(t, other) and _together(t, node, place)
            )
            total += sign * sum(
                t.weight for t in theirs if _means(t, info) and _together(t, node, place)
            )
        total += sum(
            _means(term, info) and _together(term, node, place) for term in other.affinity.required
        )
    return total


def _spread_scores(info: PodInfo, nodes: Sequence[Node], world: World) -> list[int]:
    wanted = [item for item in constraints_of(info) if not item.is_required]
    if not wanted:
        return [0 for _ in nodes]
    keys = [item.label for item in wanted if not item.is_optional_label]
    counted = [node for node in nodes if all(key in node.metadata.labels for key in keys)]
    raw: dict[str, float] = {node.metadata.name: 0.0 for node in counted}
    for constraint in wanted:
        key = constraint.label
        if key == HOSTNAME:
            size = len(counted)
        else:
            size = len({n.metadata.labels[key] for n in counted if key in n.metadata.labels})
        for node in counted:
            if key not in node.metadata.labels:
                continue
            count = (
                _matching(constraint, node, world)
                if key == HOSTNAME
                else sum(
                    _matching(constraint, other, world)
                    for other in world.nodes
                    if other.metadata.labels.get(key) == node.metadata.labels[key]
                    and all(item in other.metadata.labels for item in keys)
                    and _counts_for(constraint, info, other)
                )
            )
            raw[node.metadata.name] += count * math.log(size + 2) + (constraint.max_skew - 1)
    rounded: dict[str, Any] = {name: math.floor(value + 0.5) for name, value in raw.items()}
    lowest, highest = min(rounded.values(), default=0), max(rounded.values(), default=0)
    scores = []
    for node in nodes:
        value = rounded.get(node.metadata.name)
        if value is None:
            scores.append(0)
        elif highest == 0:
            scores.append(100)
        else:
            scores.append(int(100 * (highest + lowest - value) // highest))
    return scores

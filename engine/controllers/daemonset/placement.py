"""On which nodes a DaemonSet's pods belong, and what such a pod looks like. Pure.

Source: pkg/controller/daemon/daemon_controller.go, util/daemonset_util.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Sequence

import attrs

from engine.api.container import Toleration
from engine.api.frozen import freeze
from engine.api.node import Node, Taint
from engine.api.node_selectors import accepts_node, required_terms
from engine.api.pod import Pod, PodTemplateSpec
from engine.api.stateful import DaemonSet
from engine.controllers.node_health import NOT_READY, UNREACHABLE
from engine.controllers.revision_history import REVISION_LABEL
from engine.controllers.taint_eviction import tolerates

GENERATION = "deprecated.daemonset.template.generation"
GENERATION_LABEL = "pod-template-generation"

_NODE = "node.kubernetes.io"
_TOLERATED = (
    (NOT_READY, "NoExecute"),
    (UNREACHABLE, "NoExecute"),
    (f"{_NODE}/disk-pressure", "NoSchedule"),
    (f"{_NODE}/memory-pressure", "NoSchedule"),
    (f"{_NODE}/pid-pressure", "NoSchedule"),
    (f"{_NODE}/unschedulable", "NoSchedule"),
)
_HOST_TOLERATED = (f"{_NODE}/network-unavailable", "NoSchedule")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@attrs.frozen
class Fit:
    """Whether a pod should start on a node, and whether one that is there may stay."""

    may_start: bool
    may_stay: bool


def fit(template: PodTemplateSpec, node: Node) -> Fit:
    """How *node* suits a DaemonSet of *template* (with `default_tolerations`)."""
    spec = template.spec
    if spec.node_name and spec.node_name != node.metadata.name:
        return Fit(may_start=False, may_stay=False)
    if not accepts_node(spec, node):
        return Fit(may_start=False, may_stay=False)
    tolerations = with_default_tolerations(spec.tolerations, host_network=spec.host_network)
    if _has_untolerated(node.spec.taints, tolerations, ("NoSchedule", "NoExecute")):
        stays = not _has_untolerated(node.spec.taints, tolerations, ("NoExecute",))
        return Fit(may_start=False, may_stay=stays)
    return Fit(may_start=True, may_stay=True)


def with_default_tolerations(
    given: Sequence[Toleration], *, host_network: bool
) -> tuple[Toleration, ...]:
    """*given* and what every daemon pod tolerates: trouble of its node is no reason to leave."""
    added = (*_TOLERATED, _HOST_TOLERATED) if host_network else _TOLERATED
    result = list(given)
    for key, effect in added:
        wished = Toleration(key=key, operator="Exists", effect=effect)
        result = [
            t
            for t in result
            if (t.key, t.effect, t.operator, t.value) != (key, effect, "Exists", "")
        ]
        result.append(wished)
    return tuple(result)


def daemon_template(found: DaemonSet, node: str, digest: str) -> PodTemplateSpec:
    """The template of the pod for *node*, pinned to it, of the revision with hash *digest*."""
    template = found.spec.template
    labels = {REVISION_LABEL: digest}
    generation = found.metadata.annotations.get(GENERATION)
    if generation is not None:
        labels[GENERATION_LABEL] = generation
    spec = template.spec
    return attrs.evolve(
        template,
        metadata=attrs.evolve(
            template.metadata, labels=template.metadata.labels.with_items(labels)
        ),
        spec=attrs.evolve(
            spec,
            affinity=_pinned(spec.affinity, node),
            tolerations=with_default_tolerations(spec.tolerations, host_network=spec.host_network),
        ),
    )


def target_node(pod: Pod) -> str:
    """The node *pod* is on or pinned to; empty if it is neither."""
    if pod.spec.node_name:
        return pod.spec.node_name
    for term in required_terms(pod.spec) or ():
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and len(field.get("values") or ()) == 1:
                return str(field["values"][0])
    return ""


def by_node(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Daemon pods by their nodes, oldest first."""
    groups: dict[str, list[Pod]] = {}
    for pod in pods:
        name = target_node(pod)
        if name:
            groups.setdefault(name, []).append(pod)
    for found in groups.values():
        found.sort(key=_age)
    return groups


def _age(pod: Pod) -> tuple[bool, float, str]:
    """Pods on their node before pods that only go there, then older ones first."""
    return (
        not pod.spec.node_name,
        pod.metadata.creation_timestamp or 0.0,
        pod.metadata.name,
    )


def _pinned(affinity: object, node: str) -> object:
    """*affinity* that requires *node*, whatever it required before."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    given = dict(affinity) if isinstance(affinity, dict) else {}
    on_nodes = dict(given.get("nodeAffinity") or {})
    on_nodes[_REQUIRED] = {"nodeSelectorTerms": [term]}
    return freeze({**given, "nodeAffinity": on_nodes})


def _has_untolerated(
    taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: Sequence[str]
) -> bool:
    return any(
        taint.effect in effects and not any(tolerates(t, taint) for t in tolerations)
        for taint in taints
    )

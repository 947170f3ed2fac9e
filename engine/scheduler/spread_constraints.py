"""The topology spread constraints of a pod, its own or the defaults of the cluster. Pure.

Source: podtopologyspread/common.go, kubernetes v1.34.
"""

from functools import lru_cache

import attrs

from engine.api.codec import decode_part
from engine.api.frozen import FrozenDict
from engine.api.meta import LabelSelector
from engine.api.selectors import Requirement, Selector, from_label_selector
from engine.api.wire import Json
from engine.scheduler.node_table import ZONE
from engine.scheduler.pod_group import PodGroup
from engine.scheduler.pod_info import PodInfo

HOSTNAME = "kubernetes.io/hostname"


@attrs.frozen(kw_only=True)
class SpreadConstraint:
    """Pods of *group* may differ in number by *max_skew* between values of *label*.

    *min_domains*: fewer values than that count as if an empty one existed.
    """

    label: str
    max_skew: int
    is_required: bool
    group: PodGroup
    counts_itself: bool
    min_domains: int = 1
    is_default: bool = False


def constraints_of(info: PodInfo) -> tuple[SpreadConstraint, ...]:
    """The pod's constraints; one that has none but an owner spreads from its siblings."""
    given = info.pod.spec.topology_spread_constraints
    if given:
        return tuple(_explicit(constraint, info) for constraint in given)
    if not info.owner:
        return ()
    group = PodGroup(info.namespace, owner=info.owner)
    return tuple(
        SpreadConstraint(
            label=label,
            max_skew=max_skew,
            is_required=False,
            group=group,
            counts_itself=True,
            is_default=True,
        )
        for label, max_skew in ((HOSTNAME, 3), (ZONE, 5))
    )


def has_required(info: PodInfo) -> bool:
    """Whether one of the pod's own constraints must hold."""
    return any(
        constraint.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
        for constraint in info.pod.spec.topology_spread_constraints
    )


def _explicit(constraint: Json, info: PodInfo) -> SpreadConstraint:
    selector = _selector(constraint.get("labelSelector"))
    for key in constraint.get("matchLabelKeys") or ():
        if key in info.labels:
            exact = Requirement(key, "in", (info.labels[key],))
            selector = Selector((*selector.requirements, exact))
    return SpreadConstraint(
        label=constraint.get("topologyKey", ""),
        max_skew=int(constraint.get("maxSkew", 1)),
        is_required=constraint.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        group=PodGroup(info.namespace, selector=selector),
        counts_itself=selector.matches(info.labels),
        min_domains=int(constraint.get("minDomains") or 1),
    )


_NOTHING = Selector((Requirement("", "in", ()),))


@lru_cache(maxsize=1024)
def _selector(data: FrozenDict[str, Json] | None) -> Selector:
    if data is None:
        return _NOTHING
    return from_label_selector(decode_part(LabelSelector, data)) or _NOTHING

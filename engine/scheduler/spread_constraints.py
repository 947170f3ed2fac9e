"""The topology spread constraints of a pod: its own, or the defaults of its profile. Pure.

Source: podtopologyspread/common.go and plugin.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.core import Service
from engine.api.frozen import FrozenDict
from engine.api.meta import LabelSelector
from engine.api.selectors import Selector, from_label_selector
from engine.api.wire import Json
from engine.scheduler.affinity_term import selector_of, with_label_keys
from engine.scheduler.node_table import ZONE
from engine.scheduler.pod_group import PodGroup
from engine.scheduler.pod_info import PodInfo

HOSTNAME = "kubernetes.io/hostname"
SYSTEM_DEFAULTS: tuple[Json, ...] = (
    {"topologyKey": HOSTNAME, "maxSkew": 3, "whenUnsatisfiable": "ScheduleAnyway"},
    {"topologyKey": ZONE, "maxSkew": 5, "whenUnsatisfiable": "ScheduleAnyway"},
)
"""What pods are spread by that say nothing themselves."""


@attrs.frozen(kw_only=True)
class SpreadConstraint:
    """Pods of *group* may differ in number by *max_skew* between values of *label*.

    Attributes:
        min_domains: fewer values than that count as if an empty one existed.
        honors_affinity: only nodes that the pod's node affinity allows count.
        honors_taints: only nodes whose taints the pod tolerates count.
        is_optional_label: nodes that lack the label are not ignored (the system's defaults).
    """

    label: str
    max_skew: int
    is_required: bool
    group: PodGroup
    counts_itself: bool
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False
    is_optional_label: bool = False


def constraints_of(
    info: PodInfo,
    defaults: tuple[Json, ...] = SYSTEM_DEFAULTS,
    *,
    is_system: bool = True,
    services: Iterable[Service] = (),
) -> tuple[SpreadConstraint, ...]:
    """The pod's constraints; one that has none spreads from its siblings.

    Those are the pods of the same owner, and without an owner the pods that are behind all the
    *services* that it is behind; what an owner selects, services select as well.

    *is_system* says that *defaults* are the system's own.
    """
    given = info.pod.spec.topology_spread_constraints
    if given:
        return tuple(_explicit(constraint, info) for constraint in given)
    group = PodGroup(info.namespace, owner=info.owner)
    if not info.owner:
        selector = _selector_behind(info, services)
        if selector is None:
            return ()
        group = PodGroup(info.namespace, selector=selector)
    return tuple(
        SpreadConstraint(
            label=str(constraint["topologyKey"]),
            max_skew=int(constraint["maxSkew"]),
            is_required=constraint.get("whenUnsatisfiable") == "DoNotSchedule",
            group=group,
            counts_itself=True,
            is_optional_label=is_system,
        )
        for constraint in defaults
    )


def _selector_behind(info: PodInfo, services: Iterable[Service]) -> Selector | None:
    """What all services that a pod is behind select together; None if it is behind none.

    Source: DefaultSelector, plugins/helper/spread.go, kubernetes v1.34.
    """
    labels: dict[str, str] = {}
    for service in services:
        wanted = service.spec.selector
        if (
            wanted
            and service.metadata.namespace == info.namespace
            and wanted.items() <= info.labels.items()
        ):
            labels |= wanted
    return from_label_selector(LabelSelector(match_labels=FrozenDict(labels))) if labels else None


def _explicit(constraint: Json, info: PodInfo) -> SpreadConstraint:
    selector = with_label_keys(
        selector_of(constraint.get("labelSelector")),
        info.labels,
        constraint.get("matchLabelKeys") or (),
    )
    return SpreadConstraint(
        label=constraint.get("topologyKey", ""),
        max_skew=int(constraint.get("maxSkew", 1)),
        is_required=constraint.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        group=PodGroup(info.namespace, selector=selector),
        counts_itself=selector.matches(info.labels),
        min_domains=int(constraint.get("minDomains") or 1),
        honors_affinity=constraint.get("nodeAffinityPolicy", "Honor") == "Honor",
        honors_taints=constraint.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )

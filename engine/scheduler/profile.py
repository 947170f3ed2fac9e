"""A scheduler profile: the plugins that pods of one schedulerName meet, and their weights."""

from collections.abc import Sequence

import attrs

from engine.scheduler.framework import Filter, Weighted
from engine.scheduler.node_selection import named_nodes
from engine.scheduler.pod_info import PodInfo

DEFAULT_SCHEDULER = "default-scheduler"


@attrs.frozen(kw_only=True, eq=False)
class Profile:
    """Filters in the order in which a node is asked, and scores with their weights.

    Attributes:
        name: the schedulerName of its pods.
        can_preempt: whether a pod that fits nowhere may make others go.
        min_candidate_percent: the least share of nodes that preemption looks at, in percent.
        min_candidate_nodes: the least number of nodes that preemption looks at.
        bind_timeout: seconds that a pod's claims have to be bound.
    """

    name: str = DEFAULT_SCHEDULER
    filters: Sequence[Filter] = ()
    scores: Sequence[Weighted] = ()
    can_preempt: bool = True
    min_candidate_percent: int = 10
    min_candidate_nodes: int = 100
    bind_timeout: float = 600.0

    def filters_for(self, info: PodInfo) -> tuple[Filter, ...]:
        """The filters that a pod could fail, in the order in which they are asked.

        A pod that names its nodes looks at no others: that comes before anything else.
        """
        found = [plugin for plugin in self.filters if plugin.applies(info)]
        if info.node_affinity and named_nodes(info.node_affinity) is not None:
            found.sort(key=lambda plugin: plugin.NAME != "NodeAffinity")
        return tuple(found)

    def scores_for(self, info: PodInfo) -> tuple[Weighted, ...]:
        """The scores in which nodes could differ for a pod."""
        return tuple(item for item in self.scores if item.plugin.scores(info))

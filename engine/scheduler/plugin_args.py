"""What a profile may tell its plugins: the fields of all plugin arguments that matter here.

Source: apis/config/types_pluginargs.go and its defaults, kubernetes v1.34.
"""

from collections.abc import Mapping

import attrs

from engine.api.frozen import EMPTY
from engine.api.wire import Json
from engine.scheduler.spread_constraints import SYSTEM_DEFAULTS


@attrs.frozen(kw_only=True)
class Args:
    """The arguments of one plugin, others' fields at their defaults.

    Attributes:
        strategy: of NodeResourcesFit: LeastAllocated, MostAllocated or RequestedToCapacityRatio.
        weights: which resources a score looks at, and what each counts for.
        shape: utilization in percent and score from 0 to 10, for RequestedToCapacityRatio.
        ignored_resources: names and groups of resources that need no room.
        added_affinity: a node affinity for every pod of the profile.
        default_constraints: topology spread for pods that have none.
        is_system_defaulting: whether those are the system's own.
        hard_pod_affinity_weight: what a required affinity of pods there counts for.
        ignores_preferred_of_others: whether preferred terms of pods there are left out.
        min_candidate_percent: of DefaultPreemption.
        min_candidate_nodes: of DefaultPreemption.
        bind_timeout: of VolumeBinding, seconds.
    """

    strategy: str = "LeastAllocated"
    weights: Mapping[str, int] = attrs.field(factory=lambda: {"cpu": 1, "memory": 1})
    shape: tuple[tuple[int, int], ...] = ()
    ignored_resources: frozenset[str] = frozenset()
    added_affinity: Json = EMPTY
    default_constraints: tuple[Json, ...] = SYSTEM_DEFAULTS
    is_system_defaulting: bool = True
    hard_pod_affinity_weight: int = 1
    ignores_preferred_of_others: bool = False
    min_candidate_percent: int = 10
    min_candidate_nodes: int = 100
    bind_timeout: float = 600.0


DEFAULTS = Args()

"""All plugins by name, in the order in which a node is asked, with their default weights.

Source: getDefaultPlugins, apis/config/v1/default_plugins.go, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.core import Service
from engine.scheduler.framework import Filter, Score
from engine.scheduler.plugin_args import Args
from engine.scheduler.plugins.balanced_allocation import BalancedAllocation
from engine.scheduler.plugins.image_locality import ImageLocality
from engine.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from engine.scheduler.plugins.node_affinity import NodeAffinity
from engine.scheduler.plugins.node_name import NodeName
from engine.scheduler.plugins.node_ports import NodePorts
from engine.scheduler.plugins.node_resources_fit import NodeResourcesFit
from engine.scheduler.plugins.node_unschedulable import NodeUnschedulable
from engine.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from engine.scheduler.plugins.taint_toleration import TaintToleration
from engine.scheduler.plugins.topology_spread import TopologySpread
from engine.scheduler.plugins.volume_binding import VolumeBinding
from engine.scheduler.plugins.volume_restrictions import VolumeRestrictions
from engine.scheduler.plugins.volume_zone import VolumeZone
from engine.scheduler.volume_view import Source, VolumeView

Make = Callable[[Args, VolumeView, Source[Service]], Filter | Score]


@attrs.frozen(kw_only=True)
class Entry:
    """How a plugin is made, which of the two it can do, and what its score counts for."""

    make: Make
    is_filter: bool = True
    weight: int = 0


PLUGINS: Mapping[str, Entry] = {
    "NodeUnschedulable": Entry(make=lambda _args, _view, _services: NodeUnschedulable()),
    "NodeName": Entry(make=lambda _args, _view, _services: NodeName()),
    "TaintToleration": Entry(make=lambda _args, _view, _services: TaintToleration(), weight=3),
    "NodeAffinity": Entry(
        make=lambda args, _view, _services: NodeAffinity(args.added_affinity), weight=2
    ),
    "NodePorts": Entry(make=lambda _args, _view, _services: NodePorts()),
    "NodeResourcesFit": Entry(
        make=lambda args, _view, _services: NodeResourcesFit(
            args.strategy, args.weights, args.shape, args.ignored_resources
        ),
        weight=1,
    ),
    "VolumeRestrictions": Entry(make=lambda _args, view, _services: VolumeRestrictions(view)),
    "NodeVolumeLimits": Entry(make=lambda _args, view, _services: NodeVolumeLimits(view)),
    "VolumeBinding": Entry(make=lambda _args, view, _services: VolumeBinding(view)),
    "VolumeZone": Entry(make=lambda _args, view, _services: VolumeZone(view)),
    "PodTopologySpread": Entry(
        make=lambda args, _view, services: TopologySpread(
            args.default_constraints, args.is_system_defaulting, services
        ),
        weight=2,
    ),
    "InterPodAffinity": Entry(
        make=lambda args, _view, _services: InterPodAffinity(
            args.hard_pod_affinity_weight, args.ignores_preferred_of_others
        ),
        weight=2,
    ),
    "NodeResourcesBalancedAllocation": Entry(
        make=lambda args, _view, _services: BalancedAllocation(args.weights),
        is_filter=False,
        weight=1,
    ),
    "ImageLocality": Entry(
        make=lambda _args, _view, _services: ImageLocality(), is_filter=False, weight=1
    ),
}

WITHOUT_NODES = ("SchedulingGates", "PrioritySort", "DefaultPreemption", "DefaultBinder")
"""Plugins that ask nothing about nodes: gates and order live in the queue, the others after it."""

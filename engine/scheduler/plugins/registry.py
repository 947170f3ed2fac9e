"""All plugins: filters in the order in which a node is asked, scores with their weights."""

from engine.scheduler.framework import Filter, Score
from engine.scheduler.plugins.balanced_allocation import BalancedAllocation
from engine.scheduler.plugins.node_affinity import NodeAffinity
from engine.scheduler.plugins.node_name import NodeName
from engine.scheduler.plugins.node_ports import NodePorts
from engine.scheduler.plugins.node_resources_fit import NodeResourcesFit
from engine.scheduler.plugins.node_unschedulable import NodeUnschedulable
from engine.scheduler.plugins.taint_toleration import TaintToleration
from engine.scheduler.plugins.topology_spread import TopologySpread

FILTERS: dict[str, Filter] = {
    "NodeUnschedulable": NodeUnschedulable(),
    "NodeName": NodeName(),
    "TaintToleration": TaintToleration(),
    "NodeAffinity": NodeAffinity(),
    "NodePorts": NodePorts(),
    "NodeResourcesFit": NodeResourcesFit(),
    "PodTopologySpread": TopologySpread(),
}

SCORES: dict[str, Score] = {
    "TaintToleration": TaintToleration(),
    "NodeAffinity": NodeAffinity(),
    "NodeResourcesFit": NodeResourcesFit(),
    "PodTopologySpread": TopologySpread(),
    "NodeResourcesBalancedAllocation": BalancedAllocation(),
}

"""Every fault there is, as data: what it hits, its parameters, what it does. It breaks nothing.

The API server checks Faults against it, forms are made from it, the injector takes defaults of it.
"""

from engine.api.fault_kind import FaultKind
from engine.api.faults.control_plane import CONTROL_PLANE
from engine.api.faults.network import NETWORK
from engine.api.faults.nodes import NODES
from engine.api.faults.pods import PODS
from engine.api.faults.stress import STRESS
from engine.api.faults.supplies import SUPPLIES

CATALOGUE: dict[str, FaultKind] = {
    kind.name: kind for kind in (*PODS, *NODES, *NETWORK, *STRESS, *CONTROL_PLANE, *SUPPLIES)
}

"""What a kubelet says of its node in Events: that it starts, and how the node is when that changes.

Source: pkg/kubelet/kubelet.go (StartKubelet), kubelet_node_status.go, nodestatus/setters.go and
pkg/kubelet/cm, kubernetes v1.34.
"""

import attrs

from engine.api.meta import Condition, ObjectMeta, condition_of
from engine.api.node import Node
from engine.client.recorder import EventRecorder

REASONS = {
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}
"""By the type and status of a condition that is new."""
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


@attrs.define(eq=False)
class NodeEvents:
    """The Events of one start of *node_name*'s kubelet; each condition is told when it changes.

    As a real kubelet's they name the node as their object's uid too: it has none at first.
    """

    recorder: EventRecorder
    node_name: str
    _node: Node = attrs.field(init=False)
    _told: dict[str, str] = attrs.field(factory=dict, init=False)
    _is_unschedulable: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._node = Node(metadata=ObjectMeta(name=self.node_name, uid=self.node_name))

    def started(self) -> None:
        """The kubelet has begun to work."""
        self.recorder.normal(self._node, "Starting", "Starting kubelet.")
        message = "Updated Node Allocatable limit across pods"
        self.recorder.normal(self._node, "NodeAllocatableEnforced", message)

    def reported(self, before: Node, after: Node) -> None:
        """The status of the node was written: *before* it was that, now it is *after*.

        A new kubelet tells of memory, disk and processes in any case; of the rest what differs.
        """
        if not self._told:
            ready = condition_of(before.status.conditions, "Ready")
            self._told["Ready"] = ready.status if ready is not None else ""
        for type_ in (*PRESSURES, "Ready"):
            self._tell(condition_of(after.status.conditions, type_))

    def looked_at(self, node: Node) -> None:
        """The kubelet has seen its node as it is now, whether or not there is news of it."""
        if node.spec.unschedulable != self._is_unschedulable:
            self._is_unschedulable = node.spec.unschedulable
            self._say("NodeNotSchedulable" if self._is_unschedulable else "NodeSchedulable")

    def _tell(self, condition: Condition | None) -> None:
        if condition is not None and self._told.get(condition.type) != condition.status:
            self._told[condition.type] = condition.status
            reason = REASONS.get((condition.type, condition.status))
            if reason is not None:
                self._say(reason)

    def _say(self, reason: str) -> None:
        message = f"Node {self.node_name} status is now: {reason}"
        self.recorder.normal(self._node, reason, message)

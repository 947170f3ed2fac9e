"""What faults do to the containers of a simulated node: frozen, busy, full."""

import attrs

from engine.cri.disturbance import (
    BurnCpu,
    Disturbance,
    DisturbTraffic,
    FillDisk,
    Freeze,
    HoldMemory,
)
from engine.cri.status import ContainerUsage
from engine.simulation.traffic import Traffic


@attrs.define(eq=False)
class Disturbances:
    """The disturbances of one node, by id."""

    traffic: Traffic | None = None
    active: dict[str, Disturbance] = attrs.field(factory=dict, init=False)

    def begin(self, disturbance: Disturbance) -> None:
        """Let it take effect."""
        self.active[disturbance.id] = disturbance
        if isinstance(disturbance, DisturbTraffic) and self.traffic is not None:
            self.traffic.disturbances[disturbance.id] = disturbance

    def end(self, disturbance_id: str) -> Disturbance | None:
        """Undo it; what it was, or None if there is none of that id."""
        if self.traffic is not None:
            self.traffic.disturbances.pop(disturbance_id, None)
        return self.active.pop(disturbance_id, None)

    def forget(self, pod_uid: str) -> None:
        """The pod is gone, and what was done to it with it."""
        for disturbance in tuple(self.active.values()):
            if disturbance.pod.uid == pod_uid:
                self.end(disturbance.id)

    def clear(self) -> None:
        """Forget all of them."""
        for disturbance_id in tuple(self.active):
            self.end(disturbance_id)

    def is_frozen(self, container_id: str) -> bool:
        """Whether the container's processes stand still."""
        return any(
            isinstance(one, Freeze) and one.container_id == container_id
            for one in self.active.values()
        )

    def held(self, container_id: str) -> int:
        """Bytes of memory that are held inside the container."""
        return sum(
            one.bytes
            for one in self.active.values()
            if isinstance(one, HoldMemory) and one.container_id == container_id
        )

    def fills(self, pod_uid: str) -> tuple[FillDisk, ...]:
        """What fills the disks of the pod's containers."""
        return tuple(
            one
            for one in self.active.values()
            if isinstance(one, FillDisk) and one.pod.uid == pod_uid
        )

    def filled(self, pod_uid: str) -> int:
        """How many bytes that are."""
        return sum(one.bytes for one in self.fills(pod_uid))

    def usage(self, container_id: str, used: ContainerUsage, *, cpu_limit: int) -> ContainerUsage:
        """What the container uses with what is done to it."""
        if not self.active:
            return used
        if self.is_frozen(container_id):
            return attrs.evolve(used, cpu=0)
        cpu = used.cpu
        for one in self.active.values():
            if isinstance(one, BurnCpu) and one.container_id == container_id:
                cpu += round(one.workers * one.load * 10)
        if cpu_limit:
            cpu = min(cpu, cpu_limit)
        return attrs.evolve(used, cpu=cpu, memory=used.memory + self.held(container_id))

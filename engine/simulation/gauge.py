"""What the containers of a simulated node use, and what the node has left of it."""

from collections.abc import Iterable

import attrs

from engine.cri.runtime import Emit
from engine.cri.status import ContainerUsage
from engine.simulation.containers import SimulatedContainer
from engine.simulation.disturbances import Disturbances
from engine.simulation.image_store import ImageStore
from engine.simulation.inventory import Inventory
from engine.simulation.load import Work, usage_of
from engine.simulation.room import measure
from engine.simulation.turns import Turns

UNMEASURED_SECONDS = 10.0


@attrs.define(eq=False, kw_only=True)
class Gauge:
    """Measures containers, and a node of *memory* bytes."""

    turns: Turns
    inventory: Inventory
    disturbances: Disturbances
    images: ImageStore
    emit: Emit
    memory: int
    _is_measuring: bool = attrs.field(default=False, init=False)

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers use now."""
        return tuple(
            self.usage_of(container, self.turns.now)
            for container in self.inventory.containers.values()
            if container.is_running
        )

    def usage_at(self, when: float, *, pod_uid: str = "") -> tuple[ContainerUsage, ...]:
        """What the running containers used at *when*, of one pod if *pod_uid* is given.

        As metrics-server, it tells nothing of a container's first ten seconds.
        """
        containers: Iterable[SimulatedContainer] = self.inventory.containers.values()
        if pod_uid:
            containers = (
                container
                for sandbox in self.inventory.of_pod(pod_uid)
                for container in sandbox.containers.values()
            )
        return tuple(
            self.usage_of(container, when)
            for container in containers
            if container.is_running and when - container.started_at >= UNMEASURED_SECONDS
        )

    def usage_of(self, container: SimulatedContainer, when: float) -> ContainerUsage:
        """What one container used at *when*, with what is done to it."""
        used = usage_of(
            container.command,
            container.behavior,
            age=when - container.started_at,
            busy=container.work.rate(when) if container.work is not None else None,
        )
        limit = container.command.resources.cpu_limit
        return self.disturbances.usage(container.id, used, cpu_limit=limit)

    def work(self, pod_uid: str, millis: float) -> None:
        """Let the first container of a pod spend *millis* thousandths of a second of CPU now."""
        for sandbox in self.inventory.of_pod(pod_uid):
            for container in sandbox.containers.values():
                if container.is_running:
                    self.work_of(container).add(self.turns.now, millis)
                    return

    def work_of(self, container: SimulatedContainer) -> Work:
        """What the container has been given to do; its CPU follows that from now on."""
        if container.work is None:
            container.work = Work()
        return container.work

    def measure_soon(self) -> None:
        """Report what the node has left, once for all that happens at this moment.

        What containers use by themselves never fills a node, so only what is told to use much
        leads here.
        """
        if not self._is_measuring:
            self._is_measuring = True
            self.turns.later(0.0, self._measure)

    def restart(self) -> None:
        """No report is under way any more."""
        self._is_measuring = False

    def _measure(self) -> None:
        self._is_measuring = False
        filled = {
            sandbox.command.pod.uid: self.disturbances.filled(sandbox.command.pod.uid)
            for sandbox in self.inventory.sandboxes.values()
        }
        files = {uid: size for uid, size in filled.items() if size}
        self.emit(measure(self.memory, self.usage(), self.images.listed(), files))

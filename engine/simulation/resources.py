"""What simulated containers are given and made to use: new limits, a load, disturbances."""

from collections.abc import Callable

import attrs

from engine.cri.commands import UpdateResources
from engine.cri.disturbance import Disturbance, HoldMemory
from engine.cri.events import DisturbanceFailed, ResourcesUpdated
from engine.cri.runtime import Emit
from engine.simulation.containers import SimulatedContainer
from engine.simulation.disturbances import Disturbances
from engine.simulation.gauge import Gauge
from engine.simulation.inventory import Inventory
from engine.simulation.turns import Turns

UPDATE_SECONDS = 0.02
OUT_OF_MEMORY_SECONDS = 0.5


@attrs.define(eq=False, kw_only=True)
class Resources:
    """Changes what the containers of a node of *memory* bytes use and may use.

    *run_out* ends a container that has used more memory than it may.
    """

    turns: Turns
    inventory: Inventory
    disturbances: Disturbances
    gauge: Gauge
    emit: Emit
    run_out: Callable[[SimulatedContainer], None]
    memory: int

    def update(self, command: UpdateResources) -> None:
        """Give a running container other limits."""
        self.turns.later(UPDATE_SECONDS, self._update, command)

    def set_load(
        self, container_id: str, *, cpu: int | None = None, memory: int | None = None
    ) -> None:
        """Let a container use so many millicores and bytes; None for what it would use by itself.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self.inventory.container(container_id)
        container.behavior = attrs.evolve(container.behavior, cpu=cpu, memory=memory)
        self.gauge.measure_soon()
        limit = container.command.resources.memory_limit
        if memory is not None and limit and memory > limit:
            self.run_out(container)

    def begin(self, disturbance: Disturbance) -> None:
        """Disturb a pod, until `end`."""
        container = self.inventory.running(getattr(disturbance, "container_id", ""))
        if hasattr(disturbance, "container_id") and container is None:
            message = "the container does not run any more"
            failed = DisturbanceFailed(disturbance_id=disturbance.id, message=message)
            self.turns.loop.call_soon(self.emit, failed)
            return
        self.disturbances.begin(disturbance)
        self.gauge.measure_soon()
        if container is not None and isinstance(disturbance, HoldMemory):
            self._hold_memory(container, is_fatal=disturbance.is_fatal)

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance."""
        self.disturbances.end(disturbance_id)
        self.gauge.measure_soon()

    def _hold_memory(self, container: SimulatedContainer, *, is_fatal: bool) -> None:
        limit = container.command.resources.memory_limit or self.memory
        held = self.disturbances.held(container.id)
        used = self.gauge.usage_of(container, self.turns.now).memory
        if is_fatal or used > limit or held > limit:
            self.turns.later(OUT_OF_MEMORY_SECONDS, self.run_out, container)

    def _update(self, command: UpdateResources) -> None:
        container = self.inventory.running(command.container_id)
        if container is None:
            return
        started = container.command
        limit, used = command.resources.memory_limit, container.behavior.memory
        error = ""
        if limit and used is not None and used > limit:
            error = f"memory limit {limit} is below the present use of {used} bytes"
        else:
            container.command = attrs.evolve(started, resources=command.resources)
        self.emit(
            ResourcesUpdated(
                pod=started.pod, name=started.name, container_id=container.id, error=error
            )
        )

"""Checks of simulated containers: what a probe would find, and how long it takes."""

import attrs

from engine.cri.commands import ExecCheck, RunCheck
from engine.cri.events import CheckFinished
from engine.cri.runtime import Emit
from engine.simulation.behaviors import check_outcome
from engine.simulation.disturbances import Disturbances
from engine.simulation.inventory import Inventory
from engine.simulation.traffic import TIMEOUT, Traffic
from engine.simulation.turns import Turns

CHECK_SECONDS = 0.004
TIMED_OUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


@attrs.define(eq=False, kw_only=True)
class Checks:
    """Runs checks from the node, whose address is *address*."""

    turns: Turns
    inventory: Inventory
    disturbances: Disturbances
    traffic: Traffic | None
    emit: Emit
    address: str

    def run(self, command: RunCheck) -> None:
        """Check a container once."""
        seconds = CHECK_SECONDS + self._way_to(command)
        if seconds > command.timeout:
            self.turns.later(command.timeout, self._time_out, command)
        else:
            self.turns.later(seconds, self._check, command)

    def _way_to(self, command: RunCheck) -> float:
        """How much longer a check takes than usual: forever if its container stands still."""
        container = self.inventory.containers.get(command.container_id)
        if container is None or (not self.disturbances.active and self.traffic is None):
            return 0.0
        if self.disturbances.is_frozen(container.id):
            return TIMEOUT
        if self.traffic is None or isinstance(command.check, ExecCheck):
            return 0.0
        sandbox = self.inventory.sandbox_of(container)
        return self.traffic.seconds(self.address, sandbox.ip) if sandbox is not None else 0.0

    def _time_out(self, command: RunCheck) -> None:
        self._answer(command, success=False, message=TIMED_OUT)

    def _check(self, command: RunCheck) -> None:
        container = self.inventory.running(command.container_id)
        success, message = False, "container is not running"
        if container is not None:
            age = self.turns.now - container.started_at
            outcome = check_outcome(command, container.behavior, age=age)
            success, message = outcome.success, outcome.message
        self._answer(command, success=success, message=message)

    def _answer(self, command: RunCheck, *, success: bool, message: str) -> None:
        self.emit(
            CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=success,
                message=message,
            )
        )

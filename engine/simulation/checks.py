"""Checks of simulated containers: what a probe would find, and how long it takes."""

import attrs

from engine.cri.commands import ExecCheck, RunCheck
from engine.cri.events import CheckFinished
from engine.cri.runtime import Emit
from engine.simulation.behaviors import Outcome, check_outcome, timed_out
from engine.simulation.console.interpreter import SHELLS
from engine.simulation.containers import SimulatedContainer
from engine.simulation.disturbances import Disturbances
from engine.simulation.interiors import Interiors
from engine.simulation.inventory import Inventory
from engine.simulation.modelled import is_known
from engine.simulation.process import run_now
from engine.simulation.traffic import TIMEOUT, Traffic
from engine.simulation.turns import Turns

CHECK_SECONDS = 0.004
_NOT_RUNNING = Outcome(success=False, message="container is not running")
RESET = "read: connection reset by peer"
TIMED_OUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


@attrs.define(eq=False, kw_only=True)
class Checks:
    """Runs checks from the node, whose address is *address*."""

    turns: Turns
    inventory: Inventory
    disturbances: Disturbances
    traffic: Traffic | None
    interiors: Interiors
    emit: Emit
    address: str

    def run(self, command: RunCheck) -> None:
        """Check a container once."""
        seconds = CHECK_SECONDS + self._way_to(command)
        if self._is_reset(command):
            self.turns.later(CHECK_SECONDS, self._reset, command)
        elif seconds > command.timeout:
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

    def _is_reset(self, command: RunCheck) -> bool:
        container = self.inventory.containers.get(command.container_id)
        if container is None or self.traffic is None or isinstance(command.check, ExecCheck):
            return False
        sandbox = self.inventory.sandbox_of(container)
        return sandbox is not None and self.traffic.is_reset(self.address, sandbox.ip)

    def _reset(self, command: RunCheck) -> None:
        self._answer(command, Outcome(success=False, message=RESET))

    def _time_out(self, command: RunCheck) -> None:
        self._answer(command, Outcome(success=False, message=TIMED_OUT))

    def _check(self, command: RunCheck) -> None:
        container = self.inventory.running(command.container_id)
        outcome = _NOT_RUNNING
        if container is not None:
            age = self.turns.now - container.started_at
            outcome = self._found_inside(command, container) or check_outcome(
                command, container.behavior, age=age
            )
        if outcome.seconds:
            self.turns.later(outcome.seconds, self._come_back, command, outcome)
        else:
            self._answer(command, outcome)

    def _come_back(self, command: RunCheck, outcome: Outcome) -> None:
        """What was asked for has taken its time; its container may have ended meanwhile."""
        is_there = self.inventory.running(command.container_id) is not None
        self._answer(command, outcome if is_there else _NOT_RUNNING)

    def _found_inside(self, command: RunCheck, container: SimulatedContainer) -> Outcome | None:
        """What a command finds in a container whose process is modelled; None for others."""
        check, sandbox = command.check, self.inventory.sandbox_of(container)
        if not isinstance(check, ExecCheck) or not _has_inside(container):
            return None
        if sandbox is None:
            return None
        program = check.command[0] if check.command else ""
        if not is_known(check.command):
            return None if "/" in program or program in SHELLS else _missing(program)
        machine = self.interiors.machine(sandbox, container, sleep=_no_time, kill=bool)
        code, seconds, said = run_now(machine, check.command)
        if seconds > command.timeout:
            return timed_out(check, command.timeout)
        return Outcome(success=code == 0, message=said.strip(), seconds=seconds)

    def _answer(self, command: RunCheck, outcome: Outcome) -> None:
        self.emit(
            CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=outcome.success,
                message=outcome.message,
                is_unknown=outcome.is_unknown,
            )
        )


def _missing(program: str) -> Outcome:
    message = (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f'exec: "{program}": executable file not found in $PATH: unknown'
    )
    return Outcome(success=False, message=message, is_unknown=True)


def _has_inside(container: SimulatedContainer) -> bool:
    """Whether what a command finds follows from the container's files, not from annotations."""
    behavior, command = container.behavior, container.command
    is_told = bool(behavior.check_fails or behavior.ready_after)
    return behavior.is_modelled or (
        bool(command.command) and is_known(command.command) and not is_told
    )


async def _no_time(_seconds: float) -> None:
    """Wait not at all."""

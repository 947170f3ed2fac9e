"""Making and removing the sandboxes of a simulated node."""

from collections.abc import Callable

import attrs

from engine.cri.commands import CreateSandbox, PodIdentity, RemoveSandbox, StopSandbox
from engine.cri.events import SandboxFailed, SandboxReady, SandboxRemoved, SandboxStopped
from engine.cri.runtime import Emit
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.inventory import Inventory
from engine.simulation.network import AddressPool
from engine.simulation.turns import Turns

SANDBOX_SECONDS = 0.12
STOP_SECONDS = 0.03
REMOVE_SECONDS = 0.05
NOBODY = PodIdentity(namespace="", name="", uid="")
HANDLERS = ("", "runc", "crun")


@attrs.define(eq=False, kw_only=True)
class Sandboxes:
    """Gives each pod a sandbox with an address out of *pod_cidr*.

    *kill* ends a container that still runs when its sandbox goes; *forget* hears the uid of each
    pod that is gone.
    """

    turns: Turns
    inventory: Inventory
    emit: Emit
    new_id: Callable[[], str]
    kill: Callable[[SimulatedContainer], None]
    forget: Callable[[str], None]
    pod_cidr: str
    _addresses: AddressPool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._addresses = AddressPool(self.pod_cidr)

    def create(self, command: CreateSandbox) -> None:
        """Make the pod's sandbox in the pod's turn."""
        self.turns.in_turn(command.pod.uid, SANDBOX_SECONDS, self._create, command)

    def stop(self, command: StopSandbox) -> None:
        """Stop a sandbox, whose containers have exited, in the pod's turn."""
        sandbox = self.inventory.sandboxes.get(command.sandbox_id)
        if sandbox is None:
            stopped = SandboxStopped(pod=NOBODY, sandbox_id=command.sandbox_id)
            self.turns.later(0.0, self.emit, stopped)
            return
        uid = sandbox.command.pod.uid
        done = self.turns.turn_of(uid) + STOP_SECONDS
        self.turns.occupy(uid, done)
        self.turns.later(done - self.turns.now, self._stop, sandbox)

    def remove(self, command: RemoveSandbox) -> None:
        """Remove a sandbox and all in it in the pod's turn."""
        sandbox = self.inventory.sandboxes.get(command.sandbox_id)
        if sandbox is None:
            gone = SandboxRemoved(pod=NOBODY, sandbox_id=command.sandbox_id)
            self.turns.later(0.0, self.emit, gone)
            return
        self.turns.in_turn(sandbox.command.pod.uid, REMOVE_SECONDS, self._remove, sandbox)

    def restart(self) -> None:
        """No address is in use any more."""
        self._addresses = AddressPool(self.pod_cidr)

    def _create(self, command: CreateSandbox) -> None:
        for sandbox in self.inventory.sandboxes.values():
            if sandbox.command.pod == command.pod and sandbox.command.attempt == command.attempt:
                break
        else:
            if command.runtime_handler not in HANDLERS:
                message = f'no runtime for "{command.runtime_handler}" is configured'
                refused = f"failed to get sandbox runtime: {message}"
                self.emit(SandboxFailed(pod=command.pod, message=refused))
                return
            ip = "" if command.host_network else self._addresses.take()
            if ip is None:
                message = f"no free address in {self.pod_cidr}"
                self.emit(SandboxFailed(pod=command.pod, message=message))
                return
            sandbox = SimulatedSandbox(command=command, id=self.new_id(), ip=ip)
            self.inventory.sandboxes[sandbox.id] = sandbox
        self.emit(
            SandboxReady(
                pod=command.pod, sandbox_id=sandbox.id, ip=sandbox.ip, attempt=command.attempt
            )
        )

    def _stop(self, sandbox: SimulatedSandbox) -> None:
        self._give_back(sandbox)
        self.emit(SandboxStopped(pod=sandbox.command.pod, sandbox_id=sandbox.id))

    def _give_back(self, sandbox: SimulatedSandbox) -> None:
        for container in sandbox.containers.values():
            self.kill(container)
        self._addresses.give_back(sandbox.ip)
        sandbox.ip = ""
        sandbox.is_stopped = True
        sandbox.trees.clear()
        self.forget(sandbox.command.pod.uid)

    def _remove(self, sandbox: SimulatedSandbox) -> None:
        pod = sandbox.command.pod
        self._give_back(sandbox)
        for container_id in sandbox.containers:
            self.inventory.containers.pop(container_id, None)
        self.inventory.sandboxes.pop(sandbox.id, None)
        self.turns.forget(pod.uid)
        self.emit(SandboxRemoved(pod=pod, sandbox_id=sandbox.id))

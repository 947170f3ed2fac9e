"""The life of simulated containers: they start, run their course, are told to end, and go."""

from collections.abc import Callable
from math import inf

import attrs

from engine.cri.commands import (
    PodIdentity,
    RemoveContainer,
    SignalContainer,
    StartContainer,
    StopContainer,
)
from engine.cri.events import (
    ContainerExited,
    ContainerRemoved,
    ContainerStarted,
    ContainerStartFailed,
)
from engine.cri.runtime import Emit
from engine.simulation.behaviors import Behavior, behavior_of
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.disturbances import Disturbances
from engine.simulation.gauge import Gauge
from engine.simulation.image_store import ImageStore
from engine.simulation.interiors import Interiors
from engine.simulation.inventory import Inventory
from engine.simulation.logs import LogLine, written_by
from engine.simulation.process import process_of
from engine.simulation.requests import Requests, requests_of
from engine.simulation.turns import Turns

REMOVE_SECONDS = 0.01
MESSAGE_BYTES = 4096
TERM, KILL = 15, 9
ENDING_SIGNALS = {"SIGTERM": TERM, "SIGINT": 2, "SIGHUP": 1, "SIGQUIT": 3}


@attrs.define(eq=False, kw_only=True)
class Lifecycle:
    """Carries out what is asked about containers, and tells of it.

    *ask* begins the requests that a container of that namespace and address makes, and gives what
    ends them.
    """

    interiors: Interiors
    turns: Turns
    inventory: Inventory
    images: ImageStore
    disturbances: Disturbances
    gauge: Gauge
    emit: Emit
    new_id: Callable[[], str]
    ask: Callable[[str, str, Requests], Callable[[], object]] | None

    def start(self, command: StartContainer) -> None:
        """Start a container in the pod's turn."""
        sandbox = self.inventory.sandboxes.get(command.sandbox_id)
        annotations = sandbox.command.annotations if sandbox is not None else {}
        behavior = behavior_of(command, annotations)
        seconds = behavior.start_seconds
        self.turns.in_turn(command.pod.uid, seconds, self._start, command, behavior)

    def stop(self, command: StopContainer) -> None:
        """Tell a container to end, and kill it when its grace is over."""
        self._ask_to_end(command.container_id, grace=command.grace)

    def signal(self, command: SignalContainer) -> None:
        """Send a signal to a container's process 1."""
        container = self.inventory.running(command.container_id)
        if container is None:
            return
        if command.signal == "SIGKILL":
            self.turns.later(0.0, self.exit, container, 128 + KILL, KILL)
        elif command.signal in ENDING_SIGNALS:
            self._ask_to_end(command.container_id, grace=inf)

    def remove(self, command: RemoveContainer) -> None:
        """Remove a container in the pod's turn."""
        container = self.inventory.containers.get(command.container_id)
        if container is None:
            pod = PodIdentity(namespace="", name="", uid="")
            gone = ContainerRemoved(pod=pod, container_id=command.container_id)
            self.turns.later(0.0, self.emit, gone)
            return
        uid = container.command.pod.uid
        self.turns.in_turn(uid, REMOVE_SECONDS, self._remove, container)

    def kill(self, container: SimulatedContainer) -> None:
        """End a container at once, if it still runs."""
        self.exit(container, 128 + KILL, KILL)

    def run_out(self, container: SimulatedContainer) -> None:
        """End a container that has used more memory than it may."""
        self.exit(container, 128 + KILL, KILL, oom_killed=True)

    def exit(
        self,
        container: SimulatedContainer,
        code: int,
        signal: int = 0,
        *,
        oom_killed: bool = False,
        message: str = "",
    ) -> None:
        """The container's process 1 ends now; nothing happens if it has ended already."""
        if not container.is_running:
            return
        if container.end is not None:
            container.end.cancel()
        now = self.turns.now
        path = container.command.termination_message_path
        if not message and container.files is not None:
            written = container.files.read(path) or b""
            message = written[:MESSAGE_BYTES].decode(errors="replace")
        if code and not message and container.command.message_from_log:
            lines = written_by(container.log, now)[-80:]
            message = "".join(f"{line.text}{line.end}" for line in lines)[-2048:]
        container.is_running = False
        container.finished_at = now
        container.stop_asking()
        if container.behavior.memory is not None or self.disturbances.active:
            self.gauge.measure_soon()
        container.exit_code, container.signal = code, signal
        container.oom_killed, container.message = oom_killed, message
        command = container.command
        self.emit(
            ContainerExited(
                pod=command.pod,
                name=command.name,
                attempt=command.attempt,
                container_id=container.id,
                exit_code=code,
                time=now,
                signal=signal,
                oom_killed=oom_killed,
                message=message,
            )
        )

    def vanish(self) -> None:
        """All containers stop at once, and nothing is told of it."""
        for container in self.inventory.containers.values():
            if container.end is not None:
                container.end.cancel()
            container.stop_asking()

    def _start(self, command: StartContainer, behavior: Behavior) -> None:
        sandbox = self.inventory.sandboxes.get(command.sandbox_id)
        image_id = self.images.id_of(command.image)
        if sandbox is None or sandbox.is_stopped:
            message = f"failed to find sandbox {command.sandbox_id!r}: not found"
            self._refuse(command, "RunContainerError", message)
            return
        if not image_id:
            message = f'failed to create container: image "{command.image}" not found'
            self._refuse(command, "CreateContainerError", message)
            return
        if behavior.start_fails:
            self._refuse(command, "RunContainerError", behavior.start_fails)
            return
        for container in sandbox.containers.values():
            known = container.command
            if known.name == command.name and known.attempt == command.attempt:
                break
        else:
            container = self._run(sandbox, command, behavior, image_id)
        self.emit(
            ContainerStarted(
                pod=command.pod,
                name=command.name,
                attempt=command.attempt,
                container_id=container.id,
                image_id=container.image_id,
                time=container.started_at,
                stop_signal=container.command.stop_signal or "SIGTERM",
            )
        )

    def _refuse(self, command: StartContainer, reason: str, message: str) -> None:
        failed = ContainerStartFailed(
            pod=command.pod,
            name=command.name,
            attempt=command.attempt,
            reason=reason,
            message=message,
        )
        self.emit(failed)

    def _run(
        self,
        sandbox: SimulatedSandbox,
        command: StartContainer,
        behavior: Behavior,
        image_id: str,
    ) -> SimulatedContainer:
        now = self.turns.now
        container = SimulatedContainer(
            command=command,
            id=self.new_id(),
            image_id=image_id,
            behavior=behavior,
            started_at=now,
        )
        container.log.extend(LogLine(now + at, text) for at, text in behavior.output)
        if self.ask is not None and (wanted := requests_of(command.command + command.args)):
            container.stop_asking = self.ask(command.pod.namespace, sandbox.ip, wanted)
        self.inventory.add(sandbox, container)
        if behavior.memory is not None:
            self.gauge.measure_soon()
        if behavior.is_modelled:
            self._run_process(sandbox, container)
        if behavior.exit_after is not None:
            container.end = self.turns.later(behavior.exit_after, self._end, container)
        return container

    def _run_process(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> None:
        container.process = process_of(
            self.interiors,
            self.turns,
            sandbox,
            container,
            end=self.exit,
            kill=lambda signal: self.signal(
                SignalContainer(container_id=container.id, signal=signal)
            ),
            is_frozen=self.disturbances.is_frozen,
        )
        container.stop_asking = container.process.stop
        container.process.start()

    def _end(self, container: SimulatedContainer) -> None:
        """The container has run its course; a frozen one goes on with it later."""
        if self.disturbances.is_frozen(container.id):
            container.end = self.turns.later(1.0, self._end, container)
            return
        behavior = container.behavior
        self.exit(
            container,
            behavior.exit_code,
            signal=KILL if behavior.oom_killed else 0,
            oom_killed=behavior.oom_killed,
            message=behavior.exit_message,
        )

    def _ask_to_end(self, container_id: str, *, grace: float) -> None:
        container = self.inventory.running(container_id)
        if container is None:
            return
        behavior = container.behavior
        caught = container.process is not None and container.process.catch(
            container.command.stop_signal or "SIGTERM"
        )
        if caught:
            if grace < inf:
                container.end = self.turns.later(grace, self.exit, container, 128 + KILL, KILL)
            return
        if behavior.stop_seconds <= grace and not self.disturbances.is_frozen(container.id):
            delay, code, signal = behavior.stop_seconds, behavior.stop_code, 0
        else:
            delay, code, signal = grace, 128 + KILL, KILL
        if delay == inf:
            return
        if container.end is not None and container.end.is_pending:
            if container.end.when <= self.turns.now + delay:
                return
            container.end.cancel()
        container.end = self.turns.later(delay, self.exit, container, code, signal)

    def _remove(self, container: SimulatedContainer) -> None:
        self.kill(container)
        self.inventory.discard(container)
        self.emit(ContainerRemoved(pod=container.command.pod, container_id=container.id))

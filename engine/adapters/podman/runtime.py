"""The container runtime of one node on Podman, as a kubelet sees it."""

import time
from collections.abc import AsyncIterator

import attrs

from engine.adapters.podman.addresses import Addresses
from engine.adapters.podman.disturbing.freezer import is_frozen
from engine.adapters.podman.log_rotation import rotate
from engine.adapters.podman.logs import read_log
from engine.adapters.podman.machine import Machine, Surroundings
from engine.adapters.podman.ports import HostPorts
from engine.adapters.podman.records import Container, Owner, Sandbox
from engine.adapters.podman.room import measure
from engine.adapters.podman.stats import Meter
from engine.adapters.podman.streams.attaching import attach_to
from engine.adapters.podman.streams.dialing import forward_to
from engine.adapters.podman.streams.entering import exec_in
from engine.adapters.podman.streams.hijacking import exec_through
from engine.adapters.podman.tasks import Tasks
from engine.cri.commands import Command, ExecCheck, PodIdentity, RunCheck
from engine.cri.disturbance import Disturbance
from engine.cri.events import (
    CheckFinished,
    DisturbanceFailed,
    NodeMeasured,
    RuntimeEvent,
    UsageMeasured,
)
from engine.cri.runtime import Emit, LogOptions, RuntimeFailure
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.streams import StreamFailure, StreamIO, StreamOptions


@attrs.define(eq=False, repr=False, kw_only=True)
class PodmanRuntime:
    """One node's `engine.cri.runtime.Runtime`, made by `PodmanHost.runtime`.

    *address* is the node's own. After `power_off` a new machine takes over at once, while the old
    one is swept up behind it.
    """

    around: Surroundings
    owner: Owner
    addresses: Addresses
    address: str
    emit: Emit
    facts: RuntimeInfo
    images: tuple[NodeImage, ...] = attrs.field(default=(), init=False)
    machine: Machine = attrs.field(init=False)
    _sweeps: Tasks = attrs.field(init=False)
    _meter: Meter = attrs.field(factory=Meter, init=False)
    _usage: tuple[ContainerUsage, ...] = attrs.field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._sweeps = Tasks(f"sweep {self.owner.node}", self.around.loop)
        self.machine = self._boot(self.owner)

    def submit(self, command: Command) -> None:
        """Have *command* done."""
        if isinstance(command, RunCheck) and isinstance(command.check, ExecCheck):
            container = self.machine.containers.by_id.get(command.container_id)
            if container is not None and is_frozen(container):
                # A process that enters a frozen cgroup cannot even be killed.
                self.around.loop.call_later(command.timeout, self._check_timed_out, command)
                return
        self.machine.submit(command)

    def _check_timed_out(self, command: RunCheck) -> None:
        self.machine.report(
            CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=False,
                message=f"command timed out: it had no answer after {command.timeout:g}s",
            )
        )

    def info(self) -> RuntimeInfo:
        """Name, version and capacity."""
        return self.facts

    def power_off(self) -> None:
        """Kill and forget everything at once; the node is usable again at once, and empty."""
        old = self.machine
        self.machine = self._boot(attrs.evolve(old.owner, boot=old.owner.boot + 1))
        old.power_off()
        self._sweeps.spawn(old.sweep())

    def begin(self, disturbance: Disturbance) -> None:
        """Disturb a pod, until `end`."""

        def failed(message: str) -> None:
            self.machine.report(DisturbanceFailed(disturbance_id=disturbance.id, message=message))

        if self.around.disturber is None:
            failed("containers cannot be disturbed here")
            return
        container_id = getattr(disturbance, "container_id", "")
        container = self.machine.containers.by_id.get(container_id)
        sandbox = next(
            (
                found
                for found in reversed(self.machine.sandboxes.values())
                if found.pod.uid == disturbance.pod.uid and not found.is_stopped
            ),
            None,
        )
        self.around.disturber.begin(disturbance, container, sandbox, failed)

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance."""
        if self.around.disturber is not None:
            self.around.disturber.end(disturbance_id)

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has."""
        return tuple(sandbox.observed() for sandbox in self.machine.sandboxes.values())

    def list_images(self) -> tuple[NodeImage, ...]:
        """The images in the store, as last known."""
        return self.images

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers used when last measured."""
        return self._usage

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self.machine.containers.by_id.get(container_id)
        if container is None or container.log is None:
            raise RuntimeFailure(f"no container {container_id[:12]!r} on node {self.owner.node}")
        ended = lambda: not container.is_running  # noqa: E731
        async for piece in read_log(container.log, options, has_ended=ended):
            yield piece

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """Run a command in the container, joined to *io*; its exit code.

        Raises:
            StreamFailure: it does not run, or Podman refuses.
        """
        container = self._running(container_id)
        if is_frozen(container):
            raise StreamFailure(f"cannot exec in a paused container: {container.name}")
        if self.around.checker.enters and container.pid:
            return await exec_in(container, options, io)
        return await exec_through(self.around.client, container, options, io)

    async def attach(self, container_id: str, options: StreamOptions, io: StreamIO) -> None:
        """Join *io* to the container's own process until that ends.

        Raises:
            StreamFailure: it does not run, or Podman refuses.
        """
        await attach_to(self.around.client, self._running(container_id), options, io)

    async def forward(self, pod: PodIdentity, port: int, io: StreamIO) -> None:
        """Join *io* to a port on the pod's loopback.

        Raises:
            StreamFailure: the pod is not here, or nobody listens.
        """
        for sandbox in reversed(self.machine.sandboxes.values()):
            if sandbox.pod.uid == pod.uid and not sandbox.is_stopped:
                await forward_to(sandbox, port, io)
                return
        raise StreamFailure(f"pod {pod.name} has no sandbox on node {self.owner.node}")

    def _running(self, container_id: str) -> Container:
        container = self.machine.containers.by_id.get(container_id)
        if container is None or not container.is_running:
            raise StreamFailure(f"container {container_id[:12]} is not running")
        return container

    def report(self, event: RuntimeEvent) -> None:
        """Report what concerns the node as a whole."""
        self.machine.report(event)

    def measure(self) -> None:
        """Measure what the containers use now, for `usage`."""
        self._usage = self._meter.measure(self.machine.containers.by_id.values())
        # A rate of which only the end is known would tell autoscalers that nothing happens.
        known = tuple(
            one for one in self._usage if (one.pod.uid, one.name) not in self._meter.fresh
        )
        self.machine.report(UsageMeasured(usage=known, time=self.around.clock()))

    def measure_room(self) -> NodeMeasured:
        """What the node has left."""
        owner = self.machine.owner
        return measure(owner.state, self.facts.memory, self._usage, owner.folder / "pods")

    def rotate_logs(self) -> None:
        """Begin new files for logs that have grown large."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.around.clock()))
        for container in self.machine.containers.by_id.values():
            rotate(container, stamp=stamp)

    async def adopt(self, sandbox: Sandbox, containers: list[Container], *, boot: int) -> None:
        """Take over what an earlier run of us left running, in its boot number *boot*."""
        if self.machine.owner.boot < boot:
            self.machine = self._boot(attrs.evolve(self.owner, boot=boot))
        await self.machine.adopt(sandbox, containers)

    def reconcile(self) -> None:
        """Look at everything again, after Podman was away."""
        self.machine.containers.reconcile()

    async def settle(self) -> None:
        """Wait until nothing submitted is under way any more."""
        await self.machine.tasks.settle()
        await self._sweeps.settle()

    async def close(self) -> None:
        """Stop working; what runs in Podman is left as it is."""
        await self.machine.close()
        await self._sweeps.cancel()

    def _boot(self, owner: Owner) -> Machine:
        return Machine(self.around, owner, self.addresses, HostPorts(self.address), self.emit)

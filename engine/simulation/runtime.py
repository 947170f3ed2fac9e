"""The container runtime of one simulated node: containers are made of timers on the loop."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs

from engine.cri import commands, events
from engine.cri.commands import Command, PodIdentity
from engine.cri.disturbance import Disturbance
from engine.cri.runtime import Emit, LogOptions
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.streams import StreamFailure, StreamIO, StreamOptions
from engine.kernel.loop import Loop
from engine.simulation.checks import Checks
from engine.simulation.console.changes import FileChange, change_files
from engine.simulation.containers import (
    Chance,
    Machine,
    SimulatedContainer,
    SimulatedSandbox,
    observe,
)
from engine.simulation.disk_use import measure_storage
from engine.simulation.disturbances import Disturbances
from engine.simulation.gauge import Gauge
from engine.simulation.image_store import ImageStore
from engine.simulation.interiors import Interiors
from engine.simulation.inventory import Inventory
from engine.simulation.lifecycle import Lifecycle
from engine.simulation.logs import select, written_by
from engine.simulation.pulls import Pulls
from engine.simulation.requests import Requests
from engine.simulation.resources import UPDATE_SECONDS, Resources
from engine.simulation.room import DISK
from engine.simulation.sandboxes import Sandboxes
from engine.simulation.storage import SimulatedStorage
from engine.simulation.streams import Busy, Effect, Holding, ProcessEnded, Streams
from engine.simulation.traffic import Traffic
from engine.simulation.turns import Turns

VERSION = "1.0"
SERVER_MEMORY = 20 * 2**20


@attrs.define(eq=False, kw_only=True)
class SimulatedRuntime:
    """`engine.cri.runtime.Runtime` without containers.

    *emit* is called from callbacks of the loop, never from within `submit`. *pause* is what a
    follower of a log awaits between two looks; without it, following ends at the present. No
    container looks into its volumes: *on_volume* hears of updates instead.
    """

    loop: Loop
    config: Machine
    random: Chance
    emit: Emit
    pause: Callable[[], Awaitable[None]] | None = None
    on_volume: Callable[[commands.UpdateVolume], None] = lambda _: None
    enter: Callable[[Effect], object] | None = None
    change: Callable[[FileChange], object] | None = None
    traffic: Traffic | None = None
    ask: Callable[[str, str, Requests], Callable[[], object]] | None = None
    storage: SimulatedStorage | None = None
    disturbances: Disturbances = attrs.field(init=False)
    is_down: bool = attrs.field(default=False, init=False)
    _turns: Turns = attrs.field(init=False)
    _inventory: Inventory = attrs.field(init=False)
    _interiors: Interiors = attrs.field(init=False)
    _images: ImageStore = attrs.field(init=False)
    _gauge: Gauge = attrs.field(init=False)
    _lifecycle: Lifecycle = attrs.field(init=False)
    _resources: Resources = attrs.field(init=False)
    _sandboxes: Sandboxes = attrs.field(init=False)
    _kept: list[Command] = attrs.field(factory=list, init=False)
    _handlers: dict[type[Any], Callable[[Any], None]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.disturbances = Disturbances(self.traffic)
        self._turns = Turns(self.loop, self.random)
        self._inventory = Inventory(self.config.name)
        self._images = ImageStore(self._turns.jitter)
        self._gauge = Gauge(
            turns=self._turns,
            inventory=self._inventory,
            disturbances=self.disturbances,
            images=self._images,
            emit=self.emit,
            memory=self.config.memory,
        )
        self._interiors = Interiors(loop=self.loop, storage=self.storage)
        self._lifecycle = Lifecycle(
            interiors=self._interiors,
            turns=self._turns,
            inventory=self._inventory,
            images=self._images,
            disturbances=self.disturbances,
            gauge=self._gauge,
            emit=self.emit,
            new_id=self._new_id,
            ask=self.ask,
        )
        self._resources = Resources(
            turns=self._turns,
            inventory=self._inventory,
            disturbances=self.disturbances,
            gauge=self._gauge,
            emit=self.emit,
            run_out=self._lifecycle.run_out,
            memory=self.config.memory,
        )
        self._sandboxes = Sandboxes(
            turns=self._turns,
            inventory=self._inventory,
            emit=self.emit,
            new_id=self._new_id,
            kill=self._lifecycle.kill,
            forget=self.disturbances.forget,
            pod_cidr=self.config.pod_cidr,
        )
        self._handlers = self._make_handlers()

    def _make_handlers(self) -> dict[type[Any], Callable[[Any], None]]:
        pulls = Pulls(
            turns=self._turns, inventory=self._inventory, images=self._images, emit=self.emit
        )
        checks = Checks(
            turns=self._turns,
            inventory=self._inventory,
            disturbances=self.disturbances,
            traffic=self.traffic,
            interiors=self._interiors,
            emit=self.emit,
            address=getattr(self.config, "address", ""),
        )
        return {
            commands.CreateSandbox: self._sandboxes.create,
            commands.StopSandbox: self._sandboxes.stop,
            commands.RemoveSandbox: self._sandboxes.remove,
            commands.PullImage: pulls.pull,
            commands.RemoveImage: pulls.remove,
            commands.StartContainer: self._lifecycle.start,
            commands.RemoveContainer: self._lifecycle.remove,
            commands.StopContainer: self._lifecycle.stop,
            commands.SignalContainer: self._lifecycle.signal,
            commands.RunCheck: checks.run,
            commands.UpdateVolume: self._update_volume,
            commands.UpdateResources: self._resources.update,
            commands.MeasureStorage: self._measure_storage,
        }

    @property
    def sandboxes(self) -> dict[str, SimulatedSandbox]:
        """What is here, by id."""
        return self._inventory.sandboxes

    def submit(self, command: Command) -> None:
        """Have *command* done."""
        if self.is_down:
            self._kept.append(command)
        else:
            self._handlers[type(command)](command)

    def info(self) -> RuntimeInfo:
        """Name, version and capacity."""
        return RuntimeInfo(
            name="simulated",
            version=VERSION,
            cpu=self.config.cpu,
            memory=self.config.memory,
            ephemeral_storage=DISK,
            pods=self.config.pods,
            os_image="Kubarium simulated node",
            kernel_version="6.1.0-simulated",
            architecture="amd64",
        )

    def power_off(self) -> None:
        """Kill and forget everything at once; nothing of it is reported."""
        self._turns.restart()
        self._lifecycle.vanish()
        self._inventory.clear()
        self._gauge.restart()
        self._sandboxes.restart()
        self._kept.clear()
        self.disturbances.clear()
        self.is_down = False

    def go_down(self, message: str = "the runtime does not answer") -> None:
        """Answer nothing until `come_up`; containers go on."""
        if not self.is_down:
            self.is_down = True
            self.loop.call_soon(self.emit, events.RuntimeDown(message=message))

    def come_up(self) -> None:
        """Answer again, what was asked meanwhile first."""
        if self.is_down:
            self.is_down = False
            self.loop.call_soon(self.emit, events.RuntimeUp(version=VERSION))
            kept, self._kept = self._kept, []
            for command in kept:
                self.submit(command)

    def begin(self, disturbance: Disturbance) -> None:
        """Disturb a pod, until `end`."""
        self._resources.begin(disturbance)

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance."""
        self._resources.end(disturbance_id)

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has."""
        return tuple(observe(sandbox) for sandbox in self.sandboxes.values())

    def list_images(self) -> tuple[NodeImage, ...]:
        """The images that are here."""
        return self._images.listed()

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers use now."""
        return self._gauge.usage()

    def usage_at(self, when: float, *, pod_uid: str = "") -> tuple[ContainerUsage, ...]:
        """What the running containers used at *when*, of one pod if *pod_uid* is given.

        As metrics-server, it tells nothing of a container's first ten seconds.
        """
        return self._gauge.usage_at(when, pod_uid=pod_uid)

    def work(self, pod_uid: str, millis: float) -> None:
        """Let the first container of a pod spend *millis* thousandths of a second of CPU now."""
        self._gauge.work(pod_uid, millis)

    def set_load(
        self, container_id: str, *, cpu: int | None = None, memory: int | None = None
    ) -> None:
        """Let a container use so many millicores and bytes; None for what it would use by itself.

        Raises:
            RuntimeFailure: there is no such container.
        """
        self._resources.set_load(container_id, cpu=cpu, memory=memory)

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self._inventory.container(container_id)
        seen = 0.0
        first = True
        while True:
            is_over = not container.is_running
            lines = written_by(container.log, self.loop.now)
            chosen = options if first else LogOptions(timestamps=options.timestamps)
            fresh = lines if first else [line for line in lines if line.time > seen]
            for piece in select(fresh, chosen):
                yield piece
            seen, first = (lines[-1].time if lines else seen), False
            if not options.follow or is_over or self.pause is None:
                return
            await self.pause()

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """Run a modelled command; its exit code.

        Raises:
            StreamFailure: the container does not run.
        """
        sandbox, container = self._running(container_id)
        return await self._streams().exec(sandbox, container, options, io)

    async def attach(self, container_id: str, options: StreamOptions, io: StreamIO) -> None:
        """Talk to a modelled shell, or read what the container says from now on.

        Raises:
            StreamFailure: the container does not run.
        """
        sandbox, container = self._running(container_id)
        await self._streams().attach(sandbox, container, options, io)

    async def forward(self, pod: PodIdentity, port: int, io: StreamIO) -> None:
        """Talk to the pod's modelled web server.

        Raises:
            StreamFailure: the pod is not here, or nobody listens.
        """
        for sandbox in self._inventory.of_pod(pod.uid):
            if sandbox.is_stopped:
                continue
            await self._streams().forward(sandbox, port, io)
            return
        raise StreamFailure(f"pod {pod.name} has no sandbox on node {self.config.name}")

    def carry_out(self, effect: Effect) -> None:
        """Let a container feel what a stream did to it; called as a step of the loop."""
        container = self._inventory.containers.get(effect.container_id)
        if isinstance(effect, Busy):
            if container is not None:
                work = self._gauge.work_of(container)
                work.spend(self.loop.now, effect.seconds, effect.cores)
        elif isinstance(effect, Holding):
            if container is not None:
                self.set_load(
                    container.id,
                    cpu=container.behavior.cpu,
                    memory=SERVER_MEMORY + effect.bytes if effect.bytes else None,
                )
        elif not isinstance(effect, ProcessEnded):
            self.submit(effect)
        elif container is not None:
            self._lifecycle.exit(container, effect.exit_code)

    def change_files(self, change: FileChange) -> None:
        """Change what is in a container, if it still runs; called as a step of the loop."""
        container = self._inventory.running(change.container_id)
        sandbox = self._inventory.sandbox_of(container) if container is not None else None
        if container is not None and sandbox is not None:
            change_files(self._interiors.files(sandbox, container), change)

    def _streams(self) -> Streams:
        return Streams(
            loop=self.loop,
            node=self.config.name,
            enter=self.enter or self.carry_out,
            change=self.change or self.change_files,
            pause=self.pause,
            follow=self.logs,
            interiors=self._interiors,
        )

    def _running(self, container_id: str) -> tuple[SimulatedSandbox, SimulatedContainer]:
        container = self._inventory.running(container_id)
        sandbox = self._inventory.sandbox_of(container) if container is not None else None
        if container is None or sandbox is None:
            raise StreamFailure(f"container {container_id[:12]} is not running")
        return sandbox, container

    def _update_volume(self, command: commands.UpdateVolume) -> None:
        self.on_volume(command)
        for sandbox in self._inventory.of_pod(command.pod.uid):
            self._interiors.refresh(sandbox, command.volume)
        if command.volume.driver:
            resized = events.VolumeResized(pod=command.pod, volume=command.volume.name)
            self._turns.later(UPDATE_SECONDS, self.emit, resized)

    def _measure_storage(self, command: commands.MeasureStorage) -> None:
        fills = self.disturbances.fills(command.pod.uid)
        for sandbox in self._inventory.of_pod(command.pod.uid):
            measured = measure_storage(command, sandbox, fills)
            self._turns.later(UPDATE_SECONDS, self.emit, measured)

    def _new_id(self) -> str:
        return f"{self.random.getrandbits(256):064x}"

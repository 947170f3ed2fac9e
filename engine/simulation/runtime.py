"""The container runtime of one simulated node: containers are made of timers on the loop."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from math import inf
from typing import Any

import attrs

from engine.cri import commands, events
from engine.cri.commands import Command, CreateSandbox, PodIdentity, StartContainer
from engine.cri.disturbance import Disturbance, FillDisk, HoldMemory
from engine.cri.runtime import Emit, LogOptions, RuntimeFailure
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.streams import StreamFailure, StreamIO, StreamOptions
from engine.kernel.loop import Loop, Timer
from engine.simulation.behaviors import Behavior, behavior_of, check_outcome
from engine.simulation.containers import (
    Chance,
    Machine,
    SimulatedContainer,
    SimulatedSandbox,
    observe,
)
from engine.simulation.disturbances import Disturbances
from engine.simulation.image_store import ImageStore, Pull
from engine.simulation.load import Work, usage_of
from engine.simulation.logs import LogLine, select
from engine.simulation.network import AddressPool
from engine.simulation.requests import Requests, requests_of
from engine.simulation.room import DISK, measure
from engine.simulation.storage import SimulatedStorage
from engine.simulation.streams import Busy, Effect, Holding, ProcessEnded, Streams
from engine.simulation.traffic import TIMEOUT, Traffic

VERSION = "1.0"
SANDBOX_SECONDS = 0.12
REMOVE_SECONDS = 0.05
CHECK_SECONDS = 0.004
PROGRESS_SECONDS = 2.0
UPDATE_SECONDS = 0.02
UNMEASURED_SECONDS = 10.0
SERVER_MEMORY = 20 * 2**20
TERM, KILL = 15, 9
HANDLERS = ("", "runc", "crun")
ENDING_SIGNALS = {"SIGTERM": TERM, "SIGINT": 2, "SIGHUP": 1, "SIGQUIT": 3}


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
    traffic: Traffic | None = None
    ask: Callable[[str, Requests], Callable[[], object]] | None = None
    disturbances: Disturbances = attrs.field(init=False)
    storage: SimulatedStorage | None = None
    sandboxes: dict[str, SimulatedSandbox] = attrs.field(factory=dict, init=False)
    is_down: bool = attrs.field(default=False, init=False)
    _is_measuring: bool = attrs.field(default=False, init=False)
    _containers: dict[str, SimulatedContainer] = attrs.field(factory=dict, init=False)
    _images: ImageStore = attrs.field(init=False)
    _lanes: dict[str, float] = attrs.field(factory=dict, init=False)
    _kept: list[Command] = attrs.field(factory=list, init=False)
    _boot: int = attrs.field(default=0, init=False)
    _addresses: AddressPool = attrs.field(init=False)
    _handlers: dict[type[Any], Callable[[Any], None]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._addresses = AddressPool(self.config.pod_cidr)
        self.disturbances = Disturbances(self.traffic)
        self._images = ImageStore(lambda: 0.8 + 0.4 * self.random.random())
        self._handlers = {
            commands.CreateSandbox: self._submit_create,
            commands.RemoveSandbox: self._submit_remove_sandbox,
            commands.PullImage: self._submit_pull,
            commands.RemoveImage: self._remove_image,
            commands.StartContainer: self._submit_start,
            commands.RemoveContainer: self._submit_remove_container,
            commands.StopContainer: self._stop,
            commands.SignalContainer: self._signal,
            commands.RunCheck: self._submit_check,
            commands.UpdateVolume: self._update_volume,
            commands.UpdateResources: self._submit_update,
        }

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
        self._boot += 1
        self._is_measuring = False
        for container in self._containers.values():
            if container.end is not None:
                container.end.cancel()
            container.stop_asking()
        self.sandboxes.clear()
        self._containers.clear()
        self._lanes.clear()
        self._kept.clear()
        self.disturbances.clear()
        self.is_down = False
        self._addresses = AddressPool(self.config.pod_cidr)

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
        container = self._containers.get(getattr(disturbance, "container_id", ""))
        if hasattr(disturbance, "container_id") and (container is None or not container.is_running):
            self._not_disturbed(disturbance, "the container does not run any more")
            return
        self.disturbances.begin(disturbance)
        self._measure_soon()
        if container is not None and isinstance(disturbance, HoldMemory):
            self._hold_memory(container, is_fatal=disturbance.is_fatal)
        elif container is not None and isinstance(disturbance, FillDisk):
            self._fill_disk(container)

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance."""
        self.disturbances.end(disturbance_id)
        self._measure_soon()

    def _not_disturbed(self, disturbance: Disturbance, message: str) -> None:
        failed = events.DisturbanceFailed(disturbance_id=disturbance.id, message=message)
        self.loop.call_soon(self.emit, failed)

    def _hold_memory(self, container: SimulatedContainer, *, is_fatal: bool) -> None:
        limit = container.command.resources.memory_limit or self.config.memory
        held = self.disturbances.held(container.id)
        if is_fatal or self._usage(container, self.loop.now).memory > limit or held > limit:
            self._later(0.5, self._exit_killed_for_memory, container)

    def _exit_killed_for_memory(self, container: SimulatedContainer) -> None:
        self._exit(container, 137, signal=KILL, oom_killed=True)

    def _fill_disk(self, container: SimulatedContainer) -> None:
        """Report the pod's empty directories that hold more than they may."""
        used = self.disturbances.filled(container.command.pod.uid)
        for volume in container.command.volumes:
            if volume.size_limit and used > volume.size_limit:
                full = events.VolumeFull(pod=container.command.pod, volume=volume.name, used=used)
                self._later(1.0, self.emit, full)

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has."""
        return tuple(observe(sandbox) for sandbox in self.sandboxes.values())

    def list_images(self) -> tuple[NodeImage, ...]:
        """The images that are here."""
        return self._images.listed()

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers use now."""
        return tuple(
            self._usage(container, self.loop.now)
            for container in self._containers.values()
            if container.is_running
        )

    def usage_at(self, when: float, *, pod_uid: str = "") -> tuple[ContainerUsage, ...]:
        """What the running containers used at *when*, of one pod if *pod_uid* is given.

        As metrics-server, it tells nothing of a container's first ten seconds.
        """
        containers: Iterable[SimulatedContainer] = self._containers.values()
        if pod_uid:
            containers = (
                container
                for sandbox in self.sandboxes.values()
                if sandbox.command.pod.uid == pod_uid
                for container in sandbox.containers.values()
            )
        return tuple(
            self._usage(container, when)
            for container in containers
            if container.is_running and when - container.started_at >= UNMEASURED_SECONDS
        )

    def work(self, pod_uid: str, millis: float) -> None:
        """Let the first container of a pod spend *millis* thousandths of a second of CPU now."""
        for sandbox in self.sandboxes.values():
            if sandbox.command.pod.uid == pod_uid:
                for container in sandbox.containers.values():
                    if container.is_running:
                        self._work_of(container).add(self.loop.now, millis)
                        return

    def _work_of(self, container: SimulatedContainer) -> Work:
        if container.work is None:
            container.work = Work()
        return container.work

    def _usage(self, container: SimulatedContainer, when: float) -> ContainerUsage:
        used = usage_of(
            container.command,
            container.behavior,
            age=when - container.started_at,
            busy=container.work.rate(when) if container.work is not None else None,
        )
        limit = container.command.resources.cpu_limit
        return self.disturbances.usage(container.id, used, cpu_limit=limit)

    def set_load(
        self, container_id: str, *, cpu: int | None = None, memory: int | None = None
    ) -> None:
        """Let a container use so many millicores and bytes; None for what it would use by itself.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self._container(container_id)
        container.behavior = attrs.evolve(container.behavior, cpu=cpu, memory=memory)
        self._measure_soon()
        limit = container.command.resources.memory_limit
        if memory is not None and limit and memory > limit and container.is_running:
            self._exit(container, 137, signal=KILL, oom_killed=True)

    def _measure_soon(self) -> None:
        """Report what the node has left, once for all that happens at this moment.

        What containers use by themselves never fills a node, so only what is told to use much
        leads here.
        """
        if not self._is_measuring:
            self._is_measuring = True
            self._later(0.0, self._measure)

    def _measure(self) -> None:
        self._is_measuring = False
        filled = {
            sandbox.command.pod.uid: self.disturbances.filled(sandbox.command.pod.uid)
            for sandbox in self.sandboxes.values()
        }
        files = {uid: size for uid, size in filled.items() if size}
        self.emit(measure(self.config.memory, self.usage(), self._images.listed(), files))

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self._container(container_id)
        seen = 0.0
        first = True
        while True:
            is_over = not container.is_running
            lines = self._lines(container)
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
        for sandbox in self.sandboxes.values():
            if sandbox.command.pod.uid == pod.uid:
                await self._streams().forward(sandbox, port, io)
                return
        raise StreamFailure(f"pod {pod.name} has no sandbox on node {self.config.name}")

    def carry_out(self, effect: Effect) -> None:
        """Let a container feel what a stream did to it; called as a step of the loop."""
        container = self._containers.get(effect.container_id)
        if isinstance(effect, Busy):
            if container is not None:
                self._work_of(container).spend(self.loop.now, effect.seconds, effect.cores)
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
            self._exit(container, effect.exit_code)

    def _streams(self) -> Streams:
        return Streams(
            loop=self.loop,
            node=self.config.name,
            enter=self.enter or self.carry_out,
            pause=self.pause,
            follow=self.logs,
            storage=self.storage,
        )

    def _running(self, container_id: str) -> tuple[SimulatedSandbox, SimulatedContainer]:
        container = self._containers.get(container_id)
        sandbox = self.sandboxes.get(container.command.sandbox_id) if container else None
        if container is None or sandbox is None or not container.is_running:
            raise StreamFailure(f"container {container_id[:12]} is not running")
        return sandbox, container

    def _container(self, container_id: str) -> SimulatedContainer:
        found = self._containers.get(container_id)
        if found is None:
            raise RuntimeFailure(f"no container {container_id[:12]!r} on node {self.config.name}")
        return found

    def _lines(self, container: SimulatedContainer) -> list[LogLine]:
        """What it has said by now; the future part of its course is not shown yet."""
        return [line for line in container.log if line.time <= self.loop.now]

    def _later(self, delay: float, callback: Callable[..., None], *args: object) -> Timer:
        return self.loop.call_later(delay, self._unless_rebooted, self._boot, callback, args)

    def _unless_rebooted(
        self, boot: int, callback: Callable[..., None], args: tuple[object, ...]
    ) -> None:
        if boot == self._boot:
            callback(*args)

    def _in_turn(
        self, pod: PodIdentity, seconds: float, callback: Callable[..., None], *args: object
    ) -> None:
        """Run *callback* when the pod's earlier commands are done and *seconds* have passed."""
        begin = max(self.loop.now, self._lanes.get(pod.uid, 0.0))
        done = begin + seconds * (0.8 + 0.4 * self.random.random())
        self._lanes[pod.uid] = done
        self._later(done - self.loop.now, callback, *args)

    def _update_volume(self, command: commands.UpdateVolume) -> None:
        self.on_volume(command)
        if command.volume.driver:
            resized = events.VolumeResized(pod=command.pod, volume=command.volume.name)
            self._later(UPDATE_SECONDS, self.emit, resized)

    def _submit_update(self, command: commands.UpdateResources) -> None:
        self._later(UPDATE_SECONDS, self._update_resources, command)

    def _update_resources(self, command: commands.UpdateResources) -> None:
        container = self._containers.get(command.container_id)
        if container is None or not container.is_running:
            return
        started = container.command
        limit, used = command.resources.memory_limit, container.behavior.memory
        error = ""
        if limit and used is not None and used > limit:
            error = f"memory limit {limit} is below the present use of {used} bytes"
        else:
            container.command = attrs.evolve(started, resources=command.resources)
        self.emit(
            events.ResourcesUpdated(
                pod=started.pod, name=started.name, container_id=container.id, error=error
            )
        )

    def _submit_create(self, command: CreateSandbox) -> None:
        self._in_turn(command.pod, SANDBOX_SECONDS, self._create, command)

    def _create(self, command: CreateSandbox) -> None:
        for sandbox in self.sandboxes.values():
            if sandbox.command.pod == command.pod and sandbox.command.attempt == command.attempt:
                break
        else:
            if command.runtime_handler not in HANDLERS:
                message = f'no runtime for "{command.runtime_handler}" is configured'
                refused = f"failed to get sandbox runtime: {message}"
                self.emit(events.SandboxFailed(pod=command.pod, message=refused))
                return
            ip = "" if command.host_network else self._addresses.take()
            if ip is None:
                message = f"no free address in {self.config.pod_cidr}"
                self.emit(events.SandboxFailed(pod=command.pod, message=message))
                return
            sandbox = SimulatedSandbox(command=command, id=self._new_id(), ip=ip)
            self.sandboxes[sandbox.id] = sandbox
        self.emit(
            events.SandboxReady(
                pod=command.pod, sandbox_id=sandbox.id, ip=sandbox.ip, attempt=command.attempt
            )
        )

    def _submit_remove_sandbox(self, command: commands.RemoveSandbox) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        if sandbox is None:
            pod = PodIdentity(namespace="", name="", uid="")
            gone = events.SandboxRemoved(pod=pod, sandbox_id=command.sandbox_id)
            self._later(0.0, self.emit, gone)
            return
        self._in_turn(sandbox.command.pod, REMOVE_SECONDS, self._remove_sandbox, sandbox)

    def _remove_sandbox(self, sandbox: SimulatedSandbox) -> None:
        for container in tuple(sandbox.containers.values()):
            if container.is_running:
                self._exit(container, 137, signal=KILL)
            self._containers.pop(container.id, None)
        if self.sandboxes.pop(sandbox.id, None) is not None:
            self._addresses.give_back(sandbox.ip)
        pod = sandbox.command.pod
        self._lanes.pop(pod.uid, None)
        self.disturbances.forget(pod.uid)
        self.emit(events.SandboxRemoved(pod=pod, sandbox_id=sandbox.id))

    def _submit_pull(self, command: commands.PullImage) -> None:
        now = self.loop.now
        begin = max(now, self._lanes.get(command.pod.uid, 0.0))
        pull = self._images.plan(command, now=begin)
        done = self._lanes[command.pod.uid] = begin + pull.seconds
        answer = pull.answer
        if isinstance(answer, events.ImagePulled) and answer.seconds > PROGRESS_SECONDS:
            fetching = done - answer.seconds
            self._later(fetching + PROGRESS_SECONDS - now, self._progress, answer, fetching)
        self._later(done - now, self._pulled, pull)

    def _progress(self, answer: events.ImagePulled, since: float) -> None:
        """Tell how much of an image has come, until all of it has."""
        passed = self.loop.now - since
        if passed >= answer.seconds:
            return
        done = int(answer.size * passed / answer.seconds)
        told = events.PullProgress(pod=answer.pod, image=answer.image, done=done, total=answer.size)
        self.emit(told)
        self._later(PROGRESS_SECONDS, self._progress, answer, since)

    def _pulled(self, pull: Pull) -> None:
        is_new = pull.image is not None and not self._images.id_of(pull.image.name)
        if pull.image is not None:
            self._images.add(pull.image)
        self.emit(pull.answer)
        if is_new:
            self.emit(events.ImagesChanged(images=self._images.listed()))

    def _remove_image(self, command: commands.RemoveImage) -> None:
        used = {self._images.id_of(item.command.image) for item in self._containers.values()}
        if command.image not in used and self._images.remove(command.image):
            self._later(
                REMOVE_SECONDS,
                lambda: self.emit(events.ImagesChanged(images=self._images.listed())),
            )

    def _submit_start(self, command: StartContainer) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        annotations = sandbox.command.annotations if sandbox is not None else {}
        behavior = behavior_of(command, annotations)
        self._in_turn(command.pod, behavior.start_seconds, self._start, command, behavior)

    def _start(self, command: StartContainer, behavior: Behavior) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        image_id = self._images.id_of(command.image)
        if sandbox is None:
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
            events.ContainerStarted(
                pod=command.pod,
                name=command.name,
                attempt=command.attempt,
                container_id=container.id,
                image_id=container.image_id,
                time=container.started_at,
            )
        )

    def _refuse(self, command: StartContainer, reason: str, message: str) -> None:
        failed = events.ContainerStartFailed(
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
        now = self.loop.now
        container = SimulatedContainer(
            command=command,
            id=self._new_id(),
            image_id=image_id,
            behavior=behavior,
            started_at=now,
        )
        container.log.extend(LogLine(now + at, text) for at, text in behavior.output)
        if self.ask is not None and (wanted := requests_of(command.command + command.args)):
            container.stop_asking = self.ask(command.pod.namespace, wanted)
        sandbox.containers[container.id] = self._containers[container.id] = container
        if behavior.memory is not None:
            self._measure_soon()
        if behavior.exit_after is not None:
            container.end = self._later(behavior.exit_after, self._end, container)
        return container

    def _end(self, container: SimulatedContainer) -> None:
        if self.disturbances.is_frozen(container.id):
            container.end = self._later(1.0, self._end, container)
            return
        behavior = container.behavior
        self._exit(
            container,
            behavior.exit_code,
            signal=KILL if behavior.oom_killed else 0,
            oom_killed=behavior.oom_killed,
            message=behavior.exit_message,
        )

    def _stop(self, command: commands.StopContainer) -> None:
        self._ask_to_end(command.container_id, grace=command.grace)

    def _signal(self, command: commands.SignalContainer) -> None:
        container = self._containers.get(command.container_id)
        if container is None or not container.is_running:
            return
        if command.signal == "SIGKILL":
            self._later(0.0, self._exit, container, 128 + KILL, KILL)
        elif command.signal in ENDING_SIGNALS:
            self._ask_to_end(command.container_id, grace=inf)

    def _ask_to_end(self, container_id: str, *, grace: float) -> None:
        container = self._containers.get(container_id)
        if container is None or not container.is_running:
            return
        behavior = container.behavior
        if behavior.stop_seconds <= grace and not self.disturbances.is_frozen(container.id):
            delay, code, signal = behavior.stop_seconds, behavior.stop_code, 0
        else:
            delay, code, signal = grace, 128 + KILL, KILL
        if delay == inf:
            return
        if container.end is not None and container.end.is_pending:
            if container.end.when <= self.loop.now + delay:
                return
            container.end.cancel()
        container.end = self._later(delay, self._exit, container, code, signal)

    def _exit(
        self,
        container: SimulatedContainer,
        code: int,
        signal: int = 0,
        *,
        oom_killed: bool = False,
        message: str = "",
    ) -> None:
        if not container.is_running:
            return
        if container.end is not None:
            container.end.cancel()
        if code and not message and container.command.message_from_log:
            message = "".join(f"{line.text}\n" for line in self._lines(container)[-80:])[-2048:]
        container.is_running = False
        container.finished_at = self.loop.now
        container.stop_asking()
        if container.behavior.memory is not None or self.disturbances.active:
            self._measure_soon()
        container.exit_code, container.signal = code, signal
        container.oom_killed, container.message = oom_killed, message
        command = container.command
        self.emit(
            events.ContainerExited(
                pod=command.pod,
                name=command.name,
                attempt=command.attempt,
                container_id=container.id,
                exit_code=code,
                time=self.loop.now,
                signal=signal,
                oom_killed=oom_killed,
                message=message,
            )
        )

    def _submit_remove_container(self, command: commands.RemoveContainer) -> None:
        container = self._containers.get(command.container_id)
        if container is None:
            pod = PodIdentity(namespace="", name="", uid="")
            gone = events.ContainerRemoved(pod=pod, container_id=command.container_id)
            self._later(0.0, self.emit, gone)
            return
        self._in_turn(container.command.pod, 0.01, self._remove_container, container)

    def _remove_container(self, container: SimulatedContainer) -> None:
        self._exit(container, 137, signal=KILL)
        self._containers.pop(container.id, None)
        for sandbox in self.sandboxes.values():
            if sandbox.id == container.command.sandbox_id:
                sandbox.containers.pop(container.id, None)
        gone = events.ContainerRemoved(pod=container.command.pod, container_id=container.id)
        self.emit(gone)

    def _submit_check(self, command: commands.RunCheck) -> None:
        seconds = CHECK_SECONDS + self._way_to(command)
        if seconds > command.timeout:
            self._later(command.timeout, self._check_timed_out, command)
        else:
            self._later(seconds, self._check, command)

    def _way_to(self, command: commands.RunCheck) -> float:
        """How much longer a check takes than usual: forever if its container stands still."""
        container = self._containers.get(command.container_id)
        if container is None or (not self.disturbances.active and self.traffic is None):
            return 0.0
        if self.disturbances.is_frozen(container.id):
            return TIMEOUT
        if self.traffic is None or isinstance(command.check, commands.ExecCheck):
            return 0.0
        sandbox = self.sandboxes.get(container.command.sandbox_id)
        source = getattr(self.config, "address", "")
        return self.traffic.seconds(source, sandbox.ip) if sandbox is not None else 0.0

    def _check_timed_out(self, command: commands.RunCheck) -> None:
        message = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        self.emit(
            events.CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=False,
                message=message,
            )
        )

    def _check(self, command: commands.RunCheck) -> None:
        container = self._containers.get(command.container_id)
        success, message = False, "container is not running"
        if container is not None and container.is_running:
            age = self.loop.now - container.started_at
            outcome = check_outcome(command, container.behavior, age=age)
            success, message = outcome.success, outcome.message
        self.emit(
            events.CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=success,
                message=message,
            )
        )

    def _new_id(self) -> str:
        return f"{self.random.getrandbits(256):064x}"

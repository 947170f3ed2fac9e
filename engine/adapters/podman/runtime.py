"""The container runtime of one node on Podman: commands become tasks, what happens becomes events.

It decides nothing: what should run, and whether to try again, is the kubelet's business.
"""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import attrs

from engine.adapters.podman import exits, images, parse, processes, specs
from engine.adapters.podman.checks import Checker
from engine.adapters.podman.client import PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.logs import read_log
from engine.adapters.podman.records import Container, Owner, Sandbox
from engine.adapters.podman.sandbox import SandboxStrategy
from engine.adapters.podman.signals import send_signal
from engine.adapters.podman.volumes import SHM, PodVolumes
from engine.cri import commands as cri
from engine.cri import events
from engine.cri.runtime import Emit, LogOptions, RuntimeFailure
from engine.cri.status import ContainerUsage, ObservedSandbox, RuntimeInfo
from engine.errors import AdapterError

log = logging.getLogger(__name__)

KILLED_SECONDS = 5.0


@attrs.define(eq=False)
class Addresses:
    """The pod addresses of one node, given out round robin so that none is soon used again."""

    prefix: str
    _used: set[str] = attrs.field(factory=set, init=False)
    _next: int = attrs.field(default=2, init=False)

    def take(self) -> str:
        """A free address.

        Raises:
            AdapterError: all are in use.
        """
        for _ in range(253):
            address = f"{self.prefix}.{self._next}"
            self._next = self._next + 1 if self._next < 254 else 2
            if address not in self._used:
                self._used.add(address)
                return address
        raise AdapterError(f"no pod address is free in {self.prefix}.0/24")

    def claim(self, address: str) -> None:
        """Mark *address* as used by a sandbox that was there before."""
        self._used.add(address)

    def release(self, address: str) -> None:
        """Give *address* back."""
        self._used.discard(address)


@attrs.define(eq=False, kw_only=True)
class PodmanRuntime:
    """One node's `engine.cri.runtime.Runtime`, made by `PodmanHost.runtime`.

    While *available* is not set (Podman is away) commands wait for it.
    """

    client: PodmanClient
    owner: Owner
    strategy: SandboxStrategy
    checker: Checker
    addresses: Addresses
    emit: Emit
    clock: Callable[[], float]
    available: asyncio.Event
    facts: RuntimeInfo
    exits: Path | None = None
    host_resolv: str = ""
    last_usage: tuple[ContainerUsage, ...] = ()
    sandboxes: dict[str, Sandbox] = attrs.field(factory=dict, init=False)
    containers: dict[str, Container] = attrs.field(factory=dict, init=False)
    _images: dict[str, str] = attrs.field(factory=dict, init=False)
    _chains: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def submit(self, command: cri.Command) -> None:
        """Have *command* done, after what was submitted for the same pod before."""
        if isinstance(command, cri.RunCheck):
            self._spawn(self._check(command))
            return
        pod = self._pod_of(command)
        before = self._chains.get(pod.uid)
        task = self._spawn(self._do(command, pod, before))
        self._chains[pod.uid] = task
        task.add_done_callback(
            lambda done: self._chains.pop(pod.uid) if self._chains.get(pod.uid) is done else None
        )

    def info(self) -> RuntimeInfo:
        """Name, version and capacity."""
        return self.facts

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has."""
        return tuple(sandbox.observed() for sandbox in self.sandboxes.values())

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers used when last measured."""
        return self.last_usage

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log.

        Raises:
            RuntimeFailure: there is no such container.
        """
        container = self.containers.get(container_id)
        if container is None or container.log is None:
            raise RuntimeFailure(f"no container {container_id[:12]!r} on node {self.owner.node}")
        ended = lambda: not container.is_running  # noqa: E731
        async for piece in read_log(container.log, options, has_ended=ended):
            yield piece

    async def settle(self) -> None:
        """Wait until nothing submitted is under way any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Forget everything under way; what runs in Podman is left as it is."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for container in self.containers.values():
            if container.exit is not None:
                container.exit.cancel()

    async def adopt(self, sandbox: Sandbox, containers: list[Container]) -> None:
        """Take over what an earlier run of us left running."""
        self.sandboxes[sandbox.id] = sandbox
        if sandbox.ip:
            self.addresses.claim(sandbox.ip)
        for container in containers:
            sandbox.containers[container.id] = container
            self.containers[container.id] = container
            if container.is_running:
                self._watch(container)

    async def reconcile(self) -> None:
        """Look at every container again, after Podman was away."""
        for container in list(self.containers.values()):
            if container.is_running and container.exit is None:
                self._spawn(self._ended(container, oom=False))

    def _pod_of(self, command: cri.Command) -> cri.PodIdentity:
        if isinstance(command, cri.RemoveSandbox):
            sandbox = self.sandboxes.get(command.sandbox_id)
            return sandbox.pod if sandbox else NOBODY
        if isinstance(
            command, cri.StopContainer | cri.SignalContainer | cri.RemoveContainer | cri.RunCheck
        ):
            container = self.containers.get(command.container_id)
            return container.sandbox.pod if container else NOBODY
        return command.pod

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("command failed node=%s", self.owner.node, exc_info=task.exception())

    async def _do(
        self, command: cri.Command, pod: cri.PodIdentity, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait((before,))
        while True:
            await self.available.wait()
            try:
                await self._dispatch(command, pod)
            except PodmanGone as error:
                log.info("command waits node=%s error=%s", self.owner.node, error)
                await asyncio.sleep(0.1)  # time for the host to notice
                continue
            return

    async def _dispatch(self, command: cri.Command, pod: cri.PodIdentity) -> None:
        match command:
            case cri.CreateSandbox():
                await self._create_sandbox(command)
            case cri.RemoveSandbox():
                await self._remove_sandbox(command, pod)
            case cri.PullImage():
                await self._pull(command)
            case cri.UpdateVolume():
                with contextlib.suppress(AdapterError):
                    self._volumes(command.pod).provide(command.volume)
            case cri.StartContainer():
                await self._start(command)
            case cri.StopContainer():
                await self._stop(command)
            case cri.SignalContainer():
                await self._signal(command.container_id, command.signal)
            case cri.RemoveContainer():
                await self._remove(command, pod)

    async def _create_sandbox(self, command: cri.CreateSandbox) -> None:
        for sandbox in self.sandboxes.values():
            if (sandbox.pod.uid, sandbox.attempt) == (command.pod.uid, command.attempt):
                self._sandbox_ready(sandbox)
                return
        ip = ""
        try:
            if not command.host_network:
                ip = self.addresses.take()
            folder = self.owner.pod_folder(command.pod)
            for name in ("logs", "messages"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            files = specs.etc_files(command, ip=ip, host_resolv=self.host_resolv)
            for name, content in files.items():
                (folder / name).write_text(content)
            sandbox = await self.strategy.create(command, self.owner, ip=ip)
        except PodmanGone:
            self.addresses.release(ip)
            raise
        except (AdapterError, OSError) as error:
            self.addresses.release(ip)
            self.emit(events.SandboxFailed(pod=command.pod, message=str(error)))
            return
        self.sandboxes[sandbox.id] = sandbox
        self._sandbox_ready(sandbox)

    def _sandbox_ready(self, sandbox: Sandbox) -> None:
        self.emit(
            events.SandboxReady(
                pod=sandbox.pod, sandbox_id=sandbox.id, ip=sandbox.ip, attempt=sandbox.attempt
            )
        )

    async def _remove_sandbox(self, command: cri.RemoveSandbox, pod: cri.PodIdentity) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        if sandbox is not None:
            await self._kill_all(sandbox)
            await self.strategy.remove(sandbox, self.owner)
            del self.sandboxes[sandbox.id]
            for container in sandbox.containers.values():
                self.containers.pop(container.id, None)
            self.addresses.release(sandbox.ip)
            if not any(other.pod.uid == pod.uid for other in self.sandboxes.values()):
                self._volumes(pod).remove()
                shutil.rmtree(sandbox.folder, ignore_errors=True)
        self.emit(events.SandboxRemoved(pod=pod, sandbox_id=command.sandbox_id))

    async def _kill_all(self, sandbox: Sandbox) -> None:
        """Kill what runs in *sandbox*, and wait until its ends have been reported."""
        for container in list(sandbox.containers.values()):
            if container.is_running:
                await self._signal(container.id, "SIGKILL")
        deadline = asyncio.get_running_loop().time() + KILLED_SECONDS
        while any(container.is_running for container in sandbox.containers.values()):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.002)

    async def _pull(self, command: cri.PullImage) -> None:
        outcome = await images.ensure(self.client, command)
        if isinstance(outcome, events.ImagePulled):
            self._images[command.image] = outcome.image_id
        self.emit(outcome)

    async def _start(self, command: cri.StartContainer) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        if sandbox is None:
            self._not_started(command, "CreateContainerError", "its sandbox is gone")
            return
        for known in sandbox.containers.values():
            if (known.name, known.attempt) == (command.name, command.attempt):
                if known.is_running:
                    self._started(known)
                return
        try:
            mounts = self._volumes(command.pod).mounts(
                command.mounts, command.volumes, group=command.security.fs_group
            )
            for file in (specs.log_file, specs.message_file):
                path = file(command, self.owner)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            specs.message_file(command, self.owner).chmod(0o666)
        except (AdapterError, OSError) as error:
            self._not_started(command, "CreateContainerConfigError", str(error))
            return
        command = attrs.evolve(command, image=self._images.get(command.image, command.image))
        spec = specs.container_spec(
            command,
            sandbox,
            self.owner,
            mounts=mounts,
            namespaces=self.strategy.namespaces(sandbox),
        )
        try:
            made = await self._create(spec)
        except PodmanError as error:
            self._not_started(command, "CreateContainerError", str(error))
            return
        try:
            await self.client.post(f"/containers/{made}/start")
        except PodmanError as error:
            with contextlib.suppress(AdapterError):
                await self.client.delete(f"/containers/{made}", force="true", timeout="0")
            self._not_started(command, "RunContainerError", str(error))
            return
        container = parse.container(await self.client.get(f"/containers/{made}/json"), sandbox)
        container.started_at = self.clock()
        container.finished_at = 0.0
        sandbox.containers[container.id] = self.containers[container.id] = container
        self._started(container)
        self._watch(container)

    async def _create(self, spec: dict[str, object]) -> str:
        """Create a container, in place of one of the same name that an interrupted try left."""
        for is_retry in (False, True):
            try:
                return str((await self.client.post("/containers/create", spec))["Id"])
            except PodmanError as error:
                if is_retry or "already in use" not in str(error):
                    raise
                await self.client.delete(f"/containers/{spec['name']}", force="true", timeout="0")
        raise AssertionError

    def _not_started(self, command: cri.StartContainer, reason: str, message: str) -> None:
        self.emit(
            events.ContainerStartFailed(
                pod=command.pod,
                name=command.name,
                attempt=command.attempt,
                reason=reason,
                message=message,
            )
        )

    def _started(self, container: Container) -> None:
        self.emit(
            events.ContainerStarted(
                pod=container.sandbox.pod,
                name=container.name,
                attempt=container.attempt,
                container_id=container.id,
                image_id=container.image_id,
                time=container.started_at,
            )
        )

    def _watch(self, container: Container) -> None:
        """Notice the end of *container*, now or later."""
        try:
            container.exit = processes.on_exit(container.pid, lambda: self._has_ended(container))
            container.cgroup = exits.cgroups(container.pid)
        except (OSError, OverflowError, ValueError):
            self._spawn(self._ended(container, oom=False))

    def _has_ended(self, container: Container) -> None:
        container.exit = None
        self._spawn(self._ended(container, oom=exits.oom_kills(container.cgroup) > 0))

    async def _ended(self, container: Container, *, oom: bool) -> None:
        if container.is_exit_awaited:
            return
        container.is_exit_awaited = True
        code = await exits.exit_code(self.client, container.id, self.exits)
        if container.finished_at:
            return
        container.pid = 0
        container.finished_at = self.clock()
        container.exit_code = code
        container.oom_killed = oom and code == 137
        container.message = exits.termination_message(container.message_file)
        self.emit(
            events.ContainerExited(
                pod=container.sandbox.pod,
                name=container.name,
                attempt=container.attempt,
                container_id=container.id,
                exit_code=code,
                time=container.finished_at,
                signal=code - 128 if 128 < code <= 192 else 0,
                oom_killed=container.oom_killed,
                message=container.message,
            )
        )

    async def _stop(self, command: cri.StopContainer) -> None:
        container = self.containers.get(command.container_id)
        if container is None or not container.is_running:
            return
        await self._signal(container.id, container.stop_signal if command.grace > 0 else "SIGKILL")
        if command.grace > 0:
            loop = asyncio.get_running_loop()
            loop.call_later(command.grace, self._kill_late, container)

    def _kill_late(self, container: Container) -> None:
        if container.is_running:
            self._spawn(self._signal(container.id, "SIGKILL"))

    async def _signal(self, container_id: str, name: str) -> None:
        container = self.containers.get(container_id)
        if container is None or not container.is_running:
            return
        if send_signal(container, name):
            return
        with contextlib.suppress(PodmanError):  # it ended by itself meanwhile
            await self.client.post(f"/containers/{container_id}/kill", signal=name)

    async def _remove(self, command: cri.RemoveContainer, pod: cri.PodIdentity) -> None:
        await self.client.delete(f"/containers/{command.container_id}", force="true", timeout="0")
        container = self.containers.pop(command.container_id, None)
        if container is not None:
            container.sandbox.containers.pop(container.id, None)
            for path in (container.log, container.message_file):
                if path is not None:
                    path.unlink(missing_ok=True)
        self.emit(events.ContainerRemoved(pod=pod, container_id=command.container_id))

    async def _check(self, command: cri.RunCheck) -> None:
        container = self.containers.get(command.container_id)
        if container is None or not container.is_running:
            success, message = False, "the container is not running"
        else:
            verdict = await self.checker.run(command, container)
            success, message = verdict.success, verdict.message
        self.emit(
            events.CheckFinished(
                token=command.token,
                container_id=command.container_id,
                success=success,
                message=message,
            )
        )

    def _volumes(self, pod: cri.PodIdentity) -> PodVolumes:
        folder = self.owner.pod_folder(pod) / "volumes"
        return PodVolumes(folder, SHM / f"kubarium-{self.owner.instance}" / pod.uid)


NOBODY = cri.PodIdentity(namespace="", name="", uid="")

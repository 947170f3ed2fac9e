"""One node from power-on to power-off: commands in their order, the sandboxes, what is reported.

It decides nothing: what should run, and whether to try again, is the kubelet's business.
"""

import asyncio
import contextlib
import json
import logging
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import attrs

from engine.adapters.podman import images, pod_files, processes
from engine.adapters.podman.addresses import Addresses
from engine.adapters.podman.checks import Checker, Verdict
from engine.adapters.podman.client import PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.containers import Containers
from engine.adapters.podman.disturbing.disturber import Disturber
from engine.adapters.podman.pod_cgroup import PodCgroups
from engine.adapters.podman.ports import HostPorts
from engine.adapters.podman.records import BOOT, INSTANCE, NODE, Container, Owner, Sandbox
from engine.adapters.podman.sandbox import SandboxStrategy
from engine.adapters.podman.signals import send_signal
from engine.adapters.podman.sizes import measure_storage
from engine.adapters.podman.tasks import Tasks
from engine.adapters.podman.userdata import UserData
from engine.adapters.podman.volumes import PodVolumes, VolumeDriver
from engine.cri import commands as cri
from engine.cri import events
from engine.cri.runtime import Emit
from engine.errors import AdapterError

log = logging.getLogger(__name__)

NOBODY = cri.PodIdentity(namespace="", name="", uid="")
SWEEP_TRIES = 5
CLOSE_SECONDS = 3.0  # what is under way may end in order


@attrs.frozen(kw_only=True)
class Surroundings:
    """What all machines of a cluster share.

    While *available* is not set (Podman is away) commands wait; for *own_images* (the demo image
    is loaded) those wait that pull one of them. *images_changed* tells all nodes what there is.
    """

    client: PodmanClient
    strategy: SandboxStrategy
    checker: Checker
    clock: Callable[[], float]
    available: asyncio.Event
    own_images: asyncio.Event
    loop: asyncio.AbstractEventLoop
    pulls: images.ImagePulls
    images_changed: Callable[[], Awaitable[None]]
    exits: Path | None = None
    userdata: UserData | None = None
    cgroups: PodCgroups = attrs.field(factory=PodCgroups)
    host_resolv: str = ""
    host_hosts: str = ""
    oci_runtime: str = ""
    has_slices: bool = False
    drivers: Mapping[str, VolumeDriver] = attrs.field(factory=dict)
    disturber: Disturber | None = None


@attrs.define(eq=False)
class Machine:
    """One boot of one node."""

    around: Surroundings
    owner: Owner
    addresses: Addresses
    ports: HostPorts
    emit: Emit
    sandboxes: dict[str, Sandbox] = attrs.field(factory=dict, init=False)
    containers: Containers = attrs.field(init=False)
    pull_queue: images.PullQueue = attrs.field(factory=images.PullQueue, init=False)
    tasks: Tasks = attrs.field(init=False)
    _waiting: dict[str, deque[tuple[cri.Command, cri.PodIdentity]]] = attrs.field(
        factory=dict, init=False
    )
    _is_on: bool = attrs.field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self.tasks = Tasks(self.owner.node, self.around.loop)
        self.containers = Containers(
            client=self.around.client,
            owner=self.owner,
            strategy=self.around.strategy,
            emit=self.report,
            clock=self.around.clock,
            tasks=self.tasks,
            exits=self.around.exits,
            userdata=self.around.userdata,
            stop_signal_of=self.around.pulls.stop_signal,
            drivers=self.around.drivers,
            lost=self._lost,
            has_slices=self.around.has_slices,
        )

    def report(self, event: events.RuntimeEvent) -> None:
        """Pass *event* on, unless the power is off."""
        if self._is_on:
            self.emit(event)

    def submit(self, command: cri.Command) -> None:
        """Have *command* done, after what was submitted for the same pod before."""
        if isinstance(command, cri.RunCheck):
            self.tasks.spawn(self._check(command))
            return
        pod = self._pod_of(command)
        waiting = self._waiting.get(pod.uid)
        if waiting is None:
            self._waiting[pod.uid] = waiting = deque()
            self.tasks.spawn(self._do_all(pod.uid, waiting))
        waiting.append((command, pod))

    async def adopt(self, sandbox: Sandbox, containers: list[Container]) -> None:
        """Take over what an earlier run of us left running."""
        self.sandboxes[sandbox.id] = sandbox
        if not sandbox.is_stopped:
            self._watch(sandbox)
            try:
                await self.ports.open(sandbox.pod.uid, sandbox.ip, sandbox.ports)
            except AdapterError as error:
                log.warning("host ports lost pod=%s error=%s", sandbox.pod.name, error)
        if sandbox.ip:
            self.addresses.claim(sandbox.ip)
        for container in containers:
            self.containers.adopt(container)

    def power_off(self) -> None:
        """Kill everything at once and report nothing any more; call `sweep` afterwards."""
        self._is_on = False
        self.ports.close_all()
        if self.around.disturber is not None:
            for sandbox in self.sandboxes.values():
                self.around.disturber.forget(sandbox.pod.uid)
        for container in self.containers.by_id.values():
            send_signal(container, "SIGKILL")
        for sandbox in self.sandboxes.values():
            sandbox.unwatch()
            if sandbox.pause:
                processes.kill(sandbox.pause, marker=self.owner.marker)

    async def sweep(self) -> None:
        """Remove what is left of this machine after its power was cut."""
        await self.tasks.settle()  # what was being made is in our books then
        filters = json.dumps(
            {
                "label": [
                    f"{INSTANCE}={self.owner.instance}",
                    f"{NODE}={self.owner.node}",
                    f"{BOOT}={self.owner.boot}",
                ]
            }
        )
        client = self.around.client
        for _ in range(SWEEP_TRIES):
            await self.around.available.wait()
            with contextlib.suppress(PodmanGone, PodmanError):
                for pod in await client.get("/pods/json", filters=filters) or []:
                    await client.delete(f"/pods/{pod['Id']}", force="true", timeout="0")
                break
            await asyncio.sleep(0.5)
        for sandbox in self.sandboxes.values():
            self.containers.forget(sandbox)
            await self.around.strategy.remove(sandbox, self.owner)
            self.around.cgroups.remove(sandbox.id)
            self.addresses.release(sandbox.ip)
            await self._volumes(sandbox.pod).remove(sandbox.pod)
        shutil.rmtree(self.owner.folder, ignore_errors=True)
        shutil.rmtree(self.owner.small_folder, ignore_errors=True)

    async def close(self) -> None:
        """Forget everything under way; what runs in Podman is left as it is."""
        self._is_on = False
        self.ports.close_all()
        await self.tasks.cancel(after=CLOSE_SECONDS)
        for container in self.containers.by_id.values():
            if container.exit is not None:
                container.exit.cancel()
        for sandbox in self.sandboxes.values():
            sandbox.unwatch()

    def _volumes(self, pod: cri.PodIdentity) -> PodVolumes:
        return PodVolumes.of(self.owner, pod, self.around.drivers)

    def _pod_of(self, command: cri.Command) -> cri.PodIdentity:
        if isinstance(command, cri.RemoveImage):
            return NOBODY
        if isinstance(command, cri.StopSandbox | cri.RemoveSandbox):
            sandbox = self.sandboxes.get(command.sandbox_id)
            return sandbox.pod if sandbox else NOBODY
        if isinstance(
            command,
            cri.StopContainer
            | cri.SignalContainer
            | cri.RemoveContainer
            | cri.UpdateResources
            | cri.RunCheck,
        ):
            container = self.containers.by_id.get(command.container_id)
            return container.sandbox.pod if container else NOBODY
        return command.pod

    async def _do_all(self, uid: str, waiting: deque[tuple[cri.Command, cri.PodIdentity]]) -> None:
        """Do what is *waiting* for one pod, one after the other, until nothing is left."""
        try:
            while waiting:
                try:
                    await self._do(*waiting.popleft())
                except Exception:
                    log.exception("command failed node=%s", self.owner.node)
        finally:
            del self._waiting[uid]

    async def _do(self, command: cri.Command, pod: cri.PodIdentity) -> None:
        while self._is_on:
            await self.around.available.wait()
            try:
                await self._dispatch(command, pod)
            except PodmanGone as error:
                log.info("command waits node=%s error=%s", self.owner.node, error)
                await asyncio.sleep(0.1)  # time for the host to notice
                continue
            return

    async def _dispatch(  # noqa: C901 - one case a command
        self, command: cri.Command, pod: cri.PodIdentity
    ) -> None:
        match command:
            case cri.CreateSandbox():
                await self._create_sandbox(command)
            case cri.StopSandbox():
                await self._stop_sandbox(command, pod)
            case cri.RemoveSandbox():
                await self._remove_sandbox(command, pod)
            case cri.PullImage():
                await self._pull(command)
            case cri.RemoveImage():
                await self._remove_image(command)
            case cri.UpdateVolume() if command.volume.driver:
                await self._grow(command)
            case cri.UpdateVolume():
                with contextlib.suppress(AdapterError):
                    self._volumes(command.pod).provide(command.volume)
            case cri.StartContainer():
                sandbox = self.sandboxes.get(command.sandbox_id)
                await self.containers.start(command, sandbox)
            case cri.StopContainer():
                await self.containers.stop(command)
            case cri.SignalContainer():
                await self.containers.signal(command.container_id, command.signal)
            case cri.RemoveContainer():
                await self.containers.remove(command.container_id, pod)
            case cri.UpdateResources():
                await self.containers.update(command)
            case cri.MeasureStorage():
                folder, known = self._volumes(pod).folder, dict(self.containers.by_id)
                self.report(await asyncio.to_thread(measure_storage, command, folder, known))

    async def _grow(self, command: cri.UpdateVolume) -> None:
        error = ""
        try:
            await self._volumes(command.pod).grow(command.volume)
        except (AdapterError, OSError) as failed:
            error = str(failed)
        self.report(events.VolumeResized(pod=command.pod, volume=command.volume.name, error=error))

    async def _create_sandbox(self, command: cri.CreateSandbox) -> None:
        for sandbox in self.sandboxes.values():
            if (sandbox.pod.uid, sandbox.attempt) == (command.pod.uid, command.attempt):
                self._sandbox_ready(sandbox)
                return
        ip = ""
        try:
            self._check_handler(command.runtime_handler)
            if not command.host_network:
                ip = self.addresses.take()
            pod_files.make(
                command,
                self.owner,
                ip=ip,
                host_resolv=self.around.host_resolv,
                host_hosts=self.around.host_hosts,
            )
            await self.ports.open(command.pod.uid, ip, command.ports)
            sandbox = await self.around.strategy.create(command, self.owner, ip=ip)
        except PodmanGone:
            self._release(command.pod, ip)
            raise
        except (AdapterError, OSError) as error:
            self._release(command.pod, ip)
            self.report(events.SandboxFailed(pod=command.pod, message=str(error)))
            return
        sandbox.resources, sandbox.hostname = command.resources, command.hostname
        self.sandboxes[sandbox.id] = sandbox
        self._watch(sandbox)
        self._sandbox_ready(sandbox)

    def _watch(self, sandbox: Sandbox) -> None:
        """Notice when the process that holds the namespaces is killed."""
        if sandbox.pause:
            with contextlib.suppress(OSError):
                sandbox.exit = processes.on_exit(sandbox.pause, lambda: self._lost(sandbox))

    def _lost(self, sandbox: Sandbox) -> None:
        """A sandbox whose process has ended, and not by us, is of no use: away with it."""
        sandbox.exit = None
        if self._is_on and self.sandboxes.get(sandbox.id) is sandbox and sandbox.pause:
            log.warning("sandbox lost pod=%s node=%s", sandbox.pod.name, self.owner.node)
            self.submit(cri.RemoveSandbox(sandbox_id=sandbox.id))

    def _check_handler(self, handler: str) -> None:
        if handler not in {"", self.around.oci_runtime}:
            raise AdapterError(
                f'failed to get sandbox runtime: no runtime for "{handler}" is configured'
            )

    def _release(self, pod: cri.PodIdentity, ip: str) -> None:
        self.addresses.release(ip)
        self.ports.close(pod.uid)

    def _sandbox_ready(self, sandbox: Sandbox) -> None:
        self.report(
            events.SandboxReady(
                pod=sandbox.pod, sandbox_id=sandbox.id, ip=sandbox.ip, attempt=sandbox.attempt
            )
        )

    async def _stop_sandbox(self, command: cri.StopSandbox, pod: cri.PodIdentity) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        if sandbox is not None and not sandbox.is_stopped:
            sandbox.unwatch()
            await self.containers.kill_all(sandbox)
            await self.around.strategy.stop(sandbox, self.owner)
            self.around.cgroups.remove(sandbox.id)
            await self._give_back(sandbox)
        self.report(events.SandboxStopped(pod=pod, sandbox_id=command.sandbox_id))

    async def _remove_sandbox(self, command: cri.RemoveSandbox, pod: cri.PodIdentity) -> None:
        sandbox = self.sandboxes.get(command.sandbox_id)
        if sandbox is not None:
            sandbox.unwatch()
            await self.containers.kill_all(sandbox)
            await self.around.strategy.remove(sandbox, self.owner)
            self.containers.forget(sandbox)
            if not sandbox.is_stopped:
                if sandbox.resources is not None:
                    self.around.cgroups.remove(sandbox.id)
                await self._give_back(sandbox)
            del self.sandboxes[sandbox.id]
            if not any(other.pod.uid == pod.uid for other in self.sandboxes.values()):
                pod_files.remove(sandbox, self.owner.pod_folder(pod))
        self.report(events.SandboxRemoved(pod=pod, sandbox_id=command.sandbox_id))

    async def _give_back(self, sandbox: Sandbox) -> None:
        """Give back what the sandbox, whose processes have ended, had of the node."""
        pod = sandbox.pod
        self._release(pod, sandbox.ip)
        sandbox.ip, sandbox.is_stopped = "", True
        if self.around.disturber is not None:
            self.around.disturber.forget(pod.uid)
        pods = (other.pod.uid for other in self.sandboxes.values() if not other.is_stopped)
        if pod.uid not in pods:
            await self._volumes(pod).remove(pod)

    async def _pull(self, command: cri.PullImage) -> None:
        if command.image.startswith(images.OURS):
            await self.around.own_images.wait()
        outcome = await self.around.pulls.ensure(command, self.pull_queue, self.report)
        is_new = False
        if isinstance(outcome, events.ImagePulled):
            is_new = not outcome.was_present
            self.containers.image_ids[command.image] = outcome.image_id
        self.report(outcome)
        if is_new:
            await self.around.images_changed()

    async def _remove_image(self, command: cri.RemoveImage) -> None:
        name = command.image.removeprefix("sha256:")
        with contextlib.suppress(PodmanError):  # in use, or gone
            await self.around.client.delete(f"/images/{name}")
            self.around.pulls.forget()
            await self.around.images_changed()

    async def _check(self, command: cri.RunCheck) -> None:
        container = self.containers.by_id.get(command.container_id)
        if container is None or not container.is_running:
            verdict = Verdict(success=False, message="the container is not running")
        else:
            verdict = await self.around.checker.run(command, container)
        self.report(verdict.answer(command))

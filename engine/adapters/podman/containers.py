"""The containers of one node in Podman: made, started, watched until they end, removed.

It reports what happens; the order of commands is `Machine`'s business.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from engine.adapters.podman import exits, files, parse, processes, specs
from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.adapters.podman.image_accounts import ImageAccounts
from engine.adapters.podman.log_rotation import remove_log
from engine.adapters.podman.pod_cgroup import limit_pod
from engine.adapters.podman.records import Container, Owner, Sandbox
from engine.adapters.podman.sandbox import SandboxStrategy
from engine.adapters.podman.signals import catches, send_signal
from engine.adapters.podman.tasks import Tasks
from engine.adapters.podman.userdata import UserData, started
from engine.adapters.podman.volumes import PodVolumes, VolumeDriver, VolumeFailure
from engine.cri import commands as cri
from engine.cri import events
from engine.cri.runtime import Emit
from engine.errors import AdapterError

KILLED_SECONDS = 5.0
YOUNG_SECONDS = 0.5


@attrs.define(eq=False, kw_only=True)
class Containers:
    """Every container of one node, by id.

    Promises:
        * a container's exit is reported once, after its start, whoever caused it;
        * a start that fails leaves nothing behind.
    """

    client: PodmanClient
    owner: Owner
    strategy: SandboxStrategy
    emit: Emit
    clock: Callable[[], float]
    tasks: Tasks
    exits: Path | None
    userdata: UserData | None = None
    stop_signal_of: Callable[[str], str] = str
    drivers: Mapping[str, VolumeDriver] = attrs.field(factory=dict)
    image_ids: dict[str, str] = attrs.field(factory=dict)
    lost: Callable[[Sandbox], object] = bool
    has_slices: bool = False
    by_id: dict[str, Container] = attrs.field(factory=dict, init=False)
    _accounts: ImageAccounts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._accounts = ImageAccounts(self.client)

    def adopt(self, container: Container) -> None:
        """Take over a container that was there before us."""
        container.sandbox.containers[container.id] = self.by_id[container.id] = container
        if container.is_running:
            self._watch(container)

    def reconcile(self) -> None:
        """Look again at every container whose end may have been missed."""
        for container in self.by_id.values():
            if container.is_running and container.exit is None:
                self.tasks.spawn(self._ended(container, oom=None))

    async def start(  # noqa: C901 - one branch for each way to fail
        self, command: cri.StartContainer, sandbox: Sandbox | None
    ) -> None:
        """Create and start a container, or answer for the one that was started before."""
        if sandbox is None or sandbox.is_stopped:
            self._not_started(command, "CreateContainerError", "its sandbox is gone")
            return
        for known in sandbox.containers.values():
            if (known.name, known.attempt) == (command.name, command.attempt):
                self._started(known)
                return
        try:
            mounts, devices = await prepare_files(command, self.owner, self.drivers)
        except VolumeFailure as error:
            self._not_started(command, "FailedMount", str(error))
            return
        except (AdapterError, OSError) as error:
            self._not_started(command, "CreateContainerConfigError", str(error))
            return
        namespaces = self.strategy.namespaces(sandbox)
        target = self.by_id.get(command.join_process_of)
        if target is not None and target.pid:
            namespaces = {
                **namespaces,
                "pidns": {"nsmode": "path", "value": f"/proc/{target.pid}/ns/pid"},
            }
        image = self.image_ids.get(command.image, command.image)
        security = await self._accounts.settled(command.security, image)
        spec = specs.container_spec(
            attrs.evolve(command, image=image, security=security),
            sandbox,
            self.owner,
            mounts=mounts,
            devices=devices,
            namespaces=namespaces,
            has_slices=self.has_slices,
        )
        try:
            made = await self._create(spec)
        except PodmanError as error:
            self._not_started(command, "CreateContainerError", str(error))
            if "no such pod" in str(error) or "no pod with name or ID" in str(error):
                self.lost(sandbox)
            return
        try:
            await self.client.post(f"/containers/{made}/start")
        except PodmanError as error:
            with contextlib.suppress(AdapterError):
                await self.client.delete(f"/containers/{made}", force="true", timeout="0")
            self._not_started(command, "RunContainerError", str(error))
            return
        container = await self._look_at(made, command, sandbox)
        container.started_at = self.clock()
        container.finished_at = 0.0
        sandbox.containers[container.id] = self.by_id[container.id] = container
        self._started(container)
        self._watch(container)
        if sandbox.resources is not None:
            limit_pod(container.cgroup, sandbox.id, sandbox.resources)

    async def stop(self, command: cri.StopContainer) -> None:
        """Ask the container to end; insist when the grace is over."""
        container = self.by_id.get(command.container_id)
        if container is None or not container.is_running:
            return
        if command.grace > 0:
            await self._until_listening(container)
        await self.signal(container.id, container.stop_signal if command.grace > 0 else "SIGKILL")
        if command.grace > 0:
            loop = asyncio.get_running_loop()
            loop.call_later(command.grace, self._kill_late, container)

    async def _until_listening(self, container: Container) -> None:
        """Give a process that has only just started a moment to set up its signal handler.

        As process 1 of its namespace it would never see a signal that comes before.
        """
        while (  # noqa: ASYNC110 - the kernel tells nobody
            container.is_running
            and self.clock() - container.started_at < YOUNG_SECONDS
            and not catches(container.pid, container.stop_signal)
        ):
            await asyncio.sleep(0.01)

    async def signal(self, container_id: str, name: str) -> None:
        """Send a signal to the container's process, if it runs."""
        container = self.by_id.get(container_id)
        if container is None or not container.is_running or send_signal(container, name):
            return
        with contextlib.suppress(PodmanError):  # it ended by itself meanwhile
            await self.client.post(f"/containers/{container_id}/kill", signal=name)

    async def update(self, command: cri.UpdateResources) -> None:
        """Give a running container other limits and weights; one that has ended gets no answer."""
        container = self.by_id.get(command.container_id)
        if container is None or not container.is_running:
            return
        error = ""
        try:
            limits = specs.resource_limits(command.resources)
            await self.client.post(f"/containers/{container.id}/update", limits)
        except PodmanError as refused:
            error = str(refused)
        self.emit(
            events.ResourcesUpdated(
                pod=container.sandbox.pod,
                name=container.name,
                container_id=container.id,
                error=error,
            )
        )

    async def kill_all(self, sandbox: Sandbox) -> None:
        """Kill what runs in *sandbox*, and wait until its ends have been reported."""
        for container in list(sandbox.containers.values()):
            await self.signal(container.id, "SIGKILL")
        if not sandbox.is_quiet:
            sandbox.quiet = asyncio.get_running_loop().create_future()
            await asyncio.wait((sandbox.quiet,), timeout=KILLED_SECONDS)

    async def remove(self, container_id: str, pod: cri.PodIdentity) -> None:
        """Remove a container with its log; one that is gone already counts as removed."""
        await self.client.delete(f"/containers/{container_id}", force="true", timeout="0")
        container = self.by_id.pop(container_id, None)
        if container is not None:
            container.sandbox.containers.pop(container.id, None)
            if container.message_file is not None:
                container.message_file.unlink(missing_ok=True)
            if container.log is not None:
                remove_log(container.log)
        self.emit(events.ContainerRemoved(pod=pod, container_id=container_id))

    def forget(self, sandbox: Sandbox) -> None:
        """Forget the containers of *sandbox*, which is gone."""
        for container in sandbox.containers.values():
            self.by_id.pop(container.id, None)
            if container.exit is not None:
                container.exit.cancel()

    async def _create(self, spec: dict[str, object]) -> str:
        """Create a container, in place of one of the same name that an interrupted try left."""
        try:
            return str((await self.client.post("/containers/create", spec))["Id"])
        except PodmanError as error:
            if "already in use" not in str(error):
                raise
        await self.client.delete(f"/containers/{spec['name']}", force="true", timeout="0")
        return str((await self.client.post("/containers/create", spec))["Id"])

    async def _look_at(self, made: str, command: cri.StartContainer, sandbox: Sandbox) -> Container:
        """The container *made* by *command*: from its files, if they tell, else from Podman."""
        image_id = self.image_ids.get(command.image, "")
        stop_signal = command.stop_signal or self.stop_signal_of(image_id)
        if self.userdata is not None and image_id and stop_signal:
            with contextlib.suppress(OSError, ValueError):
                return started(
                    self.userdata,
                    command,
                    sandbox,
                    self.owner,
                    container_id=made,
                    image_id=image_id,
                    stop_signal=stop_signal,
                )
        return parse.container(await self.client.get(f"/containers/{made}/json"), sandbox)

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
                user=container.user,
                stop_signal=container.stop_signal,
            )
        )

    def _watch(self, container: Container) -> None:
        """Notice the end of *container*, now or later."""
        try:
            container.exit = processes.on_exit(container.pid, lambda: self._has_ended(container))
            container.cgroup = exits.cgroups(container.pid)
        except (OSError, OverflowError, ValueError):
            self.tasks.spawn(self._ended(container, oom=None))

    def _has_ended(self, container: Container) -> None:
        container.exit = None
        self.tasks.spawn(self._ended(container, oom=exits.is_out_of_memory(container.cgroup)))

    async def _ended(self, container: Container, *, oom: bool | None) -> None:
        if container.is_exit_awaited:
            return
        container.is_exit_awaited = True
        code = await exits.exit_code(self.client, container.id, self.exits)
        container.pid = 0
        container.finished_at = self.clock()
        container.exit_code = code
        container.oom_killed = code == exits.KILLED and await self._is_out_of_memory(
            container, told=oom
        )
        has_failed = code != 0 and container.message_from_log
        log = container.log if has_failed else None
        container.message = exits.termination_message(container.message_file, log)
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
        sandbox = container.sandbox
        if sandbox.quiet is not None and sandbox.is_quiet and not sandbox.quiet.done():
            sandbox.quiet.set_result(None)

    async def _is_out_of_memory(self, container: Container, *, told: bool | None) -> bool:
        if told is None:  # systemd was quicker to take its cgroup away
            return await exits.asked_for_oom(self.client, container.id)
        return told

    def _kill_late(self, container: Container) -> None:
        if container.is_running:
            self.tasks.spawn(self.signal(container.id, "SIGKILL"))


async def prepare_files(
    command: cri.StartContainer, owner: Owner, drivers: Mapping[str, VolumeDriver]
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Provide the container's volumes and files; its bind mounts and its devices.

    Raises:
        AdapterError: a volume cannot be provided.
        OSError: the disk refuses.
    """
    volumes = PodVolumes.of(owner, command.pod, drivers)
    places = await volumes.provide_all(command.pod, command.volumes)
    mounts = volumes.binds(command.mounts, command.volumes, places)
    files.write(specs.message_file(command, owner), b"", mode=0o666)
    devices = [specs.device(places[one.volume], one.container_path) for one in command.devices]
    return mounts, devices

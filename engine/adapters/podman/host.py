"""Podman as one cluster uses it: the service, the images, the network slot, a runtime per node.

The composition of this adapter; the work is done elsewhere.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import attrs

from engine.adapters import places
from engine.adapters.images.archive import Image, build_archive
from engine.adapters.images.demo import demo_images
from engine.adapters.network.host import link_name
from engine.adapters.network.slots import Slot, SlotRecord, acquire
from engine.adapters.podman.addresses import Addresses
from engine.adapters.podman.adoption import Adoption
from engine.adapters.podman.checks import Checker
from engine.adapters.podman.cleanup import clean_abandoned, kill_pauses, remove_containers, wipe
from engine.adapters.podman.client import PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.disturbing.disturber import Disturber
from engine.adapters.podman.facts import host_file, machine_facts
from engine.adapters.podman.given import GivenPodman, check_address
from engine.adapters.podman.image_volumes import ImageDriver
from engine.adapters.podman.images import ImagePulls, list_images
from engine.adapters.podman.machine import Surroundings
from engine.adapters.podman.plain import Plain
from engine.adapters.podman.preflight import Preflight, inspect_host
from engine.adapters.podman.records import Owner, memory_folder
from engine.adapters.podman.runtime import PodmanRuntime
from engine.adapters.podman.sandbox import Routed, SandboxStrategy
from engine.adapters.podman.service import PodmanService
from engine.adapters.podman.shared_memory import claim
from engine.adapters.volumes.disks import Disks
from engine.adapters.volumes.images import missing_tools
from engine.adapters.volumes.nfs import NfsDriver
from engine.adapters.volumes.sharing import can_share
from engine.adapters.volumes.storage import DiskDriver, DiskStorage
from engine.cri.events import ImagesChanged, RuntimeDown, RuntimeUp
from engine.cri.runtime import Emit
from engine.cri.status import NodeImage, RuntimeInfo
from engine.cri.storage import DRIVERS, Answer
from engine.errors import AdapterError

log = logging.getLogger(__name__)

RESTART_SECONDS = 0.5
USAGE_SECONDS = 5.0
ROOM_ROUNDS = 2
IMAGE_ROUNDS = 12
PING_SECONDS = 5.0
PATIENCE_SECONDS = 10.0
INTERFACE_TRIES = 1500  # the kernel takes network namespaces away one by one


@attrs.define(eq=False, repr=False, kw_only=True)
class PodmanHost:
    """Podman for one cluster: *instance* is its name in labels, *state* its folder.

    The Podman service at *address* is used, or one of our own. With *keeps* the containers go on
    when the cluster stops, and the next start adopts them.

    Promises:
        * `start` returns when containers can be made; images are loaded meanwhile (`images_ready`);
        * a service that dies is started again, and every runtime hears of both;
        * after `stop` without *keeps* nothing of ours is left on the host.
    """

    instance: str
    state: Path
    keeps: bool = False
    clock: Callable[[], float] = time.time
    preflight: Preflight = attrs.field(factory=inspect_host)
    slots: Path | None = None
    address: str = ""
    _slot: Slot | None = attrs.field(default=None, init=False)
    service: PodmanService | GivenPodman = attrs.field(init=False)
    client: PodmanClient = attrs.field(init=False)
    images_ready: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    runtimes: dict[str, PodmanRuntime] = attrs.field(factory=dict, init=False)
    _images: tuple[NodeImage, ...] = attrs.field(default=(), init=False)
    _pulls: ImagePulls = attrs.field(init=False)
    driver: DiskDriver = attrs.field(init=False)
    storage: DiskStorage | None = attrs.field(default=None, init=False)
    _strategy: SandboxStrategy = attrs.field(init=False)
    disturber: Disturber = attrs.field(init=False)
    _around: Surroundings = attrs.field(init=False)
    _checker: Checker = attrs.field(init=False)
    _available: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _own_images: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _tasks: list[asyncio.Task[None]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        if not self.preflight.usable:
            raise AdapterError(self.preflight.reason)
        self.service = (
            GivenPodman(check_address(self.address), self.state)
            if self.address
            else PodmanService.for_host(self.state, self.preflight)
        )
        self.client = PodmanClient(self.service.url)
        self._pulls = ImagePulls(self.client)
        has_images = not missing_tools()
        disks = Disks(self.state / "disks", has_images=has_images, has_shares=can_share())
        self.driver = DiskDriver(disks)
        self._checker = Checker(self.client, enters=self.preflight.enters)

    @property
    def slot(self) -> Slot:
        """The network slot; there is one once `start` was called."""
        assert self._slot is not None
        return self._slot

    async def start(self) -> None:
        """Clean up after the dead, take a slot, start the service, load the images.

        Raises:
            AdapterError: Podman cannot be used; the message says why. Nothing is left running.
        """
        try:
            await self._start()
        except BaseException:
            await self.client.close()
            await self.service.stop()
            if self._slot is not None:
                if not self.keeps:
                    await asyncio.to_thread(wipe, self.state)
                self._slot.release(is_kept=self.keeps)
                self._slot = None
            raise

    async def _start(self) -> None:
        await clean_abandoned(self.slots)
        claim(self.state)
        record = SlotRecord(
            instance=self.instance,
            state=str(self.state),
            pid=os.getpid(),
            is_kept=self.keeps,
            address=self.address,
        )
        self._slot = acquire(record, folder=self.slots)
        self._strategy = (
            Routed(self.client, self._slot, places.network())
            if self.preflight.is_routed
            else Plain(self.client)
        )
        self.disturber = Disturber(
            self.state / "disturbances",
            self.slot,
            self.preflight.is_routed and self.preflight.enters,
            asyncio.get_running_loop(),
        )
        await self.disturber.recover()
        self._around = Surroundings(
            client=self.client,
            strategy=self._strategy,
            checker=self._checker,
            clock=self.clock,
            available=self._available,
            own_images=self._own_images,
            loop=asyncio.get_running_loop(),
            exits=self.service.exits,
            userdata=self.service.userdata,
            host_resolv=host_file(Path("/etc/resolv.conf")),
            host_hosts=host_file(Path("/etc/hosts")),
            oci_runtime=self.preflight.runtime,
            has_slices=self.preflight.has_slices,
            drivers={
                **dict.fromkeys(DRIVERS, self.driver),
                "image": ImageDriver(self.client),
                "nfs": NfsDriver(),
            },
            pulls=self._pulls,
            images_changed=self._images_changed,
            disturber=self.disturber,
        )
        await self.service.start()
        if not self.keeps:
            await self._remove_leftovers()
        self._available.set()
        self.images_ready = asyncio.create_task(self._load_images())
        self._tasks = [
            asyncio.create_task(self._supervise()),
            asyncio.create_task(self._measure()),
            asyncio.create_task(self._watch_over()),
        ]

    def runtime(self, node: str, index: int, emit: Emit) -> PodmanRuntime:
        """The runtime of node number *index*; call `adopt` on the host once all nodes are there."""
        runtime = PodmanRuntime(
            around=self._around,
            owner=Owner(instance=self.instance, node=node, state=self.state),
            addresses=Addresses(self.slot.node_pod_cidr(index).rpartition(".")[0]),
            address=self.slot.node_address(index),
            emit=emit,
            facts=self.facts(),
        )
        runtime.images = self._images
        self.runtimes[node] = runtime
        return runtime

    def make_storage(self, answer: Answer) -> DiskStorage:
        """The storage of the cluster; its answers go to *answer*."""
        self.storage = DiskStorage(self.driver.disks, answer)
        return self.storage

    async def adopt(self, pods: Collection[str] = ()) -> None:
        """Give the runtimes what an earlier run left; remove what no longer has a node.

        The *pods* that exist (uids) keep their files, whatever has become of their containers.
        """
        adoption = Adoption(
            instance=self.instance,
            state=self.state,
            slot=self.slot,
            around=self._around,
            driver=self.driver,
            runtimes=self.runtimes,
        )
        await adoption.run(pods)

    async def stop(self) -> None:
        """Stop; without *keeps* remove everything, with it leave the containers running.

        Stopping twice, or what was never started, is allowed.
        """
        if self._slot is None:
            return
        for task in [*self._tasks, *([self.images_ready] if self.images_ready else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, AdapterError):
                await task
        await self.disturber.close()
        await asyncio.gather(*(runtime.close() for runtime in self.runtimes.values()))
        await self._pulls.close()
        await self._checker.close()
        self._strategy.close()
        if self.storage is not None:
            await self.storage.close()
        if not self.keeps:
            with contextlib.suppress(AdapterError):
                await self._remove_leftovers()
            await self._around.cgroups.finish()
            await self._wait_for_interfaces()
        await self.client.close()
        await self.service.stop()
        if not self.keeps:
            await asyncio.to_thread(wipe, self.state)
        elif not any(one.machine.sandboxes for one in self.runtimes.values()):
            shutil.rmtree(memory_folder(self.state), ignore_errors=True)
        self.slot.release(is_kept=self.keeps)
        self._slot = None

    async def _remove_leftovers(self) -> None:
        try:
            await remove_containers(self.client, self.instance)
        finally:
            kill_pauses(self.state)

    async def _wait_for_interfaces(self) -> None:
        """Wait until the kernel, in its own time, has taken away the pods' interfaces."""
        for _ in range(INTERFACE_TRIES):
            if not any(
                name.startswith(self.slot.veth_prefix) and not name.startswith(link_name(self.slot))
                for _, name in socket.if_nameindex()
            ):
                return
            await asyncio.sleep(0.01)

    async def _load_images(self) -> None:
        """Build and load our images, unless the store has the very same already.

        Raises:
            AdapterError: Podman refuses; pods that ask for one of our images fail then.
        """
        try:
            images = await asyncio.to_thread(demo_images)
            while True:
                await self._available.wait()
                with contextlib.suppress(PodmanGone):
                    await self._load_missing(images)
                    break
                await asyncio.sleep(RESTART_SECONDS)
        except (AdapterError, OSError, subprocess.SubprocessError) as error:
            log.warning("own images were not loaded error=%s", error)
            raise AdapterError(f"the demo image could not be loaded: {error}") from error
        finally:
            self._own_images.set()

    async def _load_missing(self, images: Sequence[Image]) -> None:
        known = {found["Id"] for found in await self.client.get("/images/json") or []}
        missing = [image for image in images if image.id.removeprefix("sha256:") not in known]
        if missing:
            await self.client.load_image(await asyncio.to_thread(build_archive, missing))
        await self._images_changed()

    async def _images_changed(self) -> None:
        """Tell every node what images there are now, if that is other than before."""
        try:
            found = await list_images(self.client)
        except PodmanError as error:  # one of them has just been removed: look again later
            log.debug("images not listed error=%s", error)
            return
        if self.address:  # none of them is ours to remove
            found = tuple(attrs.evolve(image, is_pinned=True) for image in found)
        self._images = found
        for runtime in self.runtimes.values():
            if runtime.images != found:
                runtime.images = found
                runtime.report(ImagesChanged(images=found))

    async def _supervise(self) -> None:
        """Start the service again whenever it ends; tell the runtimes."""
        while True:
            code = await self.service.wait()
            self._available.clear()
            log.warning("podman service ended code=%s", code)
            for runtime in self.runtimes.values():
                runtime.report(RuntimeDown(message=f"the Podman service ended with code {code}"))
            await self.client.reset()
            while True:
                try:
                    await self.service.start()
                    break
                except (AdapterError, OSError) as error:  # a full disk, for one
                    log.warning("podman service does not start error=%s", error)
                    await asyncio.sleep(RESTART_SECONDS)
            self._back_again()

    def _back_again(self) -> None:
        self._available.set()
        for runtime in self.runtimes.values():
            runtime.report(RuntimeUp(version=self.preflight.version))
            runtime.reconcile()

    async def _watch_over(self) -> None:
        """Notice a service that lives and does not answer: tell it, and in the end replace it."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if not self._available.is_set() or await self.client.answers(PATIENCE_SECONDS):
                continue
            if not self._available.is_set():
                continue  # it has ended, and `_supervise` knows
            self._available.clear()
            log.warning("podman service does not answer")
            for runtime in self.runtimes.values():
                runtime.report(RuntimeDown(message="the Podman service does not answer"))
            if await self.client.answers(PATIENCE_SECONDS):
                self._back_again()
            else:
                self.service.kill()  # `_supervise` starts another

    async def _measure(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(USAGE_SECONDS)
            for runtime in tuple(self.runtimes.values()):
                runtime.measure()
                runtime.rotate_logs()
            self._around.cgroups.sweep()
            rounds += 1
            if rounds % ROOM_ROUNDS == 1:
                await self._measure_room()
            if rounds % IMAGE_ROUNDS == 0 and self._available.is_set():
                with contextlib.suppress(PodmanGone):
                    await self._images_changed()

    async def _measure_room(self) -> None:
        for runtime in tuple(self.runtimes.values()):
            with contextlib.suppress(OSError):
                runtime.report(await asyncio.to_thread(runtime.measure_room))

    def facts(self) -> RuntimeInfo:
        """What every node says of itself: the size and make of this machine."""
        return machine_facts(self.state, self.preflight)

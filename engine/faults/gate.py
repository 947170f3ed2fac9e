"""Stands between a kubelet and its container runtime, and lets pulls and probes fail on purpose."""

from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

from engine.client.link import Link
from engine.cri import events
from engine.cri.commands import Command, PodIdentity, PullImage, RunCheck
from engine.cri.disturbance import Disturbance
from engine.cri.events import RuntimeEvent
from engine.cri.image_name import full_name
from engine.cri.runtime import Emit, LogOptions, Runtime
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.streams import StreamIO, StreamOptions
from engine.faults.component_runtime import ComponentRuntime
from engine.kernel.loop import Loop

PullRule = Callable[[PullImage], str | float | None]
"""Why a pull fails, by how many seconds it is late, or None if it is not concerned."""

CheckRule = Callable[[RunCheck], bool]
"""Whether a check fails on purpose."""


@attrs.define(eq=False, repr=False, kw_only=True)
class RuntimeGate:
    """A `Runtime` that passes everything on, but for what its rules concern.

    *emit* is the kubelet's ear; *on_failed* hears of disturbances that could not begin. Streams
    come over the kubelet's *link*: they are as late as it is slow, waiting by *pause*.
    """

    loop: Loop
    runtime: Runtime
    emit: Emit
    components: ComponentRuntime | None = attrs.field(default=None)
    link: Link | None = None
    pause: Callable[[], Awaitable[None]] | None = None
    on_failed: Callable[[str, str], object] = attrs.field(default=lambda _id, _message: None)
    pull_rules: dict[str, PullRule] = attrs.field(factory=dict, init=False)
    check_rules: dict[str, CheckRule] = attrs.field(factory=dict, init=False)

    @property
    def has_apiserver(self) -> bool:
        """Whether the API server runs here, as one of the components."""
        return self.components is not None and self.components.has_component("kube-apiserver")

    def on_event(self, event: RuntimeEvent) -> None:
        """Take an event of the runtime."""
        if isinstance(event, events.DisturbanceFailed):
            self.on_failed(event.disturbance_id, event.message)
        else:
            self.emit(event)

    def submit(self, command: Command) -> None:
        """Have *command* done, unless a rule says otherwise."""
        if self.components is not None and self.components.owns(command):
            self.components.submit(command)
        elif isinstance(command, PullImage) and self.pull_rules:
            self._pull(command)
        elif isinstance(command, RunCheck) and any(
            rule(command) for rule in self.check_rules.values()
        ):
            self.loop.call_later(command.timeout, self.emit, _failed_check(command))
        else:
            self.runtime.submit(command)

    def _pull(self, command: PullImage) -> None:
        if command.only_if_absent and self._has(command.image):
            self.runtime.submit(command)
            return
        for rule in self.pull_rules.values():
            found = rule(command)
            if isinstance(found, str):
                failed = events.ImagePullFailed(
                    pod=command.pod, image=command.image, reason="ErrImagePull", message=found
                )
                self.loop.call_later(0.2, self.emit, failed)
                return
            if found is not None:
                self.loop.call_later(found, self.runtime.submit, command)
                return
        self.runtime.submit(command)

    def _has(self, image: str) -> bool:
        name = full_name(image)
        return any(name in found.names or image in found.names for found in self.list_images())

    def info(self) -> RuntimeInfo:
        """Name, version and capacity."""
        return self.runtime.info()

    def power_off(self) -> None:
        """Kill and forget everything at once."""
        if self.components is not None:
            self.components.power_off()
        self.runtime.power_off()

    def begin(self, disturbance: Disturbance) -> None:
        """Disturb a pod."""
        self.runtime.begin(disturbance)

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance."""
        self.runtime.end(disturbance_id)

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has."""
        found = self.runtime.list_sandboxes()
        return found if self.components is None else (*self.components.list_sandboxes(), *found)

    def list_images(self) -> tuple[NodeImage, ...]:
        """The images of this node."""
        found = self.runtime.list_images()
        return found if self.components is None else (*self.components.images(), *found)

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers use."""
        return self.runtime.usage()

    def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log."""
        if self.components is not None and self.components.has(container_id):
            return self._late(self.components.logs(container_id, options))
        return self._late(self.runtime.logs(container_id, options))

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """Run a command in the container."""
        await self._come_through()
        if self.components is not None and self.components.has(container_id):
            return await self.components.exec(container_id, options, io)
        return await self.runtime.exec(container_id, options, io)

    async def attach(self, container_id: str, options: StreamOptions, io: StreamIO) -> None:
        """Join *io* to the container's own process."""
        await self._come_through()
        await self.runtime.attach(container_id, options, io)

    async def forward(self, pod: PodIdentity, port: int, io: StreamIO) -> None:
        """Join *io* to a port of the pod."""
        await self._come_through()
        await self.runtime.forward(pod, port, io)

    async def _late(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            await self._come_through()
            async for piece in pieces:
                yield piece
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    async def _come_through(self) -> None:
        """Wait as long as there and back takes."""
        if self.link is None or self.pause is None:
            return
        until = self.loop.now + 2 * self.link.delay
        while self.loop.now < until:
            await self.pause()


def _failed_check(command: RunCheck) -> events.CheckFinished:
    return events.CheckFinished(
        token=command.token,
        container_id=command.container_id,
        success=False,
        message="context deadline exceeded",
    )

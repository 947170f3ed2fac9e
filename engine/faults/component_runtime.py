"""Containers that are parts of this very process: ending one stops that part of the cluster."""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

import attrs

from engine.api.pod import Pod
from engine.cri import commands, events
from engine.cri.commands import Command, PodIdentity
from engine.cri.events import RuntimeEvent
from engine.cri.runtime import LogOptions
from engine.cri.status import NodeImage, ObservedContainer, ObservedSandbox
from engine.cri.streams import STDERR, StreamFailure, StreamIO, StreamOptions
from engine.faults.component_pods import COMPONENT, placed
from engine.kernel.loop import Loop
from engine.simulation.logs import LogLine, select

START_SECONDS = 1.0
STOP_SECONDS = 0.2
LOG_LINES = 1000
Recovery = Callable[[], None]
Stop = Callable[[], Recovery]
"""Stops a component; what it returns starts it again."""


@attrs.define(eq=False)
class _Container:
    """One component on this node: it runs while *revive* is None."""

    component: str
    pod: Pod
    sandbox_id: str
    started_at: float
    attempt: int = 0
    revive: Recovery | None = None
    finished_at: float = 0.0
    exit_code: int = 0
    has_sandbox: bool = True
    log: deque[LogLine] = attrs.field(factory=lambda: deque(maxlen=LOG_LINES))

    @property
    def id(self) -> str:
        """The container's id."""
        return _id(self.pod.metadata.uid, self.component, str(self.attempt))

    @property
    def identity(self) -> PodIdentity:
        """Whose it is."""
        meta = self.pod.metadata
        return PodIdentity(namespace=meta.namespace, name=meta.name, uid=meta.uid)


@attrs.define(eq=False, repr=False, kw_only=True)
class ComponentRuntime:
    """The components of one node as containers: they run already when the kubelet first looks.

    Promises:
        * a component that is killed stops, and works again when the kubelet starts its container;
        * the exit of a container is reported once, with the signal's code.
    """

    loop: Loop
    node: str
    stops: dict[str, Stop]
    emit: Callable[[RuntimeEvent], object]
    pods: Iterable[Pod] = attrs.field(factory=tuple)
    _by_uid: dict[str, _Container] = attrs.field(factory=dict, init=False)
    _boot: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        for manifest in self.pods:
            pod = placed(manifest, self.node)
            name = pod.metadata.annotations[COMPONENT]
            uid = pod.metadata.uid
            self._by_uid[uid] = _Container(
                name, pod, _id(uid, "sandbox", "0"), started_at=self.loop.now
            )

    def owns(self, command: Command) -> bool:
        """Whether *command* is about one of the components."""
        return self._of(command) is not None

    def has_component(self, name: str) -> bool:
        """Whether that component is of this node."""
        return any(found.component == name for found in self._by_uid.values())

    def has(self, container_id: str) -> bool:
        """Whether the container is one of the components."""
        return any(found.id == container_id for found in self._by_uid.values())

    def submit(self, command: Command) -> None:
        """Have *command* done."""
        found = self._of(command)
        assert found is not None
        match command:
            case commands.CreateSandbox():
                found.has_sandbox = True
                self._tell(events.SandboxReady(
                    pod=found.identity, sandbox_id=found.sandbox_id, ip="", attempt=command.attempt
                ), START_SECONDS / 10)  # fmt: skip
            case commands.PullImage():
                self._tell(events.ImagePulled(
                    pod=found.identity, image=command.image, image_id=_id("image", command.image),
                    was_present=True,
                ))  # fmt: skip
            case commands.StartContainer():
                self.loop.call_later(START_SECONDS, self._start, found, command.attempt, self._boot)
            case commands.StopContainer():
                self.loop.call_later(min(STOP_SECONDS, command.grace), self._end, found, 0)
            case commands.SignalContainer():
                number = {"SIGKILL": 137, "SIGTERM": 143, "SIGINT": 130}.get(command.signal)
                if number is not None:
                    self.loop.call_soon(self._end, found, number)
            case commands.RemoveContainer():
                self._tell(
                    events.ContainerRemoved(pod=found.identity, container_id=command.container_id)
                )
            case commands.StopSandbox() | commands.RemoveSandbox():
                self._let_go(found, is_removed=isinstance(command, commands.RemoveSandbox))
            case commands.RunCheck():
                is_up = found.revive is None
                self._tell(events.CheckFinished(
                    token=command.token, container_id=command.container_id, success=is_up,
                    message="ok" if is_up else "connection refused",
                ))  # fmt: skip
            case _:
                return

    def kill(self, component: str) -> bool:
        """Kill a component; whether it ran here."""
        for found in self._by_uid.values():
            if found.component == component and found.revive is None:
                self._end(found, 137)
                return True
        return False

    def freeze(self) -> Recovery:
        """Let every component of the node stand still; what is returned lets them go on."""
        frozen = [
            self.stops[found.component]() for found in self._by_uid.values() if found.revive is None
        ]

        def go_on() -> None:
            while frozen:
                frozen.pop()()

        return go_on

    def power_off(self) -> None:
        """Every component of the node stops, and nothing of it is reported."""
        self._boot += 1
        for found in self._by_uid.values():
            if found.revive is None:
                found.revive = self.stops[found.component]()
            found.has_sandbox = False

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """The components as containers."""
        return tuple(
            ObservedSandbox(
                pod=found.identity,
                sandbox_id=found.sandbox_id,
                ip="",
                containers=(_observed(found),),
            )
            for found in self._by_uid.values()
            if found.has_sandbox
        )

    def images(self) -> tuple[NodeImage, ...]:
        """What the components are made from."""
        names = dict.fromkeys(found.pod.spec.containers[0].image for found in self._by_uid.values())
        return tuple(
            NodeImage(id=_id("image", name), names=(name,), size=30_000_000, is_pinned=True)
            for name in names
        )

    def note(self, component: str, text: str) -> None:
        """Add a line to a component's log."""
        for found in self._by_uid.values():
            if found.component == component and found.revive is None:
                found.log.append(LogLine(self.loop.now, text))

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The component's log."""
        for found in self._by_uid.values():
            if found.id == container_id or container_id.startswith(found.sandbox_id[:8]):
                for piece in select(tuple(found.log), options):
                    yield piece

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """`kill` works; there is nothing else in the image.

        Raises:
            StreamFailure: the component does not run.
        """
        found = next((one for one in self._by_uid.values() if one.id == container_id), None)
        if found is None or found.revive is not None:
            raise StreamFailure("container is not running")
        words = " ".join(options.command).split()
        if "kill" in words:
            self.loop.call_later(0.1, self._end, found, 137)
            return 0
        program = options.command[0] if options.command else ""
        await io.write(f'exec: "{program}": executable file not found in $PATH\n'.encode(), STDERR)
        return 127

    def _of(self, command: Command) -> _Container | None:
        pod = getattr(command, "pod", None)
        if pod is not None:
            return self._by_uid.get(pod.uid)
        wanted = getattr(command, "container_id", "") or getattr(command, "sandbox_id", "")
        for found in self._by_uid.values():
            ids = (
                found.sandbox_id,
                found.id,
                _id(found.pod.metadata.uid, found.component, str(found.attempt - 1)),
            )
            if wanted in ids:
                return found
        return None

    def _let_go(self, found: _Container, *, is_removed: bool) -> None:
        self._end(found, 137)
        found.has_sandbox = not is_removed
        told = events.SandboxRemoved if is_removed else events.SandboxStopped
        self._tell(told(pod=found.identity, sandbox_id=found.sandbox_id))

    def _start(self, found: _Container, attempt: int, boot: int) -> None:
        if boot != self._boot:
            return
        found.attempt = attempt
        if found.revive is not None:
            found.revive()
            found.revive = None
        found.started_at, found.finished_at = self.loop.now, 0.0
        found.log.append(LogLine(self.loop.now, f"{found.component} started, attempt {attempt}"))
        self.emit(
            events.ContainerStarted(
                pod=found.identity,
                name=found.component,
                attempt=attempt,
                container_id=found.id,
                image_id=_id("image", found.pod.spec.containers[0].image),
                time=self.loop.now,
            )
        )

    def _end(self, found: _Container, code: int) -> None:
        if found.revive is not None:
            return
        found.log.append(LogLine(self.loop.now, f"{found.component} ended with code {code}"))
        found.revive = self.stops[found.component]()
        found.finished_at, found.exit_code = self.loop.now, code
        self._tell(
            events.ContainerExited(
                pod=found.identity,
                name=found.component,
                attempt=found.attempt,
                container_id=found.id,
                exit_code=code,
                time=self.loop.now,
                signal=code - 128 if code > 128 else 0,
            )
        )

    def _tell(self, event: RuntimeEvent, seconds: float = 0.0) -> None:
        self.loop.call_later(seconds, self._tell_now, self._boot, event)

    def _tell_now(self, boot: int, event: RuntimeEvent) -> None:
        if boot == self._boot:
            self.emit(event)


def _observed(found: _Container) -> ObservedContainer:
    image = found.pod.spec.containers[0].image
    return ObservedContainer(
        name=found.component,
        attempt=found.attempt,
        container_id=found.id,
        image=image,
        image_id=_id("image", image),
        state="running" if found.revive is None else "exited",
        started_at=found.started_at,
        finished_at=found.finished_at,
        exit_code=found.exit_code,
    )


def _id(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()

"""The contract between a kubelet and a container runtime: commands in, events out."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import attrs

from engine.cri.commands import Command, PodIdentity
from engine.cri.disturbance import Disturbance
from engine.cri.events import RuntimeEvent
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.streams import StreamIO, StreamOptions
from engine.errors import EngineError

Emit = Callable[[RuntimeEvent], None]


class RuntimeFailure(EngineError):  # noqa: N818 - RuntimeError is taken and means something else
    """The runtime refused or could not be reached; the message says what it was asked."""


@attrs.frozen(kw_only=True)
class LogOptions:
    """Which part of a container's log: the last *tail* lines, those since *since*, and so on."""

    follow: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit_bytes: int | None = None


class Runtime(Protocol):
    """The container runtime of one node.

    Promises:
        * `submit` returns at once and never raises; every command that names an answer gets
          exactly one, through the *emit* callable given at construction;
        * commands for one pod take effect in the order they were submitted;
        * commands may be repeated: making what exists, or removing what is gone, is answered as
          success;
        * the exit of a container is reported once, whoever caused it, and after its start;
        * between `RuntimeDown` and `RuntimeUp` commands are kept or fail, but are never lost
          without an answer.
    """

    def submit(self, command: Command) -> None:
        """Have *command* done."""
        ...

    def info(self) -> RuntimeInfo:
        """Name, version and capacity."""
        ...

    def power_off(self) -> None:
        """Kill and forget everything on this node at once, as a power cut does.

        Nothing of it is reported; commands under way get no answer. The node is usable again at
        once, and empty.
        """
        ...

    def begin(self, disturbance: Disturbance) -> None:
        """Disturb a pod on purpose, until `end`; it ends by itself when the pod or container goes.

        What cannot be done is reported as DisturbanceFailed.
        """
        ...

    def end(self, disturbance_id: str) -> None:
        """Undo a disturbance. Ending it twice, or one that has failed, is allowed."""
        ...

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """What this node has, as last known; complete when a kubelet starts."""
        ...

    def list_images(self) -> tuple[NodeImage, ...]:
        """The images of this node, as last known; each change follows as ImagesChanged."""
        ...

    def usage(self) -> tuple[ContainerUsage, ...]:
        """What the running containers use, as last measured."""
        ...

    def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The container's log in pieces. Only adapters iterate over it.

        Raises:
            RuntimeFailure: there is no such container.
        """
        ...

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """Run a command in the container, joined to *io*; its exit code.

        A command that does not exist ends with 127, one that cannot be run with 126, and says so
        on stderr. Cancelled, the command is killed.

        Raises:
            StreamFailure: there is no such container, or it does not run.
        """
        ...

    async def attach(self, container_id: str, options: StreamOptions, io: StreamIO) -> None:
        """Join *io* to the container's own process until that ends.

        Raises:
            StreamFailure: there is no such container, or it does not run.
        """
        ...

    async def forward(self, pod: PodIdentity, port: int, io: StreamIO) -> None:
        """Join *io* to a connection to *port* on the pod's loopback, until both sides are done.

        Raises:
            StreamFailure: the pod has no sandbox here, or nobody listens.
        """
        ...

"""Where the terminal app gets a cluster from: one small contract, embedded or attached.

It knows nothing about Textual. `Session` is its only user.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs

from engine.api.meta import ApiObject
from engine.store.status import StoreStatus

T = TypeVar("T", bound=ApiObject)

OnChange = Callable[[type[ApiObject], str, ApiObject | None, ApiObject | None], None]
"""Called with (kind, key, old, new); old is None for an addition, new is None for a removal."""


@attrs.frozen(kw_only=True)
class ClusterInfo:
    """What the header says about the cluster.

    *now* is the cluster's own time in epoch seconds; *speed* its seconds per second of ours;
    *problem* is empty while everything is in reach.
    """

    context: str
    version: str = ""
    runtime: str = ""
    revision: int = 0
    now: float = 0.0
    speed: float = 1.0
    is_paused: bool = False
    is_attached: bool = False
    is_recording: bool = False
    problem: str = ""


@attrs.frozen(kw_only=True)
class LogOptions:
    """Which part of a container's log is wanted."""

    container: str = ""
    tail_lines: int | None = 200
    follow: bool = True
    previous: bool = False
    timestamps: bool = False


class Controls(Protocol):
    """What only who runs the cluster can do: its clock, and the way out of every fault."""

    def set_speed(self, speed: float) -> None:
        """Let the cluster's time run *speed* times as fast as ours."""

    def pause(self) -> None:
        """Stop the cluster's time."""

    def resume(self) -> None:
        """Let the cluster's time run on."""

    def end_faults(self) -> None:
        """Undo every fault that is in force, whether or not the API server answers."""

    @property
    def is_recording(self) -> bool:
        """Whether what people do is being recorded."""

    def record(self, file: Path) -> None:
        """Record what people do from now on; *file* is written in the end.

        Raises:
            EngineError: it could not be written.
        """

    def stop_recording(self) -> str:
        """Write what was recorded; how much and where, in words.

        Raises:
            EngineError: it cannot be written.
        """


class Source(Protocol):
    """A cluster within reach. Calls raise `engine.errors.EngineError` and nothing else."""

    @property
    def info(self) -> ClusterInfo:
        """The cluster as it is at this moment."""

    @property
    def controls(self) -> Controls | None:
        """The levers, if this source has them."""

    async def start(self, on_change: OnChange) -> None:
        """Report changes to *on_change* from now on, on the asyncio thread."""

    async def panic(self) -> bool:
        """Have all faults undone without the API, where the cluster's process is within reach."""

    async def stop(self) -> None:
        """Report nothing more, and let go of everything."""

    async def watch(self, cls: type[ApiObject]) -> None:
        """Report a kind too: what is there, then every change. Twice is once."""

    async def get(self, cls: type[T], name: str, namespace: str) -> T:
        """The object as it is now."""

    async def list(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind that is not watched."""

    async def at(self, cls: type[T], revision: int) -> tuple[T, ...]:
        """All objects of a kind as they were at *revision* of the store."""

    async def create(self, obj: T) -> T:
        """Store a new object."""

    async def patch(  # noqa: D102 - as Client.patch
        self,
        cls: type[T],
        name: str,
        data: Any,
        *,
        namespace: str = "",
        type: str = "merge",  # noqa: A002 - the field's word
        subresource: str = "",
    ) -> T: ...

    async def replace(self, obj: T) -> T:
        """Replace an object that was read at its resourceVersion."""

    async def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete an object, or begin to."""

    async def evict(self, name: str, *, namespace: str) -> None:
        """Delete a pod if its disruption budgets allow."""

    async def store(self, since: int) -> StoreStatus:
        """What the store looks like, with its changes after the revision *since*."""

    def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[str]:
        """The lines of a container's log, without their line ends."""

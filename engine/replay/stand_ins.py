"""What stands for the outside world in a replay: it takes commands, and answers nothing.

The answers are in the journal, as the real ones gave them.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs

from engine.api.load import Load
from engine.cri.commands import Command, PodIdentity
from engine.cri.disturbance import Disturbance
from engine.cri.runtime import LogOptions, RuntimeFailure
from engine.cri.status import ContainerUsage, NodeImage, ObservedSandbox, RuntimeInfo
from engine.cri.storage import StorageRequest
from engine.cri.streams import StreamFailure, StreamIO, StreamOptions
from engine.load.profile import Profile
from engine.scenario.checks import HttpAnswer


@attrs.define(eq=False, repr=False)
class RecordedRuntime:
    """The container runtime of a node that was real."""

    facts: RuntimeInfo
    images: tuple[NodeImage, ...] = ()
    used: tuple[ContainerUsage, ...] = ()

    def submit(self, command: Command) -> None:
        """Its answer comes from the journal."""

    def info(self) -> RuntimeInfo:
        """As it was."""
        return self.facts

    def power_off(self) -> None:
        """Nothing is there to be killed."""

    def begin(self, disturbance: Disturbance) -> None:
        """What came of it is in the journal."""

    def end(self, disturbance_id: str) -> None:
        """What came of it is in the journal."""

    def list_sandboxes(self) -> tuple[ObservedSandbox, ...]:
        """None: a journal begins with an empty node."""
        return ()

    def list_images(self) -> tuple[NodeImage, ...]:
        """As last reported."""
        return self.images

    def usage(self) -> tuple[ContainerUsage, ...]:
        """As last measured."""
        return self.used

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Logs are not kept."""
        del options
        nothing: tuple[bytes, ...] = ()
        for _piece in nothing:
            yield b""
        raise RuntimeFailure(f"the log of {container_id} is not in the journal")

    async def exec(self, container_id: str, options: StreamOptions, io: StreamIO) -> int:
        """Nothing to enter."""
        del options, io
        raise StreamFailure(f"{container_id} is replayed, not run")

    async def attach(self, container_id: str, options: StreamOptions, io: StreamIO) -> None:
        """Nothing to join."""
        del options, io
        raise StreamFailure(f"{container_id} is replayed, not run")

    async def forward(self, pod: PodIdentity, port: int, io: StreamIO) -> None:
        """Nothing to reach."""
        del port, io
        raise StreamFailure(f"{pod.name} is replayed, not run")


class RecordedStorage:
    """Takes requests; the answers are in the journal."""

    def submit(self, token: str, request: StorageRequest) -> None:
        """Its answer comes from the journal."""


@attrs.define(eq=False, repr=False)
class RecordedTraffic:
    """The load of one Load object; what it measured is in the journal."""

    load: Load
    profile: Profile
    found: dict[str, Any] = attrs.field(factory=dict)

    def status(self) -> dict[str, Any]:
        """As last reported."""
        return self.found

    def stop(self) -> None:
        """Nothing is sent."""


@attrs.define(eq=False, repr=False)
class RecordedAnswers:
    """Requests of a scenario over a real network: numbered as the real ones were."""

    waiting: dict[int, Callable[[HttpAnswer], None]] = attrs.field(factory=dict)
    count: int = 0

    def fetch(self, _url: str, done: Callable[[HttpAnswer], None]) -> None:
        """Call *done* when the journal has the answer."""
        self.waiting[self.count] = done
        self.count += 1

    def take(self, answer: Any) -> None:
        """An answer of the journal."""
        done = self.waiting.pop(answer.number, None)
        if done is not None:
            done(HttpAnswer(status=answer.status, body=answer.body))


@attrs.define(eq=False, repr=False)
class RecordedLogs:
    """Logs that a scenario's claims read: numbered as the real reads were."""

    waiting: dict[int, Callable[[str], None]] = attrs.field(factory=dict)
    count: int = 0

    def read(
        self, _namespace: str, _pod: str, _container: str, done: Callable[[str], None]
    ) -> None:
        """Call *done* when the journal has the text."""
        self.waiting[self.count] = done
        self.count += 1

    def take(self, found: tuple[int, str]) -> None:
        """A log of the journal."""
        done = self.waiting.pop(found[0], None)
        if done is not None:
            done(found[1])

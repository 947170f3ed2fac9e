"""What a simulated node is made of: its machine, its sandboxes and containers. Only state."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import attrs

from engine.cri.commands import CreateSandbox, StartContainer
from engine.cri.status import ObservedContainer, ObservedSandbox
from engine.kernel.loop import Timer
from engine.simulation.behaviors import Behavior
from engine.simulation.console.files import Files
from engine.simulation.load import Work
from engine.simulation.logs import LogLine
from engine.simulation.storage import Tree

LOG_LINES = 1000


class Chance(Protocol):
    """A random stream."""

    def random(self) -> float:
        """A number from 0 to below 1."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """A number of *k* bits."""
        ...


class Machine(Protocol):
    """What a node is made of: a `NodeConfig`."""

    @property
    def name(self) -> str: ...  # noqa: D102 - documented at NodeConfig
    @property
    def cpu(self) -> int: ...  # noqa: D102
    @property
    def memory(self) -> int: ...  # noqa: D102
    @property
    def pods(self) -> int: ...  # noqa: D102
    @property
    def pod_cidr(self) -> str: ...  # noqa: D102


class Runs(Protocol):
    """Process 1 of a container, where it is modelled."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, and tell nobody."""
        ...

    def catch(self, signal: str) -> bool:
        """Have the process's own handler of *signal* run, if it has one."""
        ...


@attrs.define(eq=False, kw_only=True)
class SimulatedContainer:
    """One container."""

    command: StartContainer
    id: str
    image_id: str
    behavior: Behavior
    started_at: float
    log: deque[LogLine] = attrs.field(factory=lambda: deque(maxlen=LOG_LINES))
    end: Timer | None = None
    is_running: bool = True
    finished_at: float = 0.0
    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    message: str = ""
    files: Files | None = None
    work: Work | None = None
    stop_asking: Callable[[], object] = lambda: None
    process: Runs | None = None


@attrs.define(eq=False, kw_only=True)
class SimulatedSandbox:
    """One pod's sandbox, its containers by id, what its empty directories hold.

    One that is stopped has no address any more.
    """

    command: CreateSandbox
    id: str
    ip: str
    containers: dict[str, SimulatedContainer] = attrs.field(factory=dict)
    trees: dict[str, Tree] = attrs.field(factory=dict)
    is_stopped: bool = False


def observe(sandbox: SimulatedSandbox) -> ObservedSandbox:
    """What a kubelet sees of *sandbox* when it starts."""
    return ObservedSandbox(
        pod=sandbox.command.pod,
        sandbox_id=sandbox.id,
        ip=sandbox.ip,
        attempt=sandbox.command.attempt,
        is_stopped=sandbox.is_stopped,
        containers=tuple(_containers(sandbox)),
    )


def _containers(sandbox: SimulatedSandbox) -> Iterator[ObservedContainer]:
    for container in sandbox.containers.values():
        yield ObservedContainer(
            name=container.command.name,
            attempt=container.command.attempt,
            container_id=container.id,
            image=container.command.image,
            image_id=container.image_id,
            state="running" if container.is_running else "exited",
            started_at=container.started_at,
            finished_at=container.finished_at,
            exit_code=container.exit_code,
            oom_killed=container.oom_killed,
            message=container.message,
            stop_signal=container.command.stop_signal or "SIGTERM",
        )

"""The runtime contract against simulated containers, in virtual time."""

from collections.abc import Callable
from typing import TypeVar

import attrs
import pytest

from engine.config import NodeConfig
from engine.cri.commands import Command
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.simulation.runtime import SimulatedRuntime
from tests.engine.cri.contract import CONTRACT, Harness

E = TypeVar("E")


@attrs.define(eq=False)
class SimulatedHarness:
    """A simulated runtime on a loop of its own."""

    demo: str = "localhost/kubarium/demo:v1"
    shell: str = "docker.io/library/busybox:1.36"
    events: list[object] = attrs.field(factory=list)
    loop: Loop = attrs.field(factory=lambda: Loop(now=1000.0))
    runtime: SimulatedRuntime = attrs.field(init=False)
    _seen: dict[type[object], int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.runtime = SimulatedRuntime(
            loop=self.loop,
            config=NodeConfig(name="node-1", pod_cidr="10.244.1.0/24"),
            random=RandomStreams(7)["runtime"],
            emit=self.events.append,
        )

    def submit(self, command: Command) -> None:
        """Have a command done; nothing may be reported from within."""
        before = len(self.events)
        self.runtime.submit(command)
        assert len(self.events) == before

    def wait_for(self, cls: type[E], *, seconds: float = 30.0) -> E:
        """Run the loop until there is one more event of that class."""
        deadline = self.loop.now + seconds
        count = self._seen.get(cls, 0)
        while len(found := [item for item in self.events if isinstance(item, cls)]) <= count:
            assert self.loop.run_step(deadline), f"no {cls.__name__} within {seconds} s"
        self._seen[cls] = count + 1
        return found[count]

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.loop.run_for(seconds)


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
def test_promise_holds(promise: Callable[[Harness], None]) -> None:
    """The simulated runtime keeps every promise of the contract."""
    promise(SimulatedHarness())

"""The runtime contract against real containers, in wall time."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs
import pytest

from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.preflight import Preflight
from engine.adapters.podman.runtime import PodmanRuntime
from engine.cri.commands import Command
from engine.cri.events import RuntimeEvent
from tests.engine.cri.contract import CONTRACT, Harness
from tests.podman.driver import AT_ANY_TIME, DEMO

pytestmark = pytest.mark.podman
E = TypeVar("E")
STEP_SECONDS = 0.005


@attrs.define(eq=False)
class PodmanHarness:
    """One node of a real host, driven from outside its event loop."""

    runner: asyncio.Runner
    host: PodmanHost
    number: int
    demo: str = DEMO
    shell: str = DEMO
    events: list[object] = attrs.field(factory=list)
    runtime: PodmanRuntime = attrs.field(init=False)
    _seen: dict[type[object], int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.runtime = self.host.runtime(f"node-{self.number}", self.number, self._take)

    def _take(self, event: RuntimeEvent) -> None:
        if not isinstance(event, AT_ANY_TIME):
            self.events.append(event)

    def submit(self, command: Command) -> None:
        """Have a command done; nothing may be reported from within."""

        async def submit() -> None:
            before = len(self.events)
            self.runtime.submit(command)
            assert len(self.events) == before

        self.runner.run(submit())

    def wait_for(self, cls: type[E], *, seconds: float = 30.0) -> E:
        """Let the event loop run until there is one more event of that class."""
        count = self._seen.get(cls, 0)

        async def wait() -> E:
            async with asyncio.timeout(seconds):
                while True:
                    found = [event for event in self.events if isinstance(event, cls)]
                    if len(found) > count:
                        return found[count]
                    await asyncio.sleep(STEP_SECONDS)

        self._seen[cls] = count + 1
        return self.runner.run(wait())

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.runner.run(asyncio.sleep(seconds))


@pytest.fixture(scope="module")
def started(
    preflight: Preflight, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[asyncio.Runner, PodmanHost]]:
    """A host with its images loaded, and the runner of its event loop."""
    state = tmp_path_factory.mktemp("contract")
    with asyncio.Runner() as runner:
        host = PodmanHost(instance=state.name, state=state, preflight=preflight)
        runner.run(host.start())
        assert host.images_ready is not None
        runner.run(asyncio.wait_for(host.images_ready, 60))
        yield runner, host
        runner.run(host.stop())


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
def test_promise_holds(
    promise: Callable[[Harness], None], started: tuple[asyncio.Runner, PodmanHost]
) -> None:
    """Podman keeps every promise of the contract."""
    runner, host = started
    harness = PodmanHarness(runner, host, len(host.runtimes) + 1)

    try:
        promise(harness)
    finally:
        harness.runtime.power_off()
        runner.run(harness.runtime.settle())

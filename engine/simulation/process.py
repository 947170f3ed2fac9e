"""Process 1 of a simulated container whose command the modelled shell knows, in virtual time.

It runs when the loop says so, writes to the container's log and volumes, and ends with its code.
"""

from collections.abc import Callable, Generator
from math import inf
from typing import Any

import attrs

from engine.cri.streams import STDOUT, StreamOptions, TerminalSize
from engine.kernel.loop import Timer
from engine.simulation.console.desk import Machine
from engine.simulation.console.session import Session
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.interiors import Interiors, main_command
from engine.simulation.logs import LogLine
from engine.simulation.turns import Turns

END_SECONDS = 0.05
FROZEN_SECONDS = 1.0
MOST_STEPS = 10_000


class _Pause:
    """Awaited by a program that waits; what runs it learns for how long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __await__(self) -> Generator[float, None, None]:
        yield self._seconds


async def _sleep(seconds: float) -> None:
    await _Pause(seconds)


@attrs.define(eq=False)
class Output:
    """A `StreamIO` without a client: nothing comes in, what goes out is given to *take*."""

    take: Callable[[bytes], object]

    async def read(self) -> bytes:
        """Nothing."""
        return b""

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        """Take what is written."""
        del stream
        self.take(data)

    async def resized(self) -> TerminalSize | None:
        """There is no terminal."""
        return None


@attrs.define(eq=False)
class Process:
    """A program under way. *end* is called with its exit code, once, from the loop."""

    turns: Turns
    container: SimulatedContainer
    session: Session
    end: Callable[[SimulatedContainer, int], None]
    is_frozen: Callable[[str], bool]
    _run: Any = attrs.field(default=None, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Begin, right after this step of the loop."""
        self._run = self.session.run(main_command(self.container))
        self._timer = self.turns.later(0.0, self._go_on)

    def stop(self) -> None:
        """End it; nothing is called."""
        if self._timer is not None:
            self._timer.cancel()
        if self._run is not None:
            self._run.close()
            self._run = None

    def catch(self, signal: str) -> bool:
        """Have the process's own handler of *signal* run, if it has one."""
        handler = self.session.shell.traps.get(signal.removeprefix("SIG"))
        if handler is None or self._run is None:
            return False
        if handler:
            self.stop()
            self._run = self.session.interrupt(handler)
            self._timer = self.turns.later(0.0, self._go_on)
        return True

    def _go_on(self) -> None:
        if self.is_frozen(self.container.id):
            self._timer = self.turns.later(FROZEN_SECONDS, self._go_on)
            return
        try:
            seconds = self._run.send(None)
        except StopIteration as ended:
            self._run = None
            self._timer = self.turns.later(END_SECONDS, self.end, self.container, ended.value)
            return
        if seconds < inf:
            self._timer = self.turns.later(seconds, self._go_on)


def process_of(
    interiors: Interiors,
    turns: Turns,
    sandbox: SimulatedSandbox,
    container: SimulatedContainer,
    *,
    end: Callable[[SimulatedContainer, int], None],
    kill: Callable[[str], object],
    is_frozen: Callable[[str], bool],
) -> Process:
    """Process 1 of *container*."""
    machine = interiors.machine(sandbox, container, sleep=_sleep, kill=kill)
    log = _Log(container, turns)
    session = Session(machine, Output(log.take), StreamOptions(command=main_command(container)))
    return Process(turns, container, session, end, is_frozen)


def run_now(machine: Machine, command: tuple[str, ...]) -> tuple[int, float, str]:
    """Run *command* in no time: its exit code, how long it would have waited, what it said."""
    said = bytearray()
    hurried = attrs.evolve(machine, sleep=_sleep)
    session = Session(hurried, Output(said.extend), StreamOptions(command=command))
    waited = 0.0
    run: Any = session.run(command)
    for _ in range(MOST_STEPS):
        try:
            seconds = run.send(None)
        except StopIteration as ended:
            return int(ended.value), waited, said.decode(errors="replace")
        waited += seconds
        if waited == inf:
            break
    run.close()
    return 0, inf, said.decode(errors="replace")


@attrs.define(eq=False)
class _Log:
    """Turns what a process writes into lines of its container's log."""

    container: SimulatedContainer
    turns: Turns

    def take(self, data: bytes) -> None:
        """Write to the log; a line without an end is gone on with by what comes next."""
        log = self.container.log
        for piece in data.decode(errors="replace").splitlines(keepends=True):
            text, end = piece.removesuffix("\n"), "\n" if piece.endswith("\n") else ""
            if log and not log[-1].end:
                last = log.pop()
                log.append(LogLine(last.time, last.text + text, end))
            else:
                log.append(LogLine(self.turns.now, text, end))

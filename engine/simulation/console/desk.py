"""What a shell finds around it, and what it gives to each program that it runs."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from engine.simulation.console.files import Files

Read = Callable[[], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Machine:
    """What a shell finds around it. *groups* are those of its user, the first one its own."""

    files: Files
    env: dict[str, str]
    hostname: str
    processes: tuple[str, ...]
    working_dir: str
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    kill: Callable[[str], object]
    user: int = 0
    groups: tuple[int, ...] = (0,)


class Shell(Protocol):
    """Who runs a program."""

    command: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    say_error: Write


@attrs.define(eq=False)
class Desk:
    """`tools.Desk` for one program of a shell."""

    machine: Machine
    shell: Shell
    _read: Read
    _out: Write
    files: Files = attrs.field(init=False)
    env: dict[str, str] = attrs.field(init=False)
    cwd: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.files, self.env, self.cwd = self.machine.files, self.shell.env, self.shell.cwd

    @property
    def now(self) -> float:  # noqa: D102 - as `tools.Desk` says
        return self.machine.now()

    @property
    def hostname(self) -> str:  # noqa: D102 - as `tools.Desk` says
        return self.machine.hostname

    @property
    def user(self) -> int:  # noqa: D102 - as `tools.Desk` says
        return self.machine.user

    @property
    def groups(self) -> tuple[int, ...]:  # noqa: D102 - as `tools.Desk` says
        return self.machine.groups

    @property
    def processes(self) -> tuple[str, ...]:  # noqa: D102 - as `tools.Desk` says
        return (*self.machine.processes, " ".join(self.shell.command))

    async def read(self) -> bytes:  # noqa: D102 - as `tools.Desk` says
        return await self._read()

    async def out(self, data: bytes | str) -> None:  # noqa: D102 - as `tools.Desk` says
        await self._out(data.encode() if isinstance(data, str) else data)

    async def err(self, data: bytes | str) -> None:  # noqa: D102 - as `tools.Desk` says
        await self.shell.say_error(data.encode() if isinstance(data, str) else data)

    async def sleep(self, seconds: float) -> None:  # noqa: D102 - as `tools.Desk` says
        await self.machine.sleep(seconds)

    def kill(self, number: int, signal: str) -> bool:  # noqa: D102 - as `tools.Desk` says
        if number != 1:
            return False
        if signal != "SIGKILL":  # the kernel protects process 1 from its own namespace
            self.machine.kill(signal)
        return True

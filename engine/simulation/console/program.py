"""What a program of the modelled shell is: it takes words and a `Desk`, and gives its exit code.

Programs are small on purpose: enough to look around in a pod, to copy files, to try exit codes.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from engine.simulation.console.files import Files, absolute
from engine.simulation.storage import Rights


class Desk(Protocol):
    """What a program works with."""

    files: Files
    env: dict[str, str]
    cwd: str

    @property
    def now(self) -> float: ...  # noqa: D102 - virtual seconds
    @property
    def hostname(self) -> str: ...  # noqa: D102
    @property
    def user(self) -> int: ...  # noqa: D102
    @property
    def groups(self) -> tuple[int, ...]: ...  # noqa: D102 - the user's own first
    @property
    def processes(self) -> tuple[str, ...]: ...  # noqa: D102 - command lines, process 1 first

    async def read(self) -> bytes: ...  # noqa: D102 - a piece of stdin, empty at the end
    async def out(self, data: bytes | str) -> None: ...  # noqa: D102
    async def err(self, data: bytes | str) -> None: ...  # noqa: D102
    async def sleep(self, seconds: float) -> None: ...  # noqa: D102
    def kill(self, number: int, signal: str) -> bool: ...  # noqa: D102 - whether there is one


Tool = Callable[[list[str], Desk], Awaitable[int]]


async def read_all(desk: Desk) -> bytes:
    """All of stdin."""
    pieces = []
    while piece := await desk.read():
        pieces.append(piece)
    return b"".join(pieces)


async def contents(argv: list[str], desk: Desk) -> tuple[list[bytes], int]:
    """What is in the files named, or in stdin if none is."""
    names = [word for word in argv[1:] if not word.startswith("-") or word == "-"]
    if not names:
        return [await read_all(desk)], 0
    found, code = [], 0
    for name in names:
        data = await read_all(desk) if name == "-" else desk.files.read(absolute(name, desk.cwd))
        if data is None:
            is_folder = desk.files.is_folder(absolute(name, desk.cwd))
            why = "Is a directory" if is_folder else "No such file or directory"
            await desk.err(f"{argv[0]}: {name}: {why}\n")
            code = 1
        else:
            found.append(data)
    return found, code


async def store(found: Mapping[str, bytes], who: str, desk: Desk, *, keeps: bool = True) -> int:
    """Write files; those that are there stay as they are if it *keeps* them."""
    code = 0
    for name, data in found.items():
        path = absolute(name, desk.cwd)
        if desk.files.is_read_only(path):
            await desk.err(f"{who}: {name}: Read-only file system\n")
            code = 1
        elif not desk.files.has_room(path, data):
            await desk.err(f"{who}: write error: No space left on device\n")
            code = 1
        elif not keeps or desk.files.read(path) is None:
            is_new = desk.files.read(path) is None
            desk.files.write(path, data)
            if is_new and (desk.user or desk.groups[0]):
                desk.files.set_rights(path, Rights(0o644, desk.user, desk.groups[0]))
    return code


def shown_mode(mode: int) -> str:
    """``rwxr-xr-x`` and the like."""
    return "".join(
        letter if mode & 1 << 8 - index else "-" for index, letter in enumerate("rwxrwxrwx")
    )

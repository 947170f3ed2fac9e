"""The programs a simulated container has: what each reads, writes and answers.

Each takes its words and a `Desk` and gives its exit code. They are small on purpose: enough to look
around in a pod, to copy files in and out, and to try exit codes.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
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


async def cat(argv: list[str], desk: Desk) -> int:
    """Files, or stdin piece by piece."""
    if len(argv) == 1:
        while piece := await desk.read():
            await desk.out(piece)
        return 0
    found, code = await contents(argv, desk)
    for data in found:
        await desk.out(data)
    return code


async def echo(argv: list[str], desk: Desk) -> int:
    """Its words."""
    words, end = argv[1:], "\n"
    if words[:1] == ["-n"]:
        words, end = words[1:], ""
    elif words[:1] == ["-e"]:
        words = [_escaped(word) for word in words[1:]]
    await desk.out(" ".join(words) + end)
    return 0


async def printf(argv: list[str], desk: Desk) -> int:
    """Its first word, with the others in the places of %s and %d."""
    if len(argv) < 2:
        return 2
    rest = iter(argv[2:])
    text = re.sub(r"%[sd]", lambda _: next(rest, ""), argv[1])
    await desk.out(_escaped(text))
    return 0


def _escaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")


async def env(argv: list[str], desk: Desk) -> int:
    """Every variable, or those named."""
    for name, value in desk.env.items():
        if len(argv) == 1 or name in argv[1:]:
            await desk.out(f"{value}\n" if len(argv) > 1 else f"{name}={value}\n")
    return 0 if len(argv) == 1 or any(name in desk.env for name in argv[1:]) else 1


async def ls(argv: list[str], desk: Desk) -> int:
    """The names in folders; with -l one a line, with sizes."""
    options = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    names = [word for word in argv[1:] if not word.startswith("-")] or [desk.cwd]
    code = 0
    for name in names:
        path = absolute(name, desk.cwd)
        if not desk.files.exists(path):
            await desk.err(f"ls: {name}: No such file or directory\n")
            code = 1
            continue
        is_folder = desk.files.is_folder(path)
        if len(names) > 1 and is_folder:
            await desk.out(f"{name}:\n")
        for entry in desk.files.list(path) if is_folder else [name]:
            if entry.startswith(".") and "a" not in options and is_folder:
                continue
            where = f"{path.rstrip('/')}/{entry}" if is_folder else path
            await desk.out(_long(where, entry, desk) if "l" in options else f"{entry}\n")
    return code


def _long(path: str, name: str, desk: Desk) -> str:
    data = desk.files.read(path)
    kind = ("d" if data is None else "-") + shown_mode(desk.files.rights_of(path).mode)
    when = datetime.fromtimestamp(desk.now, UTC).strftime("%b %e %H:%M")
    return f"{kind}    1 root     root     {len(data or b''):9d} {when} {name}\n"


def shown_mode(mode: int) -> str:
    """``rwxr-xr-x`` and the like."""
    return "".join(
        letter if mode & 1 << 8 - index else "-" for index, letter in enumerate("rwxrwxrwx")
    )


async def hostname(_argv: list[str], desk: Desk) -> int:
    """The pod's host name."""
    await desk.out(f"{desk.hostname}\n")
    return 0


async def pwd(_argv: list[str], desk: Desk) -> int:
    """The present folder."""
    await desk.out(f"{desk.cwd}\n")
    return 0


async def identity(argv: list[str], desk: Desk) -> int:
    """Who we are."""
    user, own = desk.user, desk.groups[0]
    names = {number: "(root)" if number == 0 else "" for number in (user, *desk.groups)}
    groups = ",".join(f"{number}{names[number]}" for number in desk.groups)
    if argv[0] == "whoami":
        text = "root" if user == 0 else f"whoami: unknown uid {user}"
    elif "-u" in argv:
        text = str(user)
    elif "-g" in argv:
        text = str(own)
    elif "-G" in argv:
        text = " ".join(map(str, desk.groups))
    else:
        text = f"uid={user}{names[user]} gid={own}{names[own]} groups={groups}"
    await desk.out(f"{text}\n")
    return 0


async def uname(argv: list[str], desk: Desk) -> int:
    """The kernel, which is none."""
    await desk.out(
        f"Linux {desk.hostname} 6.1.0-simulated x86_64 Linux\n" if "-a" in argv else "Linux\n"
    )
    return 0


async def date(argv: list[str], desk: Desk) -> int:
    """Virtual time."""
    moment = datetime.fromtimestamp(desk.now, UTC)
    form = "%a %b %e %H:%M:%S UTC %Y"
    if len(argv) > 1 and argv[1].startswith("+"):
        form = argv[1][1:].replace("%s", str(int(desk.now)))
    await desk.out(f"{moment.strftime(form)}\n")
    return 0


async def sleep(argv: list[str], desk: Desk) -> int:
    """Wait, in virtual time."""
    units = {"s": 1, "m": 60, "h": 3600}
    for word in argv[1:]:
        scale = units.get(word[-1:], 0)
        try:
            await desk.sleep(float(word[:-1]) * scale if scale else float(word))
        except ValueError:
            if word in ("infinity", "inf"):
                await desk.sleep(float("inf"))
            await desk.err(f"sleep: invalid number '{word}'\n")
            return 1
    return 0


async def check(argv: list[str], desk: Desk) -> int:
    """``test`` and ``[``: files and words."""
    words = argv[1:-1] if argv[0] == "[" else argv[1:]
    if words[:1] == ["!"]:
        return int(not await check(["test", *words[1:]], desk))
    match words:
        case ["-d", path]:
            return int(not desk.files.is_folder(absolute(path, desk.cwd)))
        case ["-f", path]:
            return int(desk.files.read(absolute(path, desk.cwd)) is None)
        case ["-e", path]:
            return int(not desk.files.exists(absolute(path, desk.cwd)))
        case ["-n", word] | [word]:
            return int(not word)
        case ["-z", word]:
            return int(bool(word))
        case [left, "=" | "==", right]:
            return int(left != right)
        case [left, "!=", right]:
            return int(left == right)
        case [left, ("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") as how, right]:
            return int(not _compares(left, how, right))
    return 1


def _compares(left: str, how: str, right: str) -> bool:
    try:
        one, other = int(left), int(right)
    except ValueError:
        return False
    return {
        "-eq": one == other,
        "-ne": one != other,
        "-lt": one < other,
        "-le": one <= other,
        "-gt": one > other,
        "-ge": one >= other,
    }[how]


async def mkdir(argv: list[str], desk: Desk) -> int:
    """Folders."""
    for name in argv[1:]:
        if not name.startswith("-"):
            desk.files.make_folder(absolute(name, desk.cwd))
    return 0


async def touch(argv: list[str], desk: Desk) -> int:
    """Empty files."""
    return await store({name: b"" for name in argv[1:] if not name.startswith("-")}, argv[0], desk)


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
                desk.files.rights[path] = Rights(0o644, desk.user, desk.groups[0])
    return code


async def remove(argv: list[str], desk: Desk) -> int:
    """Files, and folders with -r."""
    options = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    code = 0
    for name in argv[1:]:
        path = absolute(name, desk.cwd)
        if name.startswith("-"):
            continue
        if desk.files.is_read_only(path):
            await desk.err(f"rm: can't remove '{name}': Read-only file system\n")
            code = 1
        elif desk.files.exists(path):
            desk.files.remove(path)
        elif "f" not in options:
            await desk.err(f"rm: can't remove '{name}': No such file or directory\n")
            code = 1
    return code


async def tee(argv: list[str], desk: Desk) -> int:
    """Stdin to files and on."""
    data = await read_all(desk)
    await desk.out(data)
    names = {name: data for name in argv[1:] if not name.startswith("-")}
    return await store(names, "tee", desk, keeps=False)


async def lines(argv: list[str], desk: Desk) -> int:
    """``head`` and ``tail``: the first or last lines, ten unless -n says."""
    words, count = argv[1:], 10
    if words[:1] == ["-n"] and len(words) > 1 and words[1].isdigit():
        count, words = int(words[1]), words[2:]
    elif words and re.fullmatch(r"-\d+", words[0]):
        count, words = int(words[0][1:]), words[1:]
    found, code = await contents([argv[0], *words], desk)
    for data in found:
        parts = data.splitlines(keepends=True)
        chosen = parts[:count] if argv[0] == "head" else parts[-count:] if count else []
        await desk.out(b"".join(chosen))
    return code


async def count(argv: list[str], desk: Desk) -> int:
    """Lines, words and bytes."""
    found, code = await contents(argv, desk)
    for data in found:
        numbers = (data.count(b"\n"), len(data.split()), len(data))
        at = next((index for index, flag in enumerate(("-l", "-w", "-c")) if flag in argv), None)
        text = " ".join(map(str, numbers)) if at is None else str(numbers[at])
        await desk.out(f"{text}\n")
    return code


async def grep(argv: list[str], desk: Desk) -> int:
    """The lines in which the first word is."""
    words = [word for word in argv[1:] if not word.startswith("-")]
    options = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    if not words:
        return 2
    found, _ = await contents([argv[0], *words[1:]], desk)
    wanted = words[0].lower() if "i" in options else words[0]
    hits = 0
    for data in found:
        for line in data.decode(errors="replace").splitlines():
            is_in = wanted in (line.lower() if "i" in options else line)
            if is_in != ("v" in options):
                hits += 1
                if "q" not in options and "c" not in options:
                    await desk.out(f"{line}\n")
    if "c" in options:
        await desk.out(f"{hits}\n")
    return 0 if hits else 1


async def ps(_argv: list[str], desk: Desk) -> int:
    """What runs."""
    await desk.out("PID   USER     TIME  COMMAND\n")
    for number, line in enumerate(desk.processes):
        await desk.out(f"{1 if number == 0 else 6 + number:5d} root      0:00 {line}\n")
    return 0


async def kill(argv: list[str], desk: Desk) -> int:
    """A signal to process 1."""
    signal = "SIGTERM"
    for word in argv[1:]:
        if word.startswith("-"):
            name = word.lstrip("-").upper()
            signal = {"9": "SIGKILL", "15": "SIGTERM", "2": "SIGINT", "1": "SIGHUP"}.get(
                name, name if name.startswith("SIG") else f"SIG{name}"
            )
        elif not word.isdigit() or not desk.kill(int(word), signal):
            await desk.err(f"kill: can't kill pid {word}: No such process\n")
            return 1
    return 0


async def succeed(_argv: list[str], _desk: Desk) -> int:
    """Do nothing."""
    return 0


async def fail(_argv: list[str], _desk: Desk) -> int:
    """Do nothing, badly."""
    return 1


TOOLS: Mapping[str, Tool] = {
    ":": succeed,
    "[": check,
    "cat": cat,
    "date": date,
    "echo": echo,
    "env": env,
    "false": fail,
    "grep": grep,
    "head": lines,
    "hostname": hostname,
    "id": identity,
    "kill": kill,
    "ls": ls,
    "mkdir": mkdir,
    "printenv": env,
    "printf": printf,
    "ps": ps,
    "pwd": pwd,
    "rm": remove,
    "sleep": sleep,
    "tail": lines,
    "tee": tee,
    "test": check,
    "touch": touch,
    "true": succeed,
    "uname": uname,
    "wc": count,
    "whoami": identity,
}

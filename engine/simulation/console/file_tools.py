"""Programs of the modelled shell about files and folders, and about what they are."""

from datetime import UTC, datetime

from engine.simulation.console.files import absolute
from engine.simulation.console.program import Desk, shown_mode, store


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


async def mkdir(argv: list[str], desk: Desk) -> int:
    """Folders."""
    for name in argv[1:]:
        if not name.startswith("-"):
            desk.files.make_folder(absolute(name, desk.cwd))
    return 0


async def touch(argv: list[str], desk: Desk) -> int:
    """Empty files."""
    return await store({name: b"" for name in argv[1:] if not name.startswith("-")}, argv[0], desk)


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

"""Programs about room on disks and sums of files: ``dd``, ``df``, ``du``, ``md5sum`` and others."""

import hashlib

from engine.simulation.console.files import absolute
from engine.simulation.console.program import Desk, contents, read_all, store
from engine.simulation.storage import Tree

UNITS = {"c": 1, "w": 2, "b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
MOST = 64 << 20
"""The bytes of one copy: they lie in the memory of whoever simulates."""
NODE_DISK = 100 << 30


async def dd(argv: list[str], desk: Desk) -> int:
    """Blocks from ``if=`` to ``of=``: ``bs=`` bytes each, ``count=`` of them."""
    words = dict(word.partition("=")[::2] for word in argv[1:])
    size = _size(words.get("bs", "512"))
    count = _size(words["count"]) if "count" in words else None
    if not size or (count is None and "count" in words):
        await desk.err("dd: invalid number\n")
        return 1
    data = await _read(words.get("if", ""), size * (count or MOST // size), desk)
    if data is None:
        return 1
    target = words.get("of", "")
    if not target:
        await desk.out(data)
    path = absolute(target, desk.cwd)
    room = _room(path, desk) if target else len(data)
    written = data[: max(0, room)]
    if target and path not in ("/dev/null", "/dev/zero"):
        code = await store({target: written}, "dd", desk, keeps=False)
        if code:
            return code
    if len(written) < len(data):
        await desk.err(f"dd: error writing '{target}': No space left on device\n")
    await desk.err(f"{_records(data, size)} records in\n{_records(written, size)} records out\n")
    return int(len(written) < len(data))


async def df(argv: list[str], desk: Desk) -> int:
    """How full disks are: of the root, or of what holds the files named."""
    named = [word for word in argv[1:] if not word.startswith("-")]
    human = any(word.startswith("-") and "h" in word for word in argv[1:])
    points = [_point(absolute(name, desk.cwd), desk) for name in named]
    if not named:
        points = ["", *sorted(desk.files.trees)]
    unit = "Size" if human else "1K-blocks"
    await desk.out(f"Filesystem           {unit:>9}      Used Available Use% Mounted on\n")
    for index, point in enumerate(dict.fromkeys(points)):
        tree = desk.files.trees.get(point)
        total = tree.size if tree is not None and tree.size else NODE_DISK
        used = tree.used if tree is not None else _own(desk)
        shown = [_human(n) if human else str(-(-n // 1024)) for n in (total, used, total - used)]
        name = f"/dev/vd{chr(ord('a') + index)}" if point and tree and tree.size else "overlay"
        share = f"{-(-100 * used // total)}%"
        await desk.out(
            f"{name:<20} {shown[0]:>9} {shown[1]:>9} {shown[2]:>9} {share:>4} {point or '/'}\n"
        )
    return 0


async def du(argv: list[str], desk: Desk) -> int:
    """The KiB that files take, or bytes with ``-b``."""
    code = 0
    for name in [word for word in argv[1:] if not word.startswith("-")] or ["."]:
        path = absolute(name, desk.cwd)
        if not desk.files.exists(path):
            await desk.err(f"du: {name}: No such file or directory\n")
            code = 1
            continue
        size = sum(len(desk.files.read(file) or b"") for file in desk.files.below(path))
        await desk.out(f"{size if '-b' in argv else -(-size // 1024)}\t{name}\n")
    return code


async def checksum(argv: list[str], desk: Desk) -> int:
    """``md5sum``, ``sha1sum``, ``sha256sum``, of files or of stdin; with ``-c`` those of a list."""
    kind = argv[0].removesuffix("sum")
    if "-c" in argv:
        return await _compare(kind, argv, desk)
    names = [word for word in argv[1:] if not word.startswith("-")] or ["-"]
    code = 0
    for name in names:
        found, failed = await contents([argv[0], name], desk)
        code = failed or code
        for data in found:
            await desk.out(f"{hashlib.new(kind, data).hexdigest()}  {name}\n")
    return code


async def _compare(kind: str, argv: list[str], desk: Desk) -> int:
    lists, code = await contents([argv[0], *argv[argv.index("-c") + 1 :]], desk)
    for line in b"".join(lists).decode(errors="replace").splitlines():
        wanted, _, name = line.partition("  ")
        data = desk.files.read(absolute(name, desk.cwd))
        is_same = data is not None and hashlib.new(kind, data).hexdigest() == wanted
        await desk.out(f"{name}: {'OK' if is_same else 'FAILED'}\n")
        code = code or int(not is_same)
    return code


async def _read(source: str, most: int, desk: Desk) -> bytes | None:
    """At most so many bytes; None, with a message, if they cannot be had."""
    if source in ("/dev/zero", "/dev/urandom", "/dev/random") and most > MOST:
        await desk.err("dd: memory exhausted\n")
        return None
    if source == "/dev/zero":
        return bytes(most)
    if source in ("/dev/urandom", "/dev/random"):
        # The same in every run of the same seed; who asks later gets others.
        return hashlib.shake_128(f"{desk.hostname} {desk.now}".encode()).digest(most)
    if not source:
        return (await read_all(desk))[:most]
    found, code = await contents(["dd", source], desk)
    return None if code else found[0][:most]


def _size(text: str) -> int | None:
    unit = UNITS.get(text[-1:].lower())
    digits = text[:-1] if unit is not None else text
    return int(digits) * (unit or 1) if digits.isdigit() else None


def _records(data: bytes, size: int) -> str:
    whole, rest = divmod(len(data), size)
    return f"{whole}+{int(bool(rest))}"


def _point(path: str, desk: Desk) -> str:
    """Where the volume is mounted that *path* lies in; empty for the container's own root."""
    found = [point for point in desk.files.trees if f"{path}/".startswith(f"{point}/")]
    return max(found, key=len, default="")


def _room(path: str, desk: Desk) -> int:
    """How large the file *path* may become."""
    tree: Tree | None = desk.files.trees.get(_point(path, desk))
    if tree is None or not tree.size:
        return NODE_DISK
    return tree.size - tree.used + len(desk.files.read(path) or b"")


def _own(desk: Desk) -> int:
    return sum(map(len, desk.files.files.own.values()))


def _human(size: int) -> str:
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.1f}{unit}"
    return str(size)


DISK_TOOLS = {
    "dd": dd,
    "df": df,
    "du": du,
    "md5sum": checksum,
    "sha1sum": checksum,
    "sha256sum": checksum,
    "sha512sum": checksum,
}

"""``tar`` in the modelled shell: what ``kubectl cp`` works with."""

import io
import tarfile

from engine.simulation.console.files import absolute
from engine.simulation.console.program import Desk, read_all


async def tar(argv: list[str], desk: Desk) -> int:
    """Archives to stdout and from stdin, as ``kubectl cp`` wants them."""
    words, flags, folder, names = argv[1:], "", desk.cwd, []
    while words:
        word = words.pop(0)
        if word in ("-C", "--directory") and words:
            folder = absolute(words.pop(0), desk.cwd)
        elif word == "-" or word.startswith("--"):
            continue
        elif word.startswith("-") or not flags:
            flags += word.lstrip("-")
        else:
            names.append(word)
    if "x" in flags:
        return await _unpack(folder, desk)
    if "c" in flags:
        return await _pack(names, folder, desk)
    await desk.err("tar: only c and x are simulated\n")
    return 1


async def _unpack(folder: str, desk: Desk) -> int:
    try:
        with tarfile.open(fileobj=io.BytesIO(await read_all(desk))) as archive:
            for member in archive:
                path = absolute(member.name, folder)
                if desk.files.is_read_only(path):
                    await desk.err(f"tar: can't open '{member.name}': Read-only file system\n")
                    return 1
                if member.isdir():
                    desk.files.make_folder(path)
                elif (source := archive.extractfile(member)) is not None:
                    desk.files.write(path, source.read())
    except tarfile.TarError:
        await desk.err("tar: invalid tar magic\n")
        return 1
    return 0


async def _pack(names: list[str], folder: str, desk: Desk) -> int:
    packed, code = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            path = absolute(name, folder)
            if not desk.files.exists(path):
                await desk.err(f"tar: {name}: No such file or directory\n")
                code = 1
            for file in desk.files.below(path):
                data = desk.files.read(file) or b""
                member = tarfile.TarInfo((name.rstrip("/") + file[len(path) :]).lstrip("/"))
                member.size, member.mtime = len(data), int(desk.now)
                archive.addfile(member, io.BytesIO(data))
    if code == 0:
        await desk.out(packed.getvalue())
    return code

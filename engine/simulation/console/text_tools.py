"""Programs of the modelled shell that read and write text."""

import re

from engine.simulation.console.program import Desk, contents, read_all, store


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


async def tee(argv: list[str], desk: Desk) -> int:
    """Stdin to files and on."""
    data = await read_all(desk)
    await desk.out(data)
    names = {name: data for name in argv[1:] if not name.startswith("-")}
    return await store(names, "tee", desk, keeps=False)

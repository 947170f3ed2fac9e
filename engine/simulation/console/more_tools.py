"""More programs of the modelled shell: modes, copies, text by lines."""

import re
from collections.abc import Mapping

import attrs

from engine.simulation.console.archives import tar
from engine.simulation.console.byte_tools import base64, hexdump, network
from engine.simulation.console.disk_tools import DISK_TOOLS
from engine.simulation.console.files import absolute
from engine.simulation.console.program import Desk, Tool, contents, shown_mode, store
from engine.simulation.console.tools import TOOLS
from engine.simulation.storage import Rights


def _operands(argv: list[str]) -> list[str]:
    return [word for word in argv[1:] if not word.startswith("-")]


async def stat(argv: list[str], desk: Desk) -> int:
    """Facts about files, in the form that -c gives."""
    form, names = "%n %s %a %u %g", []
    words = iter(argv[1:])
    for word in words:
        if word in ("-c", "--format"):
            form = next(words, form)
        elif word.startswith("-c"):
            form = word[2:]
        elif not word.startswith("-"):
            names.append(word)
    code = 0
    for name in names:
        path = absolute(name, desk.cwd)
        if not desk.files.exists(path) and path != "/":
            await desk.err(f"stat: can't stat '{name}': No such file or directory\n")
            code = 1
            continue
        rights, data = desk.files.rights_of(path), desk.files.read(path)
        found = {
            "a": f"{rights.mode & 0o7777:o}",
            "A": ("d" if data is None else "-") + shown_mode(rights.mode),
            "u": str(rights.user),
            "g": str(rights.group),
            "s": str(len(data or b"")),
            "n": name,
            "F": "directory" if data is None else "regular file" if data else "regular empty file",
        }
        await desk.out(re.sub(r"%(\w)", lambda m: found.get(m[1], m[0]), form) + "\n")  # noqa: B023
    return code


async def chmod(argv: list[str], desk: Desk) -> int:
    """The mode of files: in octal, or letters to give (``+x``) or take."""
    words = _operands(argv)
    if len(words) < 2:
        return 1
    for name in words[1:]:
        path = absolute(name, desk.cwd)
        if not desk.files.exists(path):
            await desk.err(f"chmod: {name}: No such file or directory\n")
            return 1
        rights = desk.files.rights_of(path)
        mode = _mode(words[0], rights.mode)
        if mode is None:
            await desk.err(f"chmod: invalid mode '{words[0]}'\n")
            return 1
        desk.files.set_rights(path, attrs.evolve(rights, mode=mode))
    return 0


def _mode(text: str, before: int) -> int | None:
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    match = re.fullmatch(r"([ugoa]*)([+-])([rwx]+)", text)
    if match is None:
        return None
    bits = sum({"r": 4, "w": 2, "x": 1}[letter] for letter in set(match[3]))
    who = match[1].replace("a", "ugo") or "ugo"
    mask = sum(bits << {"u": 6, "g": 3, "o": 0}[letter] for letter in set(who))
    return before | mask if match[2] == "+" else before & ~mask


async def chown(argv: list[str], desk: Desk) -> int:
    """Whose files are."""
    words = _operands(argv)
    user, _, group = words[0].partition(":") if words else ("", "", "")
    for name in words[1:]:
        path = absolute(name, desk.cwd)
        before = desk.files.rights_of(path)
        owners = Rights(
            before.mode,
            int(user) if user.isdigit() else before.user,
            int(group) if group.isdigit() else before.group,
        )
        desk.files.set_rights(path, owners)
    return 0


async def copy(argv: list[str], desk: Desk) -> int:
    """Files, and folders with -r; ``mv`` takes the old ones away."""
    words = _operands(argv)
    if len(words) < 2:
        return 1
    code, target = 0, absolute(words[-1], desk.cwd)
    for name in words[:-1]:
        path = absolute(name, desk.cwd)
        if not desk.files.exists(path):
            await desk.err(f"{argv[0]}: can't stat '{name}': No such file or directory\n")
            code = 1
            continue
        inside = desk.files.is_folder(target)
        place = f"{target.rstrip('/')}/{path.rpartition('/')[2]}" if inside else target
        found = {
            place + file[len(path) :]: desk.files.read(file) for file in desk.files.below(path)
        }
        given = {file: data for file, data in found.items() if data is not None}
        code = await store(given, argv[0], desk, keeps=False) or code
        if argv[0] == "mv" and not code:
            desk.files.remove(path)
    return code


async def sort(argv: list[str], desk: Desk) -> int:
    """Lines in order."""
    found, code = await contents(argv, desk)
    lines = sorted(b"".join(found).decode(errors="replace").splitlines())
    if "-u" in argv:
        lines = list(dict.fromkeys(lines))
    if "-r" in argv:
        lines.reverse()
    await desk.out("".join(f"{line}\n" for line in lines))
    return code


async def sequence(argv: list[str], desk: Desk) -> int:
    """Numbers, one a line."""
    numbers = [int(word) for word in argv[1:] if re.fullmatch(r"-?\d+", word)]
    if not 1 <= len(numbers) <= 3:
        return 1
    first, step = (numbers[0], 1) if len(numbers) > 1 else (1, 1)
    step = numbers[1] if len(numbers) == 3 else step
    last = numbers[-1]
    if not step:
        return 1
    shown = range(first, last + (1 if step > 0 else -1), step)[:100_000]
    await desk.out("".join(f"{number}\n" for number in shown))
    return 0


async def cut(argv: list[str], desk: Desk) -> int:
    """Fields of lines: -d says what is between them, -f which; or with -c characters."""
    between, wanted, by_character = "\t", "1", False
    names = ["cut"]
    words = iter(argv[1:])
    for word in words:
        if word[:2] not in ("-d", "-f", "-c"):
            names.append(word)
            continue
        value = word[2:] or next(words, "")
        if word[1] == "d":
            between = value or " "
        else:
            wanted, by_character = value, word[1] == "c"
    found, code = await contents(names, desk)
    for line in b"".join(found).decode(errors="replace").splitlines():
        parts = list(line) if by_character else line.split(between)
        joint = "" if by_character else between
        await desk.out(joint.join(_chosen(parts, wanted)) + "\n")
    return code


def _chosen(parts: list[str], wanted: str) -> list[str]:
    """Those that ``2``, ``1-3``, ``2-`` or ``1,4`` name, counted from one."""
    found = []
    for piece in wanted.split(","):
        first, dash, last = piece.partition("-")
        start = int(first) if first.isdigit() else 1
        end = int(last) if last.isdigit() else len(parts) if dash else start
        found += parts[start - 1 : end]
    return found


async def name_of(argv: list[str], desk: Desk) -> int:
    """``basename`` and ``dirname``."""
    folder, _, name = (argv[1] if len(argv) > 1 else "").rstrip("/").rpartition("/")
    await desk.out(f"{name if argv[0] == 'basename' else folder or '/'}\n")
    return 0


async def yes_or_nothing(_argv: list[str], _desk: Desk) -> int:
    """What changes nothing here."""
    return 0


ALL: Mapping[str, Tool] = {
    **TOOLS,
    **DISK_TOOLS,
    "base64": base64,
    "basename": name_of,
    "chmod": chmod,
    "chown": chown,
    "cp": copy,
    "cut": cut,
    "dirname": name_of,
    "hexdump": hexdump,
    "ip": network,
    "mv": copy,
    "od": hexdump,
    "seq": sequence,
    "sort": sort,
    "stat": stat,
    "sync": yes_or_nothing,
    "tar": tar,
    "umask": yes_or_nothing,
}
"""Every program of the modelled shell, by name."""

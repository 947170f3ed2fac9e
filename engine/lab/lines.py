"""On which line of a TOML text a value is: messages name it, so that an editor can go there."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]*\")\s*=\s*(.*)$")
_ITEM = re.compile(r"^\s*\{")

Path = tuple[str | int, ...]


def line_numbers(text: str) -> dict[Path, int]:  # noqa: C901 - one state machine
    """The line (from 1) of each table, key and item of an array of tables, by its path."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    quote = ""
    array: Path | None = None
    item = 0
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            if quote in line:
                quote = ""
            continue
        header = _HEADER.match(line) if array is None else None
        if header:
            table = _table(header[2].split("."), counts, is_array=header[1] == "[[")
            found[table] = number
            continue
        if array is not None and _ITEM.match(line):
            found[(*array, item)] = number
            item += 1
        key = _KEY.match(line) if array is None else None
        rest = line
        if key:
            name, rest = key[1].strip('"'), key[2]
            found[(*table, name)] = number
            if rest.lstrip().startswith("[") and not _closes(rest):
                array, item = (*table, name), 0
        elif array is not None and line.strip().startswith("]"):
            array = None
        for mark in ("'''", '"""'):
            if rest.count(mark) % 2:
                quote = mark
    return found


def line_of(numbers: dict[Path, int], path: Sequence[str | int]) -> int:
    """The line of *path*, or of the nearest that is known above it; 1 if none is."""
    place = tuple(path)
    while place:
        if place in numbers:
            return numbers[place]
        place = place[:-1]
    return 1


def _closes(text: str) -> bool:
    return text.count("[") <= text.count("]")


def _table(names: list[str], counts: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for place, name in enumerate(names):
        path = (*path, name.strip())
        is_last = place == len(names) - 1
        if is_last and is_array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path

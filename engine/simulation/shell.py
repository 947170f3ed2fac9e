"""What a simple command would do: the few words that examples of pods are made of.

``sleep 5``, ``sh -c "echo hi; sleep 5; exit 1"``, ``true``, ``false``. Not a shell.
"""

import re
import shlex
from collections.abc import Sequence

import attrs

_SHELLS = {"sh", "bash", "ash"}
_SPLIT = re.compile(r"\s*(?:;|&&|\n)\s*")
_LOOP = re.compile(r"\b(while|for|until)\b")


@attrs.frozen(kw_only=True)
class Course:
    """How a process goes: what it says when, and when it ends with which code.

    Attributes:
        seconds: how long it runs; None for ever.
        exit_code: its code at the end.
        output: (seconds since the start, line).
    """

    seconds: float | None
    exit_code: int = 0
    output: tuple[tuple[float, str], ...] = ()


def course_of(argv: Sequence[str]) -> Course | None:
    """How the command *argv* goes, or None if it is not one we know."""
    if not argv:
        return None
    program = argv[0].rpartition("/")[2]
    if program in _SHELLS and len(argv) >= 3 and argv[1].endswith("c"):
        return _script(argv[2])
    return _command(list(argv))


def _script(text: str) -> Course:
    if _LOOP.search(text):
        return Course(seconds=None)
    elapsed, code = 0.0, 0
    output: list[tuple[float, str]] = []
    for part in _SPLIT.split(text.strip()):
        try:
            words = shlex.split(part)
        except ValueError:
            return Course(seconds=elapsed + 0.1, exit_code=2, output=tuple(output))
        if not words:
            continue
        if words[0] == "exit":
            return Course(seconds=elapsed + 0.05, exit_code=_code(words), output=tuple(output))
        course = _command(words) or Course(seconds=0.0)
        output += [(elapsed + at, line) for at, line in course.output]
        if course.seconds is None:
            return Course(seconds=None, output=tuple(output))
        elapsed += course.seconds
        code = course.exit_code
    return Course(seconds=elapsed + 0.05, exit_code=code, output=tuple(output))


def _command(words: list[str]) -> Course | None:
    program = words[0].rpartition("/")[2]
    if program == "exec" and len(words) > 1:
        return _command(words[1:])
    if program == "sleep":
        return Course(seconds=_seconds(words[1:]))
    if program in {"true", ":"}:
        return Course(seconds=0.0)
    if program == "false":
        return Course(seconds=0.0, exit_code=1)
    if program == "echo":
        return Course(seconds=0.0, output=((0.0, " ".join(words[1:])),))
    if program == "date":
        return Course(seconds=0.0, output=((0.0, "Thu Jan  1 00:00:00 UTC 2026"),))
    return None


def _seconds(words: list[str]) -> float | None:
    total = 0.0
    for word in words:
        if word in {"infinity", "inf"}:
            return None
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(word[-1:], 0)
        try:
            total += float(word[:-1]) * unit if unit else float(word)
        except ValueError:
            return 0.0
    return total


def _code(words: list[str]) -> int:
    try:
        return int(words[1]) & 0xFF if len(words) > 1 else 0
    except ValueError:
        return 2

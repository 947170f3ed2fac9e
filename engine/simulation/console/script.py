"""Shell text as pipelines of words. It knows quoting and operators; it runs nothing.

Loops and conditions are not understood: a `ScriptError` says so.
"""

import re
from collections.abc import Callable

import attrs

from engine.errors import EngineError

_OPERATORS = ("&&", "||", ">>", "2>&1", "2>", ";", "|", ">", "<", "&", "\n")
_ENDS = ("&&", "||", ";", "&", "\n")
_REDIRECTIONS = (">>", ">", "<", "2>", "2>&1")
_KEYWORDS = frozenset(("if", "for", "while", "until", "case", "function", "{", "(", "select"))
_VARIABLE = re.compile(r"\$(?:\{(\w+|[?$!#])(?::?-([^}]*))?\}|(\w+|[?$!#]))")


class ScriptError(EngineError):
    """The text cannot be understood."""


@attrs.frozen
class Part:
    """A piece of a word, with its variables still to be replaced if it *expands*."""

    text: str
    expands: bool = True


Word = tuple[Part, ...]


@attrs.frozen(kw_only=True)
class Simple:
    """One command: its words, and where its streams lead (operator and word)."""

    words: tuple[Word, ...]
    redirections: tuple[tuple[str, Word], ...] = ()


@attrs.frozen(kw_only=True)
class Pipeline:
    """Commands, each fed by the one before; *after* (``&&``, ``||`` or ;) stands before it."""

    commands: tuple[Simple, ...]
    after: str = ";"


def expand(word: Word, lookup: Callable[[str], str | None]) -> str:
    """*word* with its variables replaced by what *lookup* finds."""

    def replace(match: "re.Match[str]") -> str:
        name, default = match[1] or match[3], match[2]
        value = lookup(name)
        if value is None or (value == "" and default is not None):
            return default or ""
        return value

    return "".join(
        _VARIABLE.sub(replace, part.text) if part.expands else part.text for part in word
    )


def parse(text: str) -> tuple[Pipeline, ...]:  # noqa: C901 - one case a kind of item
    """The pipelines of *text*.

    Raises:
        ScriptError: a quote is open, or it is more than a list of commands.
    """
    found: list[Pipeline] = []
    commands: list[Simple] = []
    words: list[Word] = []
    redirections: list[tuple[str, Word]] = []
    waiting, after = "", ";"

    def end_command() -> None:
        if words or redirections:
            first = expand(words[0], lambda _: "") if words else ""
            if first in _KEYWORDS:
                raise ScriptError(f'"{first}" is not simulated')
            commands.append(Simple(words=tuple(words), redirections=tuple(redirections)))
            words.clear()
            redirections.clear()

    for item in _tokens(text):
        if not isinstance(item, str):
            if waiting:
                redirections.append((waiting, item))
                waiting = ""
            else:
                words.append(item)
        elif item == "2>&1":
            redirections.append((item, ()))
        elif item in _REDIRECTIONS:
            waiting = item
        else:
            end_command()
            if item in _ENDS:
                if commands:
                    found.append(Pipeline(commands=tuple(commands), after=after))
                    commands.clear()
                after = item if item in ("&&", "||") else ";"
    if waiting:
        raise ScriptError("syntax error: unexpected end of file")
    end_command()
    if commands:
        found.append(Pipeline(commands=tuple(commands), after=after))
    return tuple(found)


def _tokens(text: str) -> list[Word | str]:  # noqa: C901 - one case a kind of character
    found: list[Word | str] = []
    parts: list[Part] = []
    plain = ""
    at, has_word = 0, False

    def end_word() -> None:
        nonlocal plain, has_word
        if plain:
            parts.append(Part(plain))
            plain = ""
        if has_word:
            found.append(tuple(parts))
        parts.clear()
        has_word = False

    while at < len(text):
        character = text[at]
        if character in "'\"":
            end = _closing(text, at)
            if plain:
                parts.append(Part(plain))
                plain = ""
            inside = text[at + 1 : end]
            if character == '"':
                inside = re.sub(r'\\(["\\$`])', r"\1", inside)
            parts.append(Part(inside, character == '"'))
            has_word, at = True, end + 1
            continue
        if character == "\\" and at + 1 < len(text):
            if text[at + 1] != "\n":
                if plain:
                    parts.append(Part(plain))
                    plain = ""
                parts.append(Part(text[at + 1], False))  # noqa: FBT003 - a field
                has_word = True
            at += 2
            continue
        if character == "#" and not has_word:
            at = (text.find("\n", at) + len(text) + 1) % (len(text) + 1)
            continue
        operator = next((each for each in _OPERATORS if text.startswith(each, at)), "")
        if operator and not (operator[0] == "2" and has_word):
            end_word()
            found.append(operator)
            at += len(operator)
            continue
        if character.isspace():
            end_word()
        else:
            plain, has_word = plain + character, True
        at += 1
    end_word()
    return found


def _closing(text: str, at: int) -> int:
    quote = text[at]
    end = at + 1
    while end < len(text):
        if quote == '"' and text[end] == "\\":
            end += 2
            continue
        if text[end] == quote:
            return end
        end += 1
    raise ScriptError("syntax error: unterminated quoted string")

"""Shell text as words and operators. It knows quoting, variables and substitutions."""

import re
from collections.abc import Callable

import attrs

from engine.errors import EngineError

_OPERATORS = ("&&", "||", ">>", "2>&1", "1>&2", ">&2", "2>", ";", "|", ">", "<", "&", "\n")
ENDS = ("&&", "||", ";", "&", "\n")
DUPLICATIONS = ("2>&1", "1>&2", ">&2")
REDIRECTIONS = (">>", ">", "<", "2>", *DUPLICATIONS)
_BACKTICKS = re.compile(r"`([^`]*)`")
_VARIABLE = re.compile(r"\$(?:\{(\w+|[?$!#])(?::?-([^}]*))?\}|(\w+|[?$!#]))")


class ScriptError(EngineError):
    """The text cannot be understood."""


@attrs.frozen
class Part:
    """A piece of a word, with its variables still to be replaced if it *expands*."""

    text: str
    expands: bool = True
    is_quoted: bool = False


Word = tuple[Part, ...]
Item = Word | str
"""A word, or an operator."""


def plain_text(item: Item | None) -> str:
    """A word as it stands there; an operator as it is. A quoted word is no keyword: empty."""
    if item is None or isinstance(item, str):
        return item or ""
    return "" if any(part.is_quoted for part in item) else "".join(part.text for part in item)


def splits(word: Word) -> bool:
    """Whether what *word* expands to may be several words."""
    return any(part.expands and not part.is_quoted and "$" in part.text for part in word)


def expand_variables(text: str, lookup: Callable[[str], str | None]) -> str:
    """*text* with its variables replaced by what *lookup* finds."""

    def replace(match: "re.Match[str]") -> str:
        name, default = match[1] or match[3], match[2]
        value = lookup(name)
        if value is None or (value == "" and default is not None):
            return default or ""
        return value

    return _VARIABLE.sub(replace, text)


def tokens(text: str) -> list[Item]:  # noqa: C901, PLR0915 - one case a kind of character
    """The words and operators of *text*.

    Raises:
        ScriptError: a quote or a substitution is open.
    """
    found: list[Item] = []
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
            if character == '"':
                inside = _BACKTICKS.sub(r"$(\1)", inside)
            parts.append(Part(inside, character == '"', is_quoted=True))
            has_word, at = True, end + 1
            continue
        if character == "\\" and at + 1 < len(text):
            if text[at + 1] != "\n":
                if plain:
                    parts.append(Part(plain))
                    plain = ""
                parts.append(Part(text[at + 1], expands=False, is_quoted=True))
                has_word = True
            at += 2
            continue
        if text.startswith("$(", at) or character == "`":
            end = substitution_end(text, at)
            inside = text[at + 2 : end] if character == "$" else text[at + 1 : end]
            plain, has_word, at = f"{plain}$({inside})", True, end + 1
            continue
        if character == "#" and not has_word:
            at = (text.find("\n", at) + len(text) + 1) % (len(text) + 1)
            continue
        operator = next((each for each in _OPERATORS if text.startswith(each, at)), "")
        if operator and not (operator[0] in "12" and has_word):
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


def substitution_end(text: str, at: int) -> int:
    """Where the substitution that begins at *at* ends: its last character.

    Raises:
        ScriptError: nowhere.
    """
    if text[at] == "`":
        end = text.find("`", at + 1)
    else:
        depth, end = 0, at + 1
        while end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                return end
            end += 1
        end = -1
    if end < 0:
        raise ScriptError("syntax error: unterminated substitution")
    return end


def _closing(text: str, at: int) -> int:
    quote = text[at]
    end = at + 1
    while end < len(text):
        if quote == '"' and text[end] == "\\":
            end += 2
            continue
        if quote == '"' and text.startswith("$(", end):
            end = substitution_end(text, end) + 1
            continue
        if text[end] == quote:
            return end
        end += 1
    raise ScriptError("syntax error: unterminated quoted string")

"""Shell text as a tree: lists of pipelines of commands, loops and choices. It runs nothing.

What is not understood (case, functions, subshells) is a `ScriptError`.
"""

from collections.abc import Iterator

import attrs

from engine.simulation.console.script import (
    DUPLICATIONS,
    ENDS,
    REDIRECTIONS,
    Item,
    ScriptError,
    Word,
    plain_text,
    tokens,
)

_REFUSED = frozenset(("case", "function", "select", "coproc", "[[", "(("))
_STOPS = frozenset(("do", "done", "then", "elif", "else", "fi", "}"))


@attrs.frozen(kw_only=True)
class Simple:
    """One command: its words, and where its streams lead (operator and word)."""

    words: tuple[Word, ...]
    redirections: tuple[tuple[str, Word], ...] = ()


@attrs.frozen(kw_only=True)
class Loop:
    """``while`` and ``until``: *body* again and again, as long as *condition* ends well (badly)."""

    condition: "Block"
    body: "Block"
    is_until: bool = False


@attrs.frozen(kw_only=True)
class Each:
    """``for``: *body* for each of the words, as the variable *name*."""

    name: str
    words: tuple[Word, ...]
    body: "Block"


@attrs.frozen(kw_only=True)
class Choice:
    """``if``: the body of the first condition that ends well, else *otherwise*."""

    branches: tuple[tuple["Block", "Block"], ...]
    otherwise: "Block" = ()


@attrs.frozen(kw_only=True)
class Group:
    """``{ … }``."""

    body: "Block"


Command = Simple | Loop | Each | Choice | Group


@attrs.frozen(kw_only=True)
class Pipeline:
    """Commands, each fed by the one before; *after* (``&&``, ``||`` or ;) stands before it."""

    commands: tuple[Command, ...]
    after: str = ";"
    is_negated: bool = False


Block = tuple[Pipeline, ...]


def parse(text: str) -> Block:
    """The pipelines of *text*.

    Raises:
        ScriptError: a quote or a construct is open, or it is more than we know.
    """
    parser = _Parser(tokens(text))
    found = parser.block()
    if parser.peek() is not None:
        raise ScriptError(f'syntax error: unexpected "{plain_text(parser.peek())}"')
    return found


def commands_in(text: str) -> frozenset[str]:
    """The names of the commands that *text* may run; empty for those that only a variable knows.

    Raises:
        ScriptError: it is not understood.
    """
    return frozenset(_names(parse(text)))


def _names(block: Block) -> Iterator[str]:
    for pipeline in block:
        for command in pipeline.commands:
            match command:
                case Simple(words=words):
                    names = ("".join(part.text for part in word) for word in words)
                    first = next((name for name in names if not _is_assignment(name)), ":")
                    yield first.rpartition("/")[2]
                case Loop(condition=condition, body=body):
                    yield from _names((*condition, *body))
                case Each(body=body) | Group(body=body):
                    yield from _names(body)
                case Choice(branches=branches, otherwise=otherwise):
                    for condition, body in branches:
                        yield from _names((*condition, *body))
                    yield from _names(otherwise)


def _is_assignment(text: str) -> bool:
    return "=" in text and text.partition("=")[0].isidentifier()


@attrs.define(eq=False)
class _Parser:
    """Walks over the items of a script."""

    items: list[Item]
    at: int = 0

    def peek(self) -> Item | None:
        """The next item; None at the end."""
        return self.items[self.at] if self.at < len(self.items) else None

    def block(self) -> Block:
        """Pipelines, up to a word that ends them."""
        found: list[Pipeline] = []
        after = ";"
        while (item := self.peek()) is not None:
            if isinstance(item, str) and item in ENDS:
                after = item if item in ("&&", "||") else ";" if item != "\n" else after
                self.at += 1
            elif not isinstance(item, str) and plain_text(item) in _STOPS:
                break
            else:
                found.append(self._pipeline(after))
                after = ";"
        return tuple(found)

    def _pipeline(self, after: str) -> Pipeline:
        is_negated = self._is_word("!")
        if is_negated:
            self.at += 1
        commands = [self._command()]
        while self.peek() == "|":
            self.at += 1
            commands.append(self._command())
        return Pipeline(commands=tuple(commands), after=after, is_negated=is_negated)

    def _command(self) -> Command:
        item = self.peek()
        name = plain_text(item) if item is not None and not isinstance(item, str) else ""
        if name in _REFUSED or name.startswith("(") or name.endswith("()"):
            raise ScriptError(f'"{name}" is not simulated')
        if name in ("while", "until"):
            self.at += 1
            condition = self._block_until("do")
            body = self._block_until("done")
            return Loop(condition=condition, body=body, is_until=name == "until")
        if name == "for":
            return self._each()
        if name == "if":
            return self._choice()
        if name == "{":
            self.at += 1
            return Group(body=self._block_until("}"))
        return self._simple()

    def _each(self) -> Each:
        self.at += 1
        name = plain_text(self._word())
        words: list[Word] = []
        if self._is_word("in"):
            self.at += 1
            while (item := self.peek()) is not None and not isinstance(item, str):
                words.append(item)
                self.at += 1
        while isinstance(self.peek(), str):
            self.at += 1
        self._expect("do")
        return Each(name=name, words=tuple(words), body=self._block_until("done"))

    def _choice(self) -> Choice:
        branches: list[tuple[Block, Block]] = []
        otherwise: Block = ()
        while self._is_word("if") or self._is_word("elif"):
            self.at += 1
            condition = self._block_until("then")
            branches.append((condition, self.block()))
        if self._is_word("else"):
            self.at += 1
            otherwise = self.block()
        self._expect("fi")
        return Choice(branches=tuple(branches), otherwise=otherwise)

    def _simple(self) -> Simple:
        words: list[Word] = []
        redirections: list[tuple[str, Word]] = []
        while (item := self.peek()) is not None:
            if not isinstance(item, str):
                words.append(item)
                self.at += 1
            elif item in DUPLICATIONS:
                redirections.append((item, ()))
                self.at += 1
            elif item in REDIRECTIONS:
                self.at += 1
                redirections.append((item, self._word()))
            else:
                break
        if not words and not redirections:
            raise ScriptError("syntax error: a command is missing")
        return Simple(words=tuple(words), redirections=tuple(redirections))

    def _block_until(self, end: str) -> Block:
        found = self.block()
        self._expect(end)
        return found

    def _expect(self, name: str) -> None:
        if not self._is_word(name):
            raise ScriptError(f'syntax error: "{name}" is missing')
        self.at += 1

    def _is_word(self, name: str) -> bool:
        item = self.peek()
        return item is not None and not isinstance(item, str) and plain_text(item) == name

    def _word(self) -> Word:
        item = self.peek()
        if item is None or isinstance(item, str):
            raise ScriptError("syntax error: unexpected end of file")
        self.at += 1
        return item

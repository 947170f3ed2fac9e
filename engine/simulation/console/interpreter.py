"""Runs shell text on a modelled machine: commands, pipelines, loops, choices, substitutions."""

import re
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase

import attrs

from engine.cri.streams import NOT_FOUND_CODE
from engine.simulation.console.arithmetic import calculate
from engine.simulation.console.desk import Desk, Machine, Read, Write
from engine.simulation.console.files import absolute
from engine.simulation.console.grammar import (
    Block,
    Choice,
    Command,
    Each,
    Group,
    Loop,
    Pipeline,
    Simple,
    parse,
)
from engine.simulation.console.more_tools import ALL as TOOLS
from engine.simulation.console.program import store
from engine.simulation.console.script import (
    ScriptError,
    Word,
    expand_variables,
    splits,
    substitution_end,
)

SHELLS = frozenset(("sh", "bash", "ash"))
BUILTINS = SHELLS | {
    "break",
    "cd",
    "continue",
    "exec",
    "exit",
    "export",
    "set",
    "trap",
    "unset",
    "wait",
}
ROUND_SECONDS = 0.01
_MAX_DEPTH = 8
_NAME = re.compile(r"[A-Za-z_]\w*")


class ExitError(Exception):
    """The shell is to end, with *code*."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Leave(Exception):  # noqa: N818 - no error: break or continue
    def __init__(self, *, goes_on: bool) -> None:
        super().__init__()
        self.goes_on = goes_on


@attrs.define(eq=False)
class Interpreter:
    """A shell's state, and what runs its text. *prompt* reads commands where no text is given."""

    machine: Machine
    command: tuple[str, ...]
    say_error: Write
    prompt: Callable[[], Awaitable[int]]
    env: dict[str, str] = attrs.field(init=False)
    cwd: str = attrs.field(init=False)
    code: int = attrs.field(default=0, init=False)
    traps: dict[str, str] = attrs.field(factory=dict, init=False)
    stops_at_errors: bool = attrs.field(default=False, init=False)
    _depth: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.env = dict(self.machine.env)
        self.cwd = self.machine.working_dir or "/"

    async def script(self, text: str, read: Read, out: Write) -> int:
        """Run *text*; its exit code.

        Raises:
            ExitError: it says so.
        """
        try:
            block = parse(text)
        except ScriptError as error:
            await self.say_error(f"sh: {error}\n".encode())
            self.code = 2
            return 2
        return await self._block(block, read, out)

    async def call(self, argv: list[str], read: Read, out: Write) -> int:
        """Run one command whose words are known; its exit code.

        Raises:
            ExitError: it says so.
        """
        name = argv[0].rpartition("/")[2]
        if name == "exit":
            word = argv[1] if len(argv) > 1 else ""
            raise ExitError(int(word) & 0xFF if word.isdigit() else self.code)
        if name == "exec" and len(argv) > 1:
            raise ExitError(await self.call(argv[1:], read, out))
        if name in BUILTINS and name not in SHELLS:
            return await self._built_in(name, argv[1:])
        if name in SHELLS:
            return await self._shell(argv, read, out)
        tool = TOOLS.get(name)
        if tool is None:
            await self.say_error(f"sh: {argv[0]}: not found\n".encode())
            return NOT_FOUND_CODE
        return await tool([name, *argv[1:]], Desk(self.machine, self, read, out))

    async def _block(self, block: Block, read: Read, out: Write) -> int:
        for pipeline in block:
            skips = {"&&": self.code != 0, "||": self.code == 0}
            if skips.get(pipeline.after, False):
                continue
            self.code = await self._pipeline(pipeline, read, out)
            if self.stops_at_errors and self.code and pipeline.after == ";":
                raise ExitError(self.code)
        return self.code

    async def _pipeline(self, pipeline: Pipeline, read: Read, out: Write) -> int:
        code = 0
        for index, command in enumerate(pipeline.commands):
            is_last = index == len(pipeline.commands) - 1
            said = bytearray()

            async def keep(data: bytes, said: bytearray = said) -> None:
                said.extend(data)

            code = await self._command(command, read, out if is_last else keep)
            read = once(bytes(said))
        return int(not code) if pipeline.is_negated else code

    async def _command(self, command: Command, read: Read, out: Write) -> int:
        match command:
            case Simple():
                signs = {sign for sign, _ in command.redirections}
                speaks_up = not signs.isdisjoint(("1>&2", ">&2"))
                return await self._simple(command, read, self.say_error if speaks_up else out)
            case Loop():
                return await self._loop(command, read, out)
            case Each(name=name, words=words, body=body):
                self.code = 0
                for value in await self._words(words):
                    self.env[name] = value
                    if not await self._round(body, read, out):
                        break
                return self.code
            case Choice(branches=branches, otherwise=otherwise):
                for condition, body in branches:
                    if await self._test(condition, read, out):
                        return await self._block(body, read, out)
                self.code = 0
                return await self._block(otherwise, read, out)
            case Group(body=body):
                return await self._block(body, read, out)

    async def _loop(self, loop: Loop, read: Read, out: Write) -> int:
        code = 0
        while await self._test(loop.condition, read, out) != loop.is_until:
            # A loop that never waits is given time, so that others have theirs.
            await self.machine.sleep(ROUND_SECONDS)
            goes_on = await self._round(loop.body, read, out)
            code = self.code
            if not goes_on:
                break
        self.code = code
        return code

    async def _round(self, body: Block, read: Read, out: Write) -> bool:
        """Run the body of a loop once; whether the loop goes on."""
        try:
            await self._block(body, read, out)
        except _Leave as leave:
            self.code = 0
            return leave.goes_on
        return True

    async def _test(self, condition: Block, read: Read, out: Write) -> bool:
        strict, self.stops_at_errors = self.stops_at_errors, False
        try:
            return await self._block(condition, read, out) == 0
        finally:
            self.stops_at_errors = strict

    async def _simple(self, command: Simple, read: Read, out: Write) -> int:
        argv = await self._words(command.words)
        while argv and "=" in argv[0] and _NAME.fullmatch(argv[0].partition("=")[0]):
            name, _, value = argv.pop(0).partition("=")
            self.env[name] = value
        target, written = "", bytearray()
        appends = False
        silent = False
        for sign, word in command.redirections:
            name = await self._text(word)
            if sign == "<":
                data = self.machine.files.read(absolute(name, self.cwd))
                if data is None:
                    await self.say_error(f"sh: can't open {name}: no such file\n".encode())
                    return 1
                read = once(data)
            elif sign in (">", ">>"):
                target, appends = name, sign == ">>"
            elif sign == "2>":
                silent = name == "/dev/null"

        async def keep(data: bytes) -> None:
            written.extend(data)

        said, self.say_error = self.say_error, _nowhere if silent else self.say_error
        try:
            code = await self.call(argv, read, keep if target else out) if argv else 0
        finally:
            self.say_error = said
        if target in ("/dev/stdout", "/dev/stderr", "/proc/1/fd/1"):
            await out(bytes(written))
        elif target and target != "/dev/null":
            path = absolute(target, self.cwd)
            before = (self.machine.files.read(path) or b"") if appends else b""
            desk = Desk(self.machine, self, read, out)
            code = await store({path: before + bytes(written)}, "sh", desk, keeps=False) or code
        return code

    async def _built_in(self, name: str, words: list[str]) -> int:
        match name:
            case "cd":
                return await self._change_folder(words[0] if words else "/root")
            case "break" | "continue":
                raise _Leave(goes_on=name == "continue")
            case "trap":
                for signal in words[1:]:
                    self.traps[signal.removeprefix("SIG")] = words[0]
            case "set":
                self.stops_at_errors = self.stops_at_errors or any(
                    word.startswith("-") and "e" in word for word in words
                )
            case "export" | "unset":
                for word in words:
                    key, equals, value = word.partition("=")
                    if equals:
                        self.env[key] = value
                    elif name == "unset":
                        self.env.pop(key, None)
        return 0

    async def _shell(self, argv: list[str], read: Read, out: Write) -> int:
        words = [word for word in argv[1:] if not word.startswith("-") or "c" not in word]
        has_script = len(words) < len(argv) - 1
        if not has_script or self._depth >= _MAX_DEPTH:
            return await self.prompt()
        self._depth += 1
        flags = [word for word in argv[1:] if word.startswith("-") and "c" in word]
        self.stops_at_errors = self.stops_at_errors or "e" in flags[0]
        self.env |= {"0": words[1] if len(words) > 1 else "sh"}
        self.env |= {str(number): word for number, word in enumerate(words[2:], 1)}
        try:
            return await self.script(words[0] if words else "", read, out)
        except ExitError as end:
            return end.code
        finally:
            self._depth -= 1

    async def _change_folder(self, name: str) -> int:
        path = absolute(name, self.cwd)
        if not self.machine.files.is_folder(path) and path != "/":
            await self.say_error(
                f"sh: cd: can't cd to {name}: No such file or directory\n".encode()
            )
            return 2
        self.cwd = self.env["PWD"] = path
        return 0

    async def _words(self, words: tuple[Word, ...]) -> list[str]:
        """The words of a command, with everything replaced; one may become several, or none."""
        found: list[str] = []
        for word in words:
            text = await self._text(word)
            if splits(word):
                found += text.split()
            elif any(not part.is_quoted and "*" in part.text for part in word):
                found += self._matching(text) or [text]
            else:
                found.append(text)
        return found

    def _matching(self, pattern: str) -> list[str]:
        """The paths that *pattern* stands for, sorted."""
        files = self.machine.files
        found = ["/"] if pattern.startswith("/") else [""]
        *folders, last = pattern.strip("/").split("/")
        for name in (*folders, last):
            longer = []
            for prefix in found:
                path = absolute(prefix or ".", self.cwd)
                if "*" not in name:
                    names = [name] if files.exists(f"{path.rstrip('/')}/{name}") else []
                else:
                    names = [
                        each
                        for each in (files.list(path) if files.is_folder(path) else [])
                        if fnmatchcase(each, name) and (each[0] != "." or name[0] == ".")
                    ]
                longer += [f"{prefix}{each}/" for each in names]
            found = longer
        return [path.rstrip("/") for path in found]

    async def _text(self, word: Word) -> str:
        pieces = [await self._part(part.text) if part.expands else part.text for part in word]
        return "".join(pieces)

    async def _part(self, text: str) -> str:
        found, at = "", 0
        while (start := text.find("$(", at)) >= 0:
            found += expand_variables(text[at:start], self._lookup)
            end = substitution_end(text, start)
            inside = text[start + 2 : end]
            if inside.startswith("(") and inside.endswith(")"):
                found += str(self._arithmetic(inside[1:-1]))
            else:
                found += await self._substitute(inside)
            at = end + 1
        return found + expand_variables(text[at:], self._lookup)

    async def _substitute(self, text: str) -> str:
        said = bytearray()

        async def keep(data: bytes) -> None:
            said.extend(data)

        env, cwd = dict(self.env), self.cwd
        try:
            self.code = await self.script(text, once(b""), keep)
        except ExitError as end:
            self.code = end.code
        self.env, self.cwd = env, cwd
        return said.decode(errors="replace").rstrip("\n")

    def _arithmetic(self, text: str) -> int:
        text = expand_variables(text, self._lookup)
        return calculate(_NAME.sub(lambda match: self.env.get(match[0]) or "0", text))

    def _lookup(self, name: str) -> str | None:
        if name == "?":
            return str(self.code)
        if name == "$":
            return "7"
        return self.env.get(name)


def once(data: bytes) -> Read:
    """A stdin that holds *data*."""
    left = [data] if data else []

    async def read() -> bytes:
        return left.pop() if left else b""

    return read


async def _nowhere(_data: bytes) -> None:
    """Say it to nobody."""

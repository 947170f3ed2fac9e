"""A shell in a simulated container: one command, a script, or a prompt on a terminal.

It is deterministic and modelled: what it answers follows from the pod's specification, its mounted
content and what was written before; no process runs anywhere.
"""

from collections.abc import Awaitable, Callable

import attrs

from engine.cri.streams import (
    NOT_EXECUTABLE_CODE,
    NOT_FOUND_CODE,
    STDERR,
    STDOUT,
    StreamIO,
    StreamOptions,
)
from engine.simulation.console.files import Files, absolute
from engine.simulation.console.script import Pipeline, ScriptError, Simple, expand, parse
from engine.simulation.console.tools import TOOLS, store

SHELLS = frozenset(("sh", "bash", "ash"))
_MAX_DEPTH = 8


@attrs.frozen(kw_only=True)
class Machine:
    """What a shell finds around it."""

    files: Files
    env: dict[str, str]
    hostname: str
    processes: tuple[str, ...]
    working_dir: str
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    kill: Callable[[str], object]


class _Exit(Exception):  # noqa: N818 - no error: the shell is to end
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@attrs.define(eq=False)
class Session:
    """One exec, or one attachment to a shell."""

    machine: Machine
    io: StreamIO
    options: StreamOptions
    env: dict[str, str] = attrs.field(init=False)
    files: Files = attrs.field(init=False)
    cwd: str = attrs.field(init=False)
    _code: int = attrs.field(default=0, init=False)
    _depth: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.env = dict(self.machine.env)
        self.files = self.machine.files
        self.cwd = self.machine.working_dir or "/"

    async def run(self, command: tuple[str, ...]) -> int:
        """Run *command* as exec does: no shell unless it names one."""
        name = command[0].rpartition("/")[2]
        is_path = "/" in command[0]
        if is_path and self.files.is_folder(command[0]):
            return await self._refuse(command[0], "permission denied", NOT_EXECUTABLE_CODE)
        if name not in TOOLS and name not in SHELLS and name != "exit":
            what = "no such file or directory" if is_path else "executable file not found in $PATH"
            return await self._refuse(command[0], what, NOT_FOUND_CODE)
        try:
            return await self._call([name, *command[1:]], self.io.read, self._plain_out)
        except _Exit as end:
            return end.code

    async def prompt(self) -> int:
        """Read commands until ``exit`` or the end of stdin."""
        try:
            if self.options.tty:
                await self._show_prompt()
                await self._type()
            else:
                await self._read_lines()
        except _Exit as end:
            return end.code
        return self._code

    async def _read_lines(self) -> None:
        pending = b""
        while piece := await self.io.read():
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                await self._do(line)
        if pending:
            await self._do(pending)

    async def _type(self) -> None:
        line = b""
        while piece := await self.io.read():
            for number in piece:
                ended, line = await self._key(bytes((number,)), line)
                if ended == b"\x04":
                    return
                if ended:
                    await self._do(line)
                    line = b""
                    await self._show_prompt()

    async def _do(self, line: bytes) -> None:
        await self._script(line.decode(errors="replace"), self._no_input, self._plain_out)

    async def _key(self, byte: bytes, line: bytes) -> tuple[bytes, bytes]:
        """What a key does on a terminal: what ended the line (or nothing), and the line."""
        if byte in (b"\r", b"\n"):
            await self.io.write(b"\r\n")
            return byte, line
        if byte == b"\x04":
            return (byte, line) if not line else (b"", line)
        if byte == b"\x03":
            await self.io.write(b"^C\r\n")
            self._code = 130
            await self._show_prompt()
            return b"", b""
        if byte in (b"\x7f", b"\x08"):
            if line:
                await self.io.write(b"\b \b")
            return b"", line[:-1]
        await self.io.write(byte)
        return b"", line + byte

    async def _show_prompt(self) -> None:
        await self.io.write(f"{self.cwd if self.cwd != '/' else '/'} # ".encode())

    async def _refuse(self, name: str, why: str, code: int) -> int:
        message = f'exec failed: unable to start container process: exec: "{name}": {why}: unknown'
        await self._say_error(f"OCI runtime exec failed: {message}\n".encode())
        return code

    async def _no_input(self) -> bytes:
        return b""

    async def _plain_out(self, data: bytes) -> None:
        await self.io.write(self._cooked(data), STDOUT)

    async def _say_error(self, data: bytes) -> None:
        await self.io.write(self._cooked(data), STDOUT if self.options.tty else STDERR)

    def _cooked(self, data: bytes) -> bytes:
        return data.replace(b"\n", b"\r\n") if self.options.tty else data

    async def _script(
        self,
        text: str,
        read: Callable[[], Awaitable[bytes]],
        out: Callable[[bytes], Awaitable[None]],
    ) -> int:
        try:
            pipelines = parse(text)
        except ScriptError as error:
            await self._say_error(f"sh: {error}\n".encode())
            self._code = 2
            return 2
        for pipeline in pipelines:
            skips = {"&&": self._code != 0, "||": self._code == 0}
            if not skips.get(pipeline.after, False):
                self._code = await self._pipeline(pipeline, read, out)
        return self._code

    async def _pipeline(
        self,
        pipeline: Pipeline,
        read: Callable[[], Awaitable[bytes]],
        out: Callable[[bytes], Awaitable[None]],
    ) -> int:
        code = 0
        for index, command in enumerate(pipeline.commands):
            is_last = index == len(pipeline.commands) - 1
            said = bytearray()

            async def keep(data: bytes, said: bytearray = said) -> None:
                said.extend(data)

            code = await self._simple(command, read, out if is_last else keep)
            read = _once(bytes(said))
        return code

    async def _simple(
        self,
        command: Simple,
        read: Callable[[], Awaitable[bytes]],
        out: Callable[[bytes], Awaitable[None]],
    ) -> int:
        argv = [expand(word, self._lookup) for word in command.words]
        while argv and "=" in argv[0] and argv[0].partition("=")[0].isidentifier():
            name, _, value = argv.pop(0).partition("=")
            self.env[name] = value
        target, written = "", bytearray()
        appends = False
        for operator, word in command.redirections:
            name = expand(word, self._lookup)
            if operator == "<":
                data = self.files.read(absolute(name, self.cwd))
                if data is None:
                    await self._say_error(f"sh: can't open {name}: no such file\n".encode())
                    return 1
                read = _once(data)
            elif operator in (">", ">>"):
                target, appends = name, operator == ">>"

        async def keep(data: bytes) -> None:
            written.extend(data)

        code = await self._call(argv, read, keep if target else out) if argv else 0
        if target and target != "/dev/null":
            path = absolute(target, self.cwd)
            before = (self.files.read(path) or b"") if appends else b""
            desk = _Desk(self, read, out)
            code = await store({path: before + bytes(written)}, "sh", desk, keeps=False) or code
        return code

    async def _call(
        self,
        argv: list[str],
        read: Callable[[], Awaitable[bytes]],
        out: Callable[[bytes], Awaitable[None]],
    ) -> int:
        name = argv[0].rpartition("/")[2]
        if name == "exit":
            word = argv[1] if len(argv) > 1 else ""
            raise _Exit(int(word) & 0xFF if word.isdigit() else self._code)
        if name == "exec" and len(argv) > 1:
            raise _Exit(await self._call(argv[1:], read, out))
        if name == "cd":
            return await self._change_folder(argv[1] if len(argv) > 1 else "/root")
        if name in ("export", "set", "unset"):
            for word in argv[1:]:
                key, equals, value = word.partition("=")
                if equals:
                    self.env[key] = value
                elif name == "unset":
                    self.env.pop(key, None)
            return 0
        if name in SHELLS:
            return await self._shell(argv, read, out)
        tool = TOOLS.get(name)
        if tool is None:
            await self._say_error(f"sh: {argv[0]}: not found\n".encode())
            return NOT_FOUND_CODE
        return await tool([name, *argv[1:]], _Desk(self, read, out))

    async def _shell(
        self,
        argv: list[str],
        read: Callable[[], Awaitable[bytes]],
        out: Callable[[bytes], Awaitable[None]],
    ) -> int:
        words = [word for word in argv[1:] if not word.startswith("-") or "c" not in word]
        has_script = len(words) < len(argv) - 1
        if has_script and self._depth < _MAX_DEPTH:
            self._depth += 1
            self.env |= {"0": words[1] if len(words) > 1 else "sh"}
            self.env |= {str(number): word for number, word in enumerate(words[2:], 1)}
            try:
                return await self._script(words[0] if words else "", read, out)
            except _Exit as end:
                return end.code
            finally:
                self._depth -= 1
        return await self.prompt()

    async def _change_folder(self, name: str) -> int:
        path = absolute(name, self.cwd)
        if not self.files.is_folder(path) and path != "/":
            await self._say_error(
                f"sh: cd: can't cd to {name}: No such file or directory\n".encode()
            )
            return 2
        self.cwd = self.env["PWD"] = path
        return 0

    def _lookup(self, name: str) -> str | None:
        if name == "?":
            return str(self._code)
        if name == "$":
            return "7"
        return self.env.get(name)

    def kill(self, number: int, signal: str) -> bool:
        """Signal process 1, which is the container's own."""
        if number != 1:
            return False
        if signal != "SIGKILL":  # the kernel protects process 1 from its own namespace
            self.machine.kill(signal)
        return True

    async def say_error(self, data: bytes) -> None:
        """Write to stderr."""
        await self._say_error(data)


@attrs.define(eq=False)
class _Desk:
    """`tools.Desk` for one program of a session."""

    session: Session
    _read: Callable[[], Awaitable[bytes]]
    _out: Callable[[bytes], Awaitable[None]]
    files: Files = attrs.field(init=False)
    env: dict[str, str] = attrs.field(init=False)
    cwd: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.files, self.env, self.cwd = self.session.files, self.session.env, self.session.cwd

    @property
    def now(self) -> float:
        return self.session.machine.now()

    @property
    def hostname(self) -> str:
        return self.session.machine.hostname

    @property
    def processes(self) -> tuple[str, ...]:
        return (*self.session.machine.processes, " ".join(self.session.options.command))

    async def read(self) -> bytes:
        return await self._read()

    async def out(self, data: bytes | str) -> None:
        await self._out(data.encode() if isinstance(data, str) else data)

    async def err(self, data: bytes | str) -> None:
        await self.session.say_error(data.encode() if isinstance(data, str) else data)

    async def sleep(self, seconds: float) -> None:
        await self.session.machine.sleep(seconds)

    def kill(self, number: int, signal: str) -> bool:
        return self.session.kill(number, signal)


def _once(data: bytes) -> Callable[[], Awaitable[bytes]]:
    """A stdin that holds *data*."""
    left = [data] if data else []

    async def read() -> bytes:
        return left.pop() if left else b""

    return read

"""A shell in a simulated container: one command, a script, or a prompt on a terminal.

It is deterministic and modelled: what it answers follows from the pod's specification, its mounted
content and what was written before; no process runs anywhere.
"""

import attrs

from engine.cri.streams import (
    NOT_EXECUTABLE_CODE,
    NOT_FOUND_CODE,
    STDERR,
    STDOUT,
    StreamIO,
    StreamOptions,
)
from engine.simulation.console.desk import Machine
from engine.simulation.console.interpreter import BUILTINS, ExitError, Interpreter
from engine.simulation.console.more_tools import ALL as TOOLS


@attrs.define(eq=False)
class Session:
    """One exec, or one attachment to a shell."""

    machine: Machine
    io: StreamIO
    options: StreamOptions
    shell: Interpreter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.shell = Interpreter(self.machine, self.options.command, self._say_error, self.prompt)

    async def run(self, command: tuple[str, ...]) -> int:
        """Run *command* as exec does: no shell unless it names one."""
        name = command[0].rpartition("/")[2]
        is_path = "/" in command[0]
        if is_path and self.machine.files.is_folder(command[0]):
            return await self._refuse(command[0], "permission denied", NOT_EXECUTABLE_CODE)
        if name not in TOOLS and name not in BUILTINS:
            what = "no such file or directory" if is_path else "executable file not found in $PATH"
            return await self._refuse(command[0], what, NOT_FOUND_CODE)
        try:
            return await self.shell.call([name, *command[1:]], self.io.read, self._plain_out)
        except ExitError as end:
            return end.code

    async def interrupt(self, handler: str) -> int:
        """Run the *handler* of a signal in place of what was running; the exit code."""
        try:
            await self.shell.script(handler, self._no_input, self._plain_out)
        except ExitError as end:
            return end.code
        return self.shell.code

    async def prompt(self) -> int:
        """Read commands until ``exit`` or the end of stdin."""
        try:
            if self.options.tty:
                await self._show_prompt()
                await self._type()
            else:
                await self._read_lines()
        except ExitError as end:
            return end.code
        return self.shell.code

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
        await self.shell.script(line.decode(errors="replace"), self._no_input, self._plain_out)

    async def _key(self, byte: bytes, line: bytes) -> tuple[bytes, bytes]:
        """What a key does on a terminal: what ended the line (or nothing), and the line."""
        if byte in (b"\r", b"\n"):
            await self.io.write(b"\r\n")
            return byte, line
        if byte == b"\x04":
            return (byte, line) if not line else (b"", line)
        if byte == b"\x03":
            await self.io.write(b"^C\r\n")
            self.shell.code = 130
            await self._show_prompt()
            return b"", b""
        if byte in (b"\x7f", b"\x08"):
            if line:
                await self.io.write(b"\b \b")
            return b"", line[:-1]
        await self.io.write(byte)
        return b"", line + byte

    async def _show_prompt(self) -> None:
        await self.io.write(f"{self.shell.cwd if self.shell.cwd != '/' else '/'} # ".encode())

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

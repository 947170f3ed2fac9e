"""exec by entering a container's namespaces: a tenth of Podman's own, and nothing stays behind.

It needs root and a Podman on this machine; see `enter_main` for what happens inside.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
from pathlib import Path

import attrs

from engine.adapters.podman import processes
from engine.adapters.podman.records import Container
from engine.adapters.podman.streams import enter_main
from engine.adapters.podman.streams.descriptors import Descriptor, make_pipe
from engine.cri.streams import STDERR, STDOUT, StreamFailure, StreamIO, StreamOptions

_DRAIN_SECONDS = 1.0
_TERMINAL_SECONDS = 10.0


@attrs.define(eq=False)
class _Ends:
    """Our ends of a command's streams; None for what is not wanted."""

    stdin: Descriptor | None = None
    stdout: Descriptor | None = None
    stderr: Descriptor | None = None

    def close(self) -> None:
        for end in (self.stdin, self.stdout, self.stderr):
            if end is not None:
                end.close()


async def exec_in(container: Container, options: StreamOptions, io: StreamIO) -> int:
    """Run a command in *container*, joined to *io*; its exit code. Cancelled, it is killed.

    Raises:
        StreamFailure: the container cannot be entered.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            spec = json.dumps(_spec(container, options)).encode()
            process, ends = _start(options, theirs)
        except OSError as error:
            raise StreamFailure(f"error executing command in container: {error}") from error
        exited = asyncio.Event()
        try:
            waiting = processes.on_exit(process.pid, exited.set)
        except OSError:
            exited.set()
            waiting = None
        try:
            theirs.close()
            ours.sendall(len(spec).to_bytes(4, "big") + spec)
            if options.tty:
                ends.stdin = ends.stdout = await _terminal(ours)
            await _carry(ends, options, io, exited)
        finally:
            if waiting is not None:
                waiting.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            code = process.wait()
            ends.close()
    return code if code >= 0 else 128 - code


def _spec(container: Container, options: StreamOptions) -> dict[str, object]:
    raw = Path(f"/proc/{container.pid}/environ").read_bytes().decode(errors="replace")
    env = dict(item.split("=", 1) for item in raw.split("\0") if "=" in item)
    if options.tty:
        env.setdefault("TERM", "xterm")
    return {
        "pid": container.pid,
        "command": list(options.command),
        "env": env,
        "tty": options.tty,
        "cgroups": sorted({str(folder / "cgroup.procs") for folder in container.cgroup.values()}),
    }


def _start(
    options: StreamOptions, channel: socket.socket
) -> "tuple[subprocess.Popen[bytes], _Ends]":
    ends, given, kept = _Ends(), {0: -1, 1: -1, 2: -1}, []
    if not options.tty:
        if options.stdin:
            given[0], writing = make_pipe()
            ends.stdin = Descriptor(writing)
        if options.stdout:
            reading, given[1] = make_pipe()
            ends.stdout = Descriptor(reading)
        if options.stderr:
            reading, given[2] = make_pipe()
            ends.stderr = Descriptor(reading)
        kept = [number for number in given.values() if number >= 0]
    try:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", enter_main.__file__, str(channel.fileno())],
            stdin=given[0] if given[0] >= 0 else subprocess.DEVNULL,
            stdout=given[1] if given[1] >= 0 else subprocess.DEVNULL,
            stderr=given[2] if given[2] >= 0 else subprocess.DEVNULL,
            pass_fds=(channel.fileno(),),
            start_new_session=True,
            env={},
        )
    except OSError:
        ends.close()
        raise
    finally:
        for number in kept:
            os.close(number)
    return process, ends


async def _terminal(channel: socket.socket) -> Descriptor:
    """Our end of the terminal that the helper has opened inside."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(channel.fileno(), arrived.set)
    try:
        async with asyncio.timeout(_TERMINAL_SECONDS):
            await arrived.wait()
        _, numbers, _, _ = socket.recv_fds(channel, 1, 1)
    except (TimeoutError, OSError) as error:
        raise StreamFailure("the container gave no terminal") from error
    finally:
        loop.remove_reader(channel.fileno())
    if not numbers:
        raise StreamFailure("the container gave no terminal")
    return Descriptor(numbers[0])


async def _carry(ends: _Ends, options: StreamOptions, io: StreamIO, exited: asyncio.Event) -> None:
    """Copy in all directions until the command has ended and said everything."""
    into = [asyncio.create_task(_feed(ends.stdin, io, closes=not options.tty))]
    if options.tty:
        into.append(asyncio.create_task(_resize(ends.stdout, io)))
    out = [
        asyncio.create_task(_copy(end, io, stream))
        for end, stream in ((ends.stdout, STDOUT), (ends.stderr, STDERR))
        if end is not None
    ]
    tasks = [*into, *out]
    ended = asyncio.create_task(exited.wait())
    try:
        await asyncio.wait((ended,))
        if out:
            # What the command left in the background may hold its output open.
            _, late = await asyncio.wait(out, timeout=_DRAIN_SECONDS)
            del late
    finally:
        for task in (*tasks, ended):
            task.cancel()
        results = await asyncio.gather(*tasks, ended, return_exceptions=True)
    for result in results:
        if isinstance(result, ConnectionError) and not isinstance(result, BrokenPipeError):
            raise result


async def _feed(target: Descriptor | None, io: StreamIO, *, closes: bool) -> None:
    if target is None:
        return
    with contextlib.suppress(BrokenPipeError):
        while data := await io.read():
            await target.write(data)
    if closes:
        target.close()


async def _copy(source: Descriptor, io: StreamIO, stream: int) -> None:
    while data := await source.read():
        await io.write(data, stream)


async def _resize(terminal: Descriptor | None, io: StreamIO) -> None:
    while terminal is not None and (size := await io.resized()) is not None:
        packed = struct.pack("HHHH", size.height, size.width, 0, 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(terminal.number, termios.TIOCSWINSZ, packed)

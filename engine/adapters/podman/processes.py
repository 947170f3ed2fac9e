"""Short-lived helper processes and the ends of any process, without a thread for each.

It knows processes; not what they are for.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

import attrs

from engine.adapters.podman.files import read, read_bytes

KEPT_OUTPUT = 65536


@attrs.frozen(kw_only=True)
class Outcome:
    """How a helper process ended and what it wrote (stdout and stderr, cut after 64 KiB)."""

    code: int
    output: str


@attrs.define(eq=False)
class Exit:
    """One awaited end of a process; `cancel` when nobody waits any more."""

    descriptor: int

    def cancel(self) -> None:
        """Stop waiting. Cancelling twice, or after the end, is allowed."""
        if self.descriptor >= 0:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self.descriptor)
            os.close(self.descriptor)
            self.descriptor = -1


def on_exit(pid: int, callback: Callable[[], None]) -> Exit:
    """Call *callback* once, soon after process *pid* has ended (child or not).

    Raises:
        ProcessLookupError: there is no such process (any more).
        OSError: the kernel has no pidfd, or refuses one.
    """
    waiting = Exit(os.pidfd_open(pid))

    def ended() -> None:
        waiting.cancel()
        callback()

    asyncio.get_running_loop().add_reader(waiting.descriptor, ended)
    return waiting


async def run(
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    seconds: float = 30.0,
) -> Outcome:
    """Run *command* to its end.

    Raises:
        TimeoutError: it took longer than *seconds*, and was killed with its process group.
        OSError: it cannot be started.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    loop = asyncio.get_running_loop()
    pieces: list[bytes] = []
    try:
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - vfork: back within a millisecond
            command,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    os.set_blocking(reading, False)

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            piece = os.read(reading, KEPT_OUTPUT)
            if not piece:
                loop.remove_reader(reading)
            elif sum(map(len, pieces)) < KEPT_OUTPUT:
                pieces.append(piece)

    ended = asyncio.Event()
    exit_ = on_exit(process.pid, ended.set)
    loop.add_reader(reading, read)
    try:
        if process.stdin is not None:
            with process.stdin, contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
        async with asyncio.timeout(seconds):
            await ended.wait()
    finally:
        exit_.cancel()
        loop.remove_reader(reading)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        read()
        os.close(reading)
    return Outcome(code=process.returncode, output=b"".join(pieces).decode(errors="replace"))


def descendants(pid: int) -> list[int]:
    """Process *pid* and all that come from it, parents first; those that end meanwhile may miss."""
    found = [pid]
    for one in found:  # it grows as it is walked
        try:
            found += map(int, read(f"/proc/{one}/task/{one}/children").split())
        except OSError:
            continue
    return found


def kill(pid: int, *, marker: bytes) -> bool:
    """SIGKILL process *pid* if its environment holds *marker*; whether it was there.

    The marker guards against a number that meanwhile belongs to somebody else.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not has_marker(pid, marker):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    reap(pid)
    return True


def reap(pid: int) -> None:
    """Collect the ended child *pid*; 0, or what is no child of ours, is left to others."""
    if pid:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def variable(pid: int, name: str) -> str:
    """What *name* is in the environment of process *pid*; nothing if it is not there.

    Raises:
        OSError: there is no such process (any more), or it is not to be looked at.
    """
    mark = f"{name}=".encode()
    found = (
        one for one in read_bytes(f"/proc/{pid}/environ").split(b"\0") if one[: len(mark)] == mark
    )
    return os.fsdecode(next(found, mark)[len(mark) :])


def has_marker(pid: int, marker: bytes) -> bool:
    """Whether the environment of process *pid* holds *marker* (``NAME=value``)."""
    try:
        return marker in read_bytes(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return False

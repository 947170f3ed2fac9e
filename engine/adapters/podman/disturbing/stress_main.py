"""A program of its own: uses up CPU, memory or disk inside a container.

``python -I -S stress_main.py KIND PID CGROUPS NUMBER NUMBER``: joins the pid namespace of process
PID and the cgroups whose files are named (``:`` between them), so that the container pays for it
and it ends with the container. It ends too when its parent does, however that ends.
"""

# ruff: noqa: PTH123 - pathlib takes longer to import than the rest to run
import contextlib
import ctypes
import mmap
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
STEP = 4 << 20
SLICE = 0.1

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Go in, and work until killed."""
    kind, pid, cgroups, first, second = sys.argv[1:6]
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY)
    namespace = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    if libc.setns(namespace, 0):
        sys.exit(f"cannot join the container: {os.strerror(ctypes.get_errno())}")
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for path in cgroups.split(":"):
            with contextlib.suppress(OSError), open(path, "w") as file:
                file.write("0")
        os.write(1, b"ok\n")
        os.close(1)
        if kind == "cpu":
            burn(float(first))
        elif kind == "memory":
            hold(int(first), is_fatal=second == "1")
        else:
            write(root)
    os.close(1)
    os.waitpid(child, 0)


def burn(load: float) -> None:
    """Be busy for *load* percent of the time."""
    while True:
        end = time.perf_counter() + SLICE * load / 100
        while time.perf_counter() < end:
            pass
        if load < 100:
            time.sleep(SLICE * (1 - load / 100))


def hold(size: int, *, is_fatal: bool) -> None:
    """Hold *size* bytes; if *is_fatal*, more and more."""
    kept = []
    held = 0
    while is_fatal or held < size:
        step = STEP if is_fatal else min(STEP, size - held)
        block = mmap.mmap(-1, step)
        for offset in range(0, step, mmap.PAGESIZE):
            block[offset] = 1
        kept.append(block)
        held += step
    while True:
        signal.pause()


def write(root: int) -> None:
    """Write and flush a file that has no name, on the container's own disk."""
    folder = os.open("tmp", os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=root)
    file = os.open(".", os.O_RDWR | os.O_TMPFILE, 0o600, dir_fd=folder)
    block = os.urandom(1 << 20)
    while True:
        for _ in range(16):
            os.write(file, block)
        os.fsync(file)
        os.lseek(file, 0, os.SEEK_SET)


main()

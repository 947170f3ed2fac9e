"""Processes that use up what a container has; they end with it, with us, and when told."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

from engine.adapters.podman import processes
from engine.adapters.podman.records import Container
from engine.cri.disturbance import BurnCpu, BurnDisk, HoldMemory
from engine.errors import AdapterError

MARK = "KUBARIUM_STRESS"
PROGRAM = str(Path(__file__).with_name("stress_main.py"))
SPARE = 256 * 2**20
START_SECONDS = 5.0
END_TRIES = 200
UNLIMITED = 1 << 60


def check_memory(disturbance: HoldMemory, container: Container) -> None:
    """Return if the host survives it.

    Raises:
        AdapterError: it would run out of memory itself.
    """
    limit = memory_limit(container)
    if disturbance.is_fatal and limit is None:
        raise AdapterError(
            f"container {container.name} has no memory limit: using memory until it is killed would"
            " hit the whole host"
        )
    wanted = min(disturbance.bytes or UNLIMITED, limit or UNLIMITED)
    available = _available()
    if wanted > available - SPARE:
        raise AdapterError(
            f"{wanted >> 20} MiB are more than this host can spare ({available >> 20} MiB are free)"
        )


def memory_limit(container: Container) -> int | None:
    """The memory limit of the container in bytes; None without one."""
    for controller, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        folder = container.cgroup.get(controller)
        if folder is not None:
            with contextlib.suppress(OSError, ValueError):
                found = int((folder / name).read_text())
                return found if found < UNLIMITED else None
    return None


async def start(
    disturbance: BurnCpu | HoldMemory | BurnDisk, container: Container, name: str
) -> None:
    """Start the processes; the environment of each says *name*, by which `end` finds it.

    Raises:
        AdapterError: the container cannot be entered.
    """
    match disturbance:
        case BurnCpu():
            count, arguments = disturbance.workers, ["cpu", str(disturbance.load), "0"]
        case HoldMemory():
            check_memory(disturbance, container)
            if disturbance.is_fatal:
                _prefer(container)
            fatal = "1" if disturbance.is_fatal else "0"
            count, arguments = 1, ["memory", str(disturbance.bytes), fatal]
        case BurnDisk():
            count, arguments = disturbance.workers, ["disk", "0", "0"]
    cgroups = ":".join(sorted({str(path / "cgroup.procs") for path in container.cgroup.values()}))
    kind, *numbers = arguments
    for _ in range(count):
        await _spawn([kind, str(container.pid), cgroups, *numbers], name)


async def _spawn(arguments: list[str], name: str) -> None:
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - vfork: back within a millisecond
        [sys.executable, "-I", "-S", PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={MARK: name},
    )
    assert process.stdout is not None
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    with process.stdout as output:
        loop.add_reader(output.fileno(), readable.set)
        try:
            async with asyncio.timeout(START_SECONDS):
                await readable.wait()
        except TimeoutError:
            process.kill()
        finally:
            loop.remove_reader(output.fileno())
        said = os.read(output.fileno(), 4096)
    if not said.startswith(b"ok"):
        process.kill()
        process.wait()
        words = said.decode(errors="replace").strip().splitlines()
        raise AdapterError(words[-1] if words else "the container cannot be entered")
    process.returncode = 0  # it is ended by `end`, not by this object


async def end(name: str) -> None:
    """Kill all that `start` started under *name*, whoever did; return when they are gone."""
    mark = f"{MARK}={name}".encode()
    for _ in range(END_TRIES):
        left = _marked(mark)
        if not left:
            return
        for pid in left:
            processes.kill(pid, marker=mark)
        await asyncio.sleep(0.01)


def _marked(mark: bytes) -> list[int]:
    numbers = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208
    return [pid for pid in numbers if processes.has_marker(pid, mark)]


def _prefer(container: Container) -> None:
    """Have the kernel choose the container's own processes when memory runs out."""
    for folder in container.cgroup.values():
        with contextlib.suppress(OSError):
            for pid in (folder / "cgroup.procs").read_text().split():
                Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
            return


def _available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0

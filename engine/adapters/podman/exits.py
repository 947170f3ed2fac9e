"""How a container ended: exit code, out of memory or not, and what it left to say.

The pidfd says when; this says how, from what is quickest to know it.
"""

import asyncio
import contextlib
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.adapters.places import is_inside
from engine.adapters.podman.client import PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.files import read, read_bytes
from engine.adapters.podman.logs import render, tail_offset

EXIT_FILE_SECONDS = 0.15  # conmon writes it at once, Podman removes it a little later
INSPECT_SECONDS = 5.0
UNKNOWN = 255
KILLED = 137
MESSAGE_BYTES = 4096
LOG_LINES = 80
LOG_BYTES = 2048
OOM_FILES = {"memory": "memory.oom_control", "": "memory.events"}


async def exit_code(client: PodmanClient, container: str, exits: Path | None) -> int:
    """The exit code of *container*, whose process has just ended; 255 if nobody knows any more."""
    loop = asyncio.get_running_loop()
    if exits is not None:
        deadline = loop.time() + EXIT_FILE_SECONDS
        while loop.time() < deadline:
            try:
                text = read(f"{exits}/{container}").strip()
            except OSError:
                text = ""
            if text:
                return int(text)
            await asyncio.sleep(0.003)
    deadline = loop.time() + INSPECT_SECONDS
    while loop.time() < deadline:
        try:
            state = (await client.get(f"/containers/{container}/json"))["State"]
        except PodmanError:
            return UNKNOWN
        except PodmanGone:
            await asyncio.sleep(0.2)
            continue
        if has_exited(state):
            return int(state["ExitCode"])
        await asyncio.sleep(0.05)
    return UNKNOWN


def has_exited(state: Mapping[str, Any]) -> bool:
    """Whether Podman's *state* of a container means that it ran and ended."""
    return str(state.get("Status")) in {"exited", "stopped", "removing", "dead"}


def cgroups(pid: int, root: Path = Path("/sys/fs/cgroup")) -> dict[str, Path]:
    """The folders of a process' cgroups by controller; ``""`` for the unified hierarchy.

    Of an ordinary user's container only those that are its own: without delegation it is in ours.
    """
    folders: dict[str, Path] = {}
    top = str(root)
    ours = _own_cgroups() if is_inside() else frozenset()
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        if line in ours:
            continue
        _, controllers, path = line.split(":", 2)
        if not controllers:
            if _exists(f"{top}/cgroup.controllers"):
                folders[""] = Path(f"{top}{path}")
            continue
        parent = path.split("/", 2)[1]
        for controller in controllers.split(","):
            hierarchy = f"{top}/{controller.removeprefix('name=')}"
            if _exists(f"{hierarchy}/{parent}"):
                folders[controller] = Path(f"{hierarchy}{path}")
    return folders


@functools.cache
def _exists(folder: str) -> bool:
    """Whether a hierarchy is there, as its processes are told: for all containers alike."""
    return os.path.exists(folder)  # noqa: PTH110 - a string


@functools.cache
def _own_cgroups() -> frozenset[str]:
    return frozenset(Path("/proc/self/cgroup").read_text().splitlines())


def is_out_of_memory(folders: Mapping[str, Path]) -> bool | None:
    """Whether the kernel killed a process in these cgroups for want of memory; None if gone.

    Must be read before Podman or systemd cleans up, which is some 30 ms after the end at best.
    """
    for controller, name in OOM_FILES.items():
        if controller not in folders:
            continue
        try:
            lines = read(f"{folders[controller]}/{name}").splitlines()
        except OSError:
            return None
        for line in lines:
            words = line.split()
            if words[0] == "oom_kill":
                return int(words[1]) > 0
    return False


async def asked_for_oom(client: PodmanClient, container: str) -> bool:
    """What conmon has seen of it, when the kernel's own count is gone."""
    try:
        state = (await client.get(f"/containers/{container}/json"))["State"]
    except (PodmanError, PodmanGone):
        return False
    return bool(state.get("OOMKilled"))


def termination_message(path: Path | None, log: Path | None = None) -> str:
    """What the container wrote to its termination message path, cut after 4 KiB.

    With *log* (it failed, and its policy is FallbackToLogsOnError) the end of that instead of
    nothing: at most 80 lines and 2 KiB.

    Source: getTerminationMessage, kuberuntime_container.go, kubernetes v1.34.
    """
    message = ""
    if path is not None:
        with contextlib.suppress(OSError):
            message = read_bytes(path, MESSAGE_BYTES).decode(errors="replace")
    if message or log is None:
        return message
    with contextlib.suppress(OSError):
        with log.open("rb") as file:
            file.seek(tail_offset(log, LOG_LINES))
            lines = file.read().splitlines(keepends=True)
        said = b"".join(render(line, since=None, timestamps=False) for line in lines)
        message = said[-LOG_BYTES:].decode(errors="replace")
    return message

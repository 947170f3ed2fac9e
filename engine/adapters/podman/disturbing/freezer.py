"""Freezing a container by its cgroup, version 1 or 2; without one by stopping its processes."""

import contextlib
import os
import signal
from pathlib import Path

from engine.adapters.podman import processes
from engine.adapters.podman.records import Container
from engine.errors import AdapterError

PROC = Path("/proc")


def switch_of(container: Container) -> Path:
    """The file that freezes the container; without cgroups its first process, below /proc.

    Raises:
        AdapterError: the kernel has none for it.
    """
    if not container.cgroup and container.pid:
        return PROC / str(container.pid)
    for controller, name in (("freezer", "freezer.state"), ("", "cgroup.freeze")):
        folder = container.cgroup.get(controller)
        if folder is not None and (folder / name).exists():
            return folder / name
    raise AdapterError("containers cannot be frozen here: their cgroups have no freezer")


def is_frozen(container: Container) -> bool:
    """Whether the container stands still."""
    try:
        switch = switch_of(container)
        if switch.parent == PROC:
            return (switch / "stat").read_text().rpartition(")")[2].split()[0] == "T"
        return switch.read_text().strip() not in ("THAWED", "0")
    except (AdapterError, OSError):
        return False


def freeze(switch: Path) -> None:
    """Stop every process.

    Raises:
        OSError: the container is gone.
    """
    if switch.parent == PROC:
        _signal(switch, signal.SIGSTOP)
        return
    switch.write_text("FROZEN" if switch.name == "freezer.state" else "1")


def thaw(switch: Path) -> None:
    """Let them go on; a container that is gone needs nothing."""
    if switch.parent == PROC:
        _signal(switch, signal.SIGCONT)
        return
    with contextlib.suppress(OSError):
        switch.write_text("THAWED" if switch.name == "freezer.state" else "0")


def _signal(switch: Path, number: signal.Signals) -> None:
    """Send signal *number* to a container's processes, from the first on."""
    for pid in processes.descendants(int(switch.name)):
        with contextlib.suppress(OSError):
            os.kill(pid, number)

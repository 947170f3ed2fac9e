"""Freezing a container by its cgroup: version 1 and 2."""

import contextlib
from pathlib import Path

from engine.adapters.podman.records import Container
from engine.errors import AdapterError


def switch_of(container: Container) -> Path:
    """The file that freezes the container.

    Raises:
        AdapterError: the kernel has none for it.
    """
    for controller, name in (("freezer", "freezer.state"), ("", "cgroup.freeze")):
        folder = container.cgroup.get(controller)
        if folder is not None and (folder / name).exists():
            return folder / name
    raise AdapterError("containers cannot be frozen here: their cgroups have no freezer")


def is_frozen(container: Container) -> bool:
    """Whether the container stands still."""
    try:
        return switch_of(container).read_text().strip() not in ("THAWED", "0")
    except (AdapterError, OSError):
        return False


def freeze(switch: Path) -> None:
    """Stop every process.

    Raises:
        OSError: the container is gone.
    """
    switch.write_text("FROZEN" if switch.name == "freezer.state" else "1")


def thaw(switch: Path) -> None:
    """Let them go on; a container that is gone needs nothing."""
    with contextlib.suppress(OSError):
        switch.write_text("THAWED" if switch.name == "freezer.state" else "0")

"""Logs kept short: a file that has grown large is put aside, and conmon begins a new one.

Source: kubelet logs/container_log_manager.go, kubernetes v1.34 (10 MiB, five files; the kubelet
also compresses what it has put aside).
"""

import contextlib
import os
from pathlib import Path

from engine.adapters.podman.records import Container

MAX_BYTES = 10 << 20
MAX_FILES = 5
REOPEN = b"2 0 0\n"  # conmon's control message; 1 is a resize


def rotate(container: Container, *, stamp: str, max_bytes: int = MAX_BYTES) -> bool:
    """Put the container's log aside as ``NAME.STAMP`` if it is too large; whether it was.

    The oldest of more than five files goes.
    """
    log, control = container.log, container.control
    if log is None or control is None or not container.is_running:
        return False
    try:
        if log.stat().st_size <= max_bytes:
            return False
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False  # no log yet, or conmon is gone
    try:
        log.rename(log.with_name(f"{log.name}.{stamp}"))
        os.write(descriptor, REOPEN)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    for path in rotated(log)[: -(MAX_FILES - 1)]:
        path.unlink(missing_ok=True)
    return True


def rotated(log: Path) -> list[Path]:
    """What was put aside of *log*, the oldest first."""
    return sorted(path for path in log.parent.glob(f"{log.name}.*") if path.suffix != ".tmp")


def remove_log(log: Path) -> None:
    """Remove a log with all that was put aside of it."""
    for path in [log, *rotated(log)]:
        with contextlib.suppress(OSError):
            path.unlink()

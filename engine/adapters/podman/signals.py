"""Signals to a container's first process, straight from here: quick, and without Podman's help."""

import contextlib
import os
import signal
from pathlib import Path

from engine.adapters.podman.files import read
from engine.adapters.podman.records import Container


def send_signal(container: Container, name: str) -> bool:
    """Send signal *name* to the container's process; False if it is not ours to reach.

    A frozen container is thawed first when the signal is SIGKILL, or it would never die.
    """
    number = signal_number(name)
    if number is None or not container.pid or container.exit is None:
        return False
    try:
        signal.pidfd_send_signal(container.exit.descriptor, number)
    except OSError:
        return False
    if number == signal.SIGKILL:
        _thaw(container)
    return True


def catches(pid: int, name: str) -> bool:
    """Whether process *pid* has a handler for signal *name*; True where that cannot be told."""
    number = signal_number(name)
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next((int(line[7:], 16) for line in lines if line.startswith("SigCgt:")), None)
    return number is None or caught is None or bool(caught >> (number - 1) & 1)


def signal_number(name: str) -> int | None:
    """The number of ``SIGTERM``, ``TERM``, ``15`` or ``SIGRTMIN+3``; None for what is none."""
    if name.isdigit():
        return int(name)
    base, plus, more = (name if name.startswith("SIG") else f"SIG{name}").partition("+")
    if not plus:
        base, plus, more = base.partition("-")
    with contextlib.suppress(ValueError, KeyError):
        number = signal.Signals[base].value
        return number + int(f"{plus}{more or 0}")
    return None


def signal_name(text: str) -> str:
    """``SIGTERM`` for ``SIGTERM``, ``TERM`` or ``15``, as Kubernetes calls it; empty for none."""
    number = signal_number(text)
    if number is None:
        return ""
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        up, down = number - signal.SIGRTMIN, signal.SIGRTMAX - number
        return f"SIGRTMIN+{up}" if up <= down else f"SIGRTMAX-{down}"
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return ""


def _thaw(container: Container) -> None:
    folder: Path | None = container.cgroup.get("freezer")
    if folder is not None:
        with contextlib.suppress(OSError):
            state = folder / "freezer.state"
            if read(state).strip() != "THAWED":
                state.write_text("THAWED")
    unified = container.cgroup.get("")
    if unified is not None and os.path.exists(unified / "cgroup.freeze"):  # noqa: PTH110
        with contextlib.suppress(OSError):
            (unified / "cgroup.freeze").write_text("0")

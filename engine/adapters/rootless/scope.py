"""A scope of the user's own systemd for this process, as Podman makes one for itself.

A user may move processes only between cgroups below ``user@N.service``. A login session lies beside
it: from there no command of `kubectl exec`, no probe and no stress could join its container's.
"""

import os
import subprocess
import time
from pathlib import Path

from engine.adapters.places import user_ids
from engine.adapters.rootless import requirements

MOVE_SECONDS = 2.0
LOOK_SECONDS = 0.01
OWN = Path("/proc/self/cgroup")


def move_into_one() -> bool:
    """Have the user's systemd move this process into a scope; whether it is among their cgroups.

    Where there is no such systemd, or it refuses, nothing changes.
    """
    if not requirements.uses_systemd():
        return False
    if is_below(OWN.read_text(), user_ids()[0]):
        return True
    try:
        asked = subprocess.run(  # noqa: S603
            start_command(os.getpid()), capture_output=True, timeout=MOVE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    deadline = time.monotonic() + (0.0 if asked.returncode else MOVE_SECONDS)
    while not (is_moved := is_below(OWN.read_text(), user_ids()[0])):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    return is_moved


def is_below(cgroups: str, user: int) -> bool:
    """Whether a process is among the cgroups of *user*; *cgroups* is its ``/proc/PID/cgroup``."""
    return f"/user@{user}.service/" in cgroups


def start_command(pid: int) -> list[str]:
    """The command that asks the user's systemd for a scope with process *pid* in it."""
    manager = "org.freedesktop.systemd1"
    place = [manager, "/org/freedesktop/systemd1", f"{manager}.Manager", "StartTransientUnit"]
    properties = ["1", "PIDs", "au", "1", str(pid)]
    unit = [f"kubarium-{pid}.scope", "fail", *properties, "0"]
    return ["busctl", "--user", "call", *place, "ssa(sv)a(sa(sv))", *unit]

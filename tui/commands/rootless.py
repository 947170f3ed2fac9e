"""What `kubarium` does before and after a command when its user is not root."""

import argparse
import os
import signal
import sys
from pathlib import Path

from engine.adapters import places
from engine.adapters.podman.cleanup import wipe
from engine.adapters.rootless import entering, outside
from engine.adapters.rootless.requirements import refusals
from engine.errors import ConfigError
from engine.hosting.containers import containers_folder

IGNORED = "CONTAINER_HOST is not used: without root Kubarium runs a rootless Podman of its own"


def begin(options: argparse.Namespace) -> None:
    """Have a command with real containers go on inside namespaces of its own.

    Where that cannot be, it goes on here, with simulated containers, which its first lines explain.

    Raises:
        ConfigError: real containers were asked for, and cannot be had.
    """
    if places.is_inside():
        for number in (signal.SIGTERM, signal.SIGHUP):  # until the command itself listens to them
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop)
        outside.leave(places.holder())
        return
    if not _wants_containers(options):
        return
    if os.environ.pop("CONTAINER_HOST", ""):
        print(f"kubarium: {IGNORED}", file=sys.stderr)
    data = getattr(options, "data", None)
    found = entering.enter(containers_folder(data), is_kept=data is not None)
    if getattr(options, "runtime", "") == "podman":
        raise ConfigError(f"containers cannot be run here: {found.reason}")
    refusals.append(found.reason)


def end(options: argparse.Namespace) -> None:
    """Leave nothing behind but containers that are to be kept."""
    if not places.is_inside():
        return
    is_kept = getattr(options, "data", None) is not None
    entering.leave(is_kept=is_kept)
    if not is_kept:
        wipe(Path(places.space()))


def _stop(number: int, _frame: object) -> None:
    """End by way of `end`."""
    sys.exit(128 + number)


def _wants_containers(options: argparse.Namespace) -> bool:
    """Whether the command has a cluster of its own, on containers and on no named Podman.

    What is to be done about a named one is told by who would use it.
    """
    return (
        options.wants_containers
        and not options.podman_url
        and options.runtime != "simulated"
        and options.speed == 1.0
        and getattr(options, "real", True)
    )

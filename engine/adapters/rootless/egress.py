"""The way from the cluster's own network to the world: slirp4netns or pasta, if one can be used.

Without it pods reach each other, their services and names (also names outside, since our DNS server
asks in the machine's network), but no address outside.
"""

import asyncio
import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import attrs

from engine.adapters.places import network, space
from engine.adapters.rootless import outside
from engine.adapters.rootless.entering import run_root
from engine.adapters.rootless.requirements import uses_outer_network

log = logging.getLogger(__name__)

DEVICE = "tap0"
READY_SECONDS = 5.0
LOOK_SECONDS = 0.02


@attrs.define(eq=False)
class Egress:
    """A running program that carries packets between the two networks; it ends with us."""

    process: outside.Process

    @classmethod
    async def begin(cls) -> Self | None:
        """Start it and wait until the way out is there; None if there is none to be had."""
        program = uses_outer_network()
        if not program:
            return None
        try:
            process = await outside.start_process(
                command(program, _network_file() if program == "pasta" else network()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            log.warning("no way out of the cluster program=%s error=%s", program, error)
            return None
        made = cls(process)
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while not _is_there():
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                log.warning("no way out of the cluster program=%s", program)
                made.end()
                return None
            await asyncio.sleep(LOOK_SECONDS)
        return made

    def end(self) -> None:
        """End it."""
        if self.process.returncode is None:
            self.process.kill()


def command(program: str, namespace: str) -> Sequence[str]:
    """The command line of *program* for the network namespace at path *namespace*."""
    ours = ["setpriv", "--pdeathsig", "KILL", program]
    if program == "pasta":
        quiet = ["--foreground", "--quiet", "--runas", "0:0", "--config-net", "--ns-ifname", DEVICE]
        closed = ["-t", "none", "-u", "none", "-T", "none", "-U", "none"]
        return [*ours, *quiet, *closed, "--netns-only", "--netns", namespace]
    options = ["--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path"]
    return [*ours, *options, namespace, DEVICE]


def _network_file() -> str:
    """Our network namespace as a file of its own.

    By the process that holds it, pasta could not open it: it gives up the capability too early.
    """
    path = run_root(Path(space())) / "network"
    if not path.is_mount():
        path.touch()
        subprocess.run(["mount", "--bind", network(), str(path)], check=False)  # noqa: S603, S607
    return str(path)


def _is_there() -> bool:
    """Whether there is a default route."""
    with open("/proc/net/route") as file:  # noqa: PTH123 - of this thread's network
        return any(line.split()[1:2] == ["00000000"] for line in file)

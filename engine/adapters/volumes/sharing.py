"""Network volumes: a file server in user space for each mount, reached through FUSE.

The server speaks SFTP over a pair of sockets that nobody else can reach; the client is a FUSE file
system at the pod's place. Both outlive Kubarium, and end when the place is unmounted.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import attrs

from engine.errors import AdapterError

SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
)
OPTIONS = (
    # What one node writes another one is to see soon: attributes are not kept.
    "passive,allow_other,default_permissions,dir_cache=no,attr_timeout=0,entry_timeout=0,"
    "negative_timeout=0,fsname=kubarium"
)
MOUNT_SECONDS = 5.0
LOOK_SECONDS = 0.01


def file_server() -> str | None:
    """The SFTP server of this machine, if it has one."""
    return next((path for path in SERVERS if Path(path).exists()), None)


def can_share() -> bool:
    """Whether network volumes can be mounted as such here; else they are plain folders."""
    return (
        file_server() is not None
        and shutil.which("sshfs") is not None
        and os.access("/dev/fuse", os.R_OK | os.W_OK)
    )


@attrs.define(eq=False)
class Shares:
    """The mounts that this process made; it waits for their processes when they end. Blocking."""

    _processes: list["subprocess.Popen[bytes]"] = attrs.field(factory=list, init=False)

    def mount(self, export: Path, place: Path) -> None:
        """Mount the folder *export* at *place*.

        Raises:
            AdapterError: the client does not come up.
        """
        self.reap()
        server = file_server()
        assert server is not None, "asked only where `can_share` says so"
        ours, theirs = socket.socketpair()
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        with ours, theirs:
            self._processes.append(
                subprocess.Popen(  # noqa: S603
                    [server],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env=environment,
                )
            )
            client = subprocess.Popen(  # noqa: S603
                ["sshfs", f":{export}", str(place), "-o", OPTIONS],  # noqa: S607
                stdin=ours.fileno(),
                stdout=ours.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        self._processes.append(client)
        deadline = time.monotonic() + MOUNT_SECONDS
        while not os.path.ismount(place):
            if client.poll() is not None or time.monotonic() > deadline:
                client.kill()
                raise AdapterError(f"mounting network volume {export.parent.name} failed")
            time.sleep(LOOK_SECONDS)

    def reap(self) -> None:
        """Forget the processes that have ended."""
        self._processes = [process for process in self._processes if process.poll() is None]

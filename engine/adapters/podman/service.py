"""Our own `podman system service`, with its own images, containers, networks and events.

It knows how to start, watch and stop the process; not what is asked of it.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from engine.adapters.places import is_inside, runtime_folder
from engine.adapters.podman.memory import share_mounts
from engine.adapters.podman.preflight import Preflight
from engine.adapters.podman.userdata import UserData
from engine.adapters.rootless import entering, outside, requirements
from engine.errors import AdapterError

CONTAINERS_CONF = """\
[containers]
default_ulimits = []
default_capabilities = [{capabilities}]
log_driver = "k8s-file"
log_size_max = -1
[engine]
runtime = "{runtime}"
cgroup_manager = "{cgroups}"
events_logger = "file"
tmp_dir = "{state}/tmp"
lock_type = "file"
image_copy_tmp_dir = "{state}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{state}/networks"
"""
CAPABILITIES = (  # what containerd gives, and what images for Kubernetes are made for
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
STORAGE_CONF = """\
[storage]
driver = "{driver}"
graphroot = "{state}/storage"
runroot = "{state}/run"
"""
REGISTRIES = Path("/etc/containers/registries.conf")
LOOPBACK = """
[[registry]]
prefix = "{host}"
location = "{host}"
insecure = true
"""
HIDE_CGROUP2 = 'umount /sys/fs/cgroup/unified && exec "$@"'
OWN_MOUNTS = ("unshare", "--mount", "--propagation", "slave")  # ours, also later ones, reach it
START_SECONDS = 60.0  # a busy machine may take half of it
LONGEST_ADDRESS = 107
SOCKETS = runtime_folder() / "sockets"
EVENTS = Path("tmp/events/events.log")


@attrs.define(eq=False)
class PodmanService:
    """One Podman service process of our own, living in *state*.

    Promises:
        * nothing of the user's own Podman is read or changed;
        * `start` returns when the service answers, and stops a leftover of an earlier run first;
        * containers go on when the service stops or dies.
    """

    state: Path
    podman: str = "podman"
    runtime: str = "runc"
    driver: str = "overlay"
    hides_cgroup2: bool = False
    process: outside.Process | asyncio.subprocess.Process | None = attrs.field(
        default=None, init=False
    )

    @classmethod
    def for_host(cls, state: Path, found: Preflight) -> Self:
        """The service as this machine needs it."""
        return cls(
            state,
            podman=found.podman,
            runtime=found.runtime,
            hides_cgroup2=found.hides_cgroup2,
        )

    @property
    def exits(self) -> Path:
        """Where conmon leaves the exit codes of containers, for a moment."""
        return self.state / "tmp" / "exits"

    @property
    def userdata(self) -> UserData:
        """Where its files of containers are."""
        return UserData.of(self.state, self.driver)

    @property
    def socket(self) -> Path:
        """The service's socket; short enough for a unix address wherever *state* is."""
        return socket_of(self.state)

    @property
    def url(self) -> str:
        """What `podman --url` takes."""
        return f"unix://{self.socket}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a `podman` command sees what this service sees."""
        return {
            **os.environ,
            **(entering.podman_environment() if is_inside() else {}),
            "CONTAINERS_CONF": str(self.state / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.state / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.state / "registries.conf"),
        }

    def write_config(self) -> None:
        """Write the configuration files and folders."""
        for name in ("", "tmp", "networks"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        values = {
            "state": self.state,
            "runtime": self.runtime,
            "cgroups": "systemd" if requirements.has_slices() else "cgroupfs",
            "driver": self.driver,
            "capabilities": ", ".join(f'"{name}"' for name in CAPABILITIES),
        }
        (self.state / "containers.conf").write_text(CONTAINERS_CONF.format(**values))
        (self.state / "storage.conf").write_text(STORAGE_CONF.format(**values))
        (self.state / "registries.conf").write_text(registries_conf())

    async def start(self) -> None:
        """Start the process and wait until it accepts connections.

        Raises:
            AdapterError: it ended at once or does not answer; with what it said.
        """
        self.write_config()
        share_mounts()
        end_leftover(self.state)
        self.socket.unlink(missing_ok=True)
        log = self.state / "service.log"
        options = entering.storage_options(self.state) if is_inside() else []
        command = [self.podman, *options, "system", "service", "--time", "0", self.url]
        if self.hides_cgroup2:
            command = [*OWN_MOUNTS, "sh", "-c", HIDE_CGROUP2, "sh", *command]
        with log.open("wb") as output:
            # Images come through the machine's network, also when we have left it.
            start = outside.start_process if outside.is_elsewhere() else _start_here
            self.process = await start(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.state,  # conmon leaves files where it is
            )
        (self.state / "service.pid").write_text(str(self.process.pid))
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await _accepts(self.socket):
            said = log.read_text(errors="replace").strip()[-500:]
            if self.process.returncode is not None:
                raise AdapterError(f"the Podman service ended at once: {said or 'it said nothing'}")
            if asyncio.get_running_loop().time() > deadline:
                await self.stop()
                raise AdapterError(f"the Podman service does not answer: {said}")
            await asyncio.sleep(0.005)

    async def wait(self) -> int:
        """Wait until the process ends; its return code."""
        assert self.process is not None
        return await self.process.wait()

    def kill(self) -> None:
        """End the process without asking it; also one that is stopped."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def stop(self) -> None:
        """End the service; its containers go on."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 3.0)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()
        self.process = None
        for path in (self.state / "service.pid", self.socket):
            path.unlink(missing_ok=True)


def socket_of(state: Path) -> Path:
    """Where the service of *state* listens.

    A unix address holds 107 bytes: a longer path is exchanged for a short one made of its digest.
    """
    path = state / "podman.sock"
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        return path
    folder = SOCKETS
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return folder / f"kubarium-{digest}.sock"


def registries_conf(system: Path = REGISTRIES) -> str:
    """The machine's own settings of registries, and that those on this machine need no TLS.

    As Docker has it for everything on loopback.
    """
    try:
        text = system.read_text()
    except OSError:
        text = ""
    if "[registries." in text:
        return text  # the old form, to which nothing can be added
    added = [LOOPBACK.format(host=host) for host in ("127.0.0.1", "localhost") if host not in text]
    return text + "".join(added)


def end_leftover(state: Path) -> bool:
    """End the service that an earlier run left behind in *state*; whether there was one."""
    try:
        pid = int((state / "service.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    if str(socket_of(state)).encode() not in command:
        return False  # the number belongs to somebody else by now
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
    return True


def ids_in_events(state: Path) -> set[str]:
    """The ids of the pods and containers that the service of *state* has lately had to do with."""
    ids = set[str]()
    with contextlib.suppress(OSError):
        for line in (state / EVENTS).read_text(errors="replace").splitlines():
            if '"Type":"pod"' in line or '"Type":"container"' in line:
                with contextlib.suppress(ValueError):  # cut off
                    ids.add(json.loads(line)["ID"])
    return ids


async def _start_here(command: Sequence[str], **settings: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*command, **settings)


async def _accepts(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return False
    writer.close()
    return True

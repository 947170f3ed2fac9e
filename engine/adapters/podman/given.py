"""A Podman service that the user names: it is used as it is, and never started, stopped or changed.

By a unix socket, over TCP, or through an SSH tunnel; its containers run on this machine.
"""

import asyncio
import contextlib
import platform
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from engine.adapters.places import user_ids
from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.preflight import Preflight, local_tools
from engine.adapters.podman.userdata import UserData
from engine.errors import AdapterError

SCHEMES = ("unix", "tcp", "http", "ssh")
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 10.0
FAILURES = 3


@attrs.define(eq=False)
class GivenPodman:
    """The service at *address*; *state* is where the socket of a tunnel goes.

    Promises:
        * `wait` returns when it has not answered three times; `start` waits for it to be back.
    """

    address: str
    state: Path
    exits: Path | None = attrs.field(default=None, init=False)
    userdata: UserData | None = attrs.field(default=None, init=False)
    tunnel: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where to talk to: the address itself, or the near end of the tunnel."""
        if self.address.startswith("ssh://"):
            return f"unix://{self.state / 'podman.sock'}"
        return self.address

    async def start(self) -> None:
        """Open the tunnel, if there is to be one, and wait until the service answers.

        Raises:
            AdapterError: it does not; the message names it.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        if self.address.startswith("ssh://") and not self._has_tunnel():
            await self._open_tunnel()
        client = PodmanClient(self.url)
        try:
            if not await client.answers(ANSWER_SECONDS):
                msg = f"Podman at {self.address} does not answer; is `podman system service` there?"
                raise AdapterError(msg)
        finally:
            await client.close()

    async def wait(self) -> int:
        """Wait until it does not answer any more; 0."""
        client, failures = PodmanClient(self.url), 0
        try:
            while failures < FAILURES:
                await asyncio.sleep(LOOK_SECONDS)
                answers = await client.answers(ANSWER_SECONDS)
                failures = 0 if answers else failures + 1
        finally:
            await client.close()
        return 0

    def kill(self) -> None:
        """It is not ours to end."""

    async def stop(self) -> None:
        """Close the tunnel; the service goes on."""
        if self.tunnel is not None:
            self.tunnel.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.tunnel.wait, 3.0)
            self._forget_tunnel()
            (self.state / "podman.sock").unlink(missing_ok=True)

    def _has_tunnel(self) -> bool:
        return self.tunnel is not None and self.tunnel.poll() is None

    def _forget_tunnel(self) -> None:
        if self.tunnel is not None and self.tunnel.stderr is not None:
            self.tunnel.stderr.close()
        self.tunnel = None

    async def _open_tunnel(self) -> None:
        socket = self.state / "podman.sock"
        socket.unlink(missing_ok=True)
        try:
            self.tunnel = subprocess.Popen(  # noqa: S603, ASYNC220 - back at once
                tunnel_command(self.address, socket),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl+C is for us: we still have containers to remove
            )
        except OSError as error:
            raise AdapterError(f"{self.address}: ssh cannot be run: {error}") from error
        for _ in range(200):
            if socket.exists():
                return
            if self.tunnel.poll() is not None:
                assert self.tunnel.stderr is not None
                said = self.tunnel.stderr.read().decode(errors="replace").strip()
                self._forget_tunnel()
                raise AdapterError(f"{self.address}: {said or 'ssh ended at once'}")
            await asyncio.sleep(0.05)
        raise AdapterError(f"{self.address}: ssh made no tunnel within 10 seconds")


def tunnel_command(address: str, socket: Path) -> list[str]:
    """The ssh command that brings the Podman socket behind *address* here as *socket*."""
    parts = urlsplit(address)
    user = f"{parts.username}@" if parts.username else ""
    port = ["-p", str(parts.port)] if parts.port else []
    remote = parts.path or "/run/podman/podman.sock"
    options = ["-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]
    return ["ssh", *options, *port, "-L", f"{socket}:{remote}", f"{user}{parts.hostname}"]


def check_address(address: str) -> str:
    """*address*, if it is one that Podman's own tools take.

    Raises:
        AdapterError: it is not; with examples.
    """
    parts = urlsplit(address)
    has_place = bool(parts.path if parts.scheme == "unix" else parts.hostname)
    if parts.scheme not in SCHEMES or not has_place:
        msg = (
            f"{address!r} is no address of a Podman service:"
            " unix:///run/podman/podman.sock, tcp://127.0.0.1:8888, ssh://user@host/path/of.sock"
        )
        raise AdapterError(msg)
    return address


async def preflight_given(address: str, state: Path) -> Preflight:
    """What the service at *address* can do for us; *state* is where a tunnel's socket may go.

    Raises:
        AdapterError: it does not answer, runs on another machine, is rootless, or is too old.
    """
    service = GivenPodman(check_address(address), state)
    client = PodmanClient(service.url)
    try:
        await service.start()
        return await inspect_given(address, client)
    finally:
        await client.close()
        await service.stop()


async def inspect_given(address: str, client: PodmanClient) -> Preflight:
    """What the service at *address* can do for us.

    Raises:
        AdapterError: it runs on another machine, is another user's, or is too old.
    """
    info: dict[str, Any] = await client.get("/info")
    host, version = info["host"], str(info["version"]["Version"])
    if int(version.split(".", 1)[0]) < 4:
        raise AdapterError(f"Podman {version} at {address} is too old; 4.0 or newer is needed")
    theirs, ours = host.get("hostname"), platform.node()
    if theirs != ours or host.get("kernel") != platform.release():
        msg = (
            f"Podman at {address} runs on another machine ({theirs}, and this is {ours}): pods get"
            " files and networks of the machine where Kubarium runs. Run Kubarium there"
        )
        raise AdapterError(msg)
    if why := whose(host, address, user_ids()[0]):
        raise AdapterError(why)
    runtime = str(host.get("ociRuntime", {}).get("name") or "crun")
    has_slices = host.get("cgroupManager") == "systemd"
    return local_tools(
        Preflight(usable=True, version=version, runtime=runtime, has_slices=has_slices)
    )


def whose(host: Mapping[str, Any], address: str, user: int) -> str:
    """Why *user* cannot run pods by the service at *address*, and what to do; empty if they can.

    *host* is what the service says of its machine. A rootless one makes networks where only its own
    programs are; ours is made there too when Kubarium runs one of its own.
    """
    if not host.get("security", {}).get("rootless"):
        if user == 0:
            return ""
        return (
            f"Podman at {address} is root's, and its pods take networks that only root can make:"
            " run sudo kubarium, or leave --podman-url (CONTAINER_HOST) out for a rootless Podman"
        )
    mapped = host.get("idMappings", {}).get("uidmap") or [{}]
    owner = int(mapped[0].get("host_id", -1))
    if owner == user:
        return (
            f"Podman at {address} is your own rootless one, in whose network no other program is:"
            " leave --podman-url (CONTAINER_HOST) out, and Kubarium runs a rootless one beside it"
        )
    name = _user_name(owner)
    return (
        f"Podman at {address} is the rootless one of {name}: run kubarium as {name}, without"
        " --podman-url, or name root's own service (sudo podman system service --time 0)"
    )


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return "another user"

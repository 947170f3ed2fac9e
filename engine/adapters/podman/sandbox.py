"""The namespaces and the network of a pod: what a strategy has to do, and the fast one.

It knows network namespaces and Podman pods; not what runs in them.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from engine.adapters.network.slots import Slot
from engine.adapters.places import largest_group
from engine.adapters.podman import processes
from engine.adapters.podman.client import PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.files import read_bytes, write
from engine.adapters.podman.own_users import (
    UserRanges,
    infra_pid,
    kill_infra,
    pod_settings,
    start_infra,
)
from engine.adapters.podman.pausing import PauseMaker
from engine.adapters.podman.records import (
    IP,
    NAMESPACES,
    PORTS,
    SANDBOX_ATTEMPT,
    STATE_VARIABLE,
    USERS,
    Owner,
    Sandbox,
)
from engine.cri.commands import CreateSandbox
from engine.errors import AdapterError

SYSCTLS = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": f"0 {largest_group()}",
}
STOPPED = b"0"
SHARED = ("share_process_namespace", "host_pid", "host_ipc")


class SandboxStrategy(Protocol):
    """One way to give a pod its namespaces and its address."""

    async def create(self, command: CreateSandbox, owner: Owner, *, ip: str) -> Sandbox:
        """Make the sandbox; with *ip* as its address, where the strategy can choose one.

        Raises:
            AdapterError: it could not be made; nothing of it is left.
        """
        ...

    async def stop(self, sandbox: Sandbox, owner: Owner) -> None:
        """End the processes and the network of a sandbox whose containers have exited.

        They stay, in a Podman pod that holds nothing else.
        """
        ...

    async def remove(self, sandbox: Sandbox, owner: Owner) -> None:
        """Kill what runs in it and remove it. What is gone already counts as removed."""
        ...

    def namespaces(self, sandbox: Sandbox) -> dict[str, Any]:
        """The part of a container's specification that puts it into *sandbox*."""
        ...

    async def adopt(self, pod: Mapping[str, Any], sandbox: Sandbox) -> bool:
        """Take over *sandbox*, found in Podman as *pod*; False if it is not usable any more.

        One that was stopped is taken over as such.
        """
        ...

    def close(self) -> None:
        """Make no more of them; those there are stay as they are."""
        ...


@attrs.define(eq=False)
class Routed:
    """Our own pause process and a routed veth pair: no bridge, no infra container.

    Needs root and a Podman on this machine. The pause process outlives us; its environment says
    whose it is. For pods with users of their own it is the process of an infra container.
    """

    client: PodmanClient
    slot: Slot
    host_network: str = ""
    """What pods of the host's network get, by path, where Podman itself has another one."""
    _ranges: UserRanges = attrs.field(init=False)
    _pauses: PauseMaker = attrs.field(factory=PauseMaker, init=False)

    def __attrs_post_init__(self) -> None:
        self._ranges = UserRanges(self.slot.number)

    async def create(self, command: CreateSandbox, owner: Owner, *, ip: str) -> Sandbox:
        """Start the pause process, wire it up, and make the Podman pod meanwhile."""
        sandbox = Sandbox(
            id="",
            pod=command.pod,
            attempt=command.attempt,
            ip="" if command.host_network else ip,
            folder=owner.small_pod_folder(command.pod),
            host_network=command.host_network,
            share_process_namespace=command.share_process_namespace and not command.host_pid,
            host_pid=command.host_pid,
            host_ipc=command.host_ipc,
        )
        if not command.host_network:
            sandbox.interface = self.slot.veth_name(ip)
        settings = {}
        if command.has_own_users:
            sandbox.users = self._ranges.take()
            settings = pod_settings(command, sandbox.users)
        created = asyncio.ensure_future(
            make_pod(self.client, command, owner, ip=sandbox.ip, users=sandbox.users, **settings)
        )
        try:
            if sandbox.users:
                sandbox.id = await asyncio.shield(created)
                sandbox.pause = await start_infra(self.client, sandbox.id, sandbox.users)
            await self._hold(command, sandbox, owner)
            sandbox.id = await asyncio.shield(created)
        except (AdapterError, OSError, TimeoutError) as error:
            with contextlib.suppress(AdapterError):
                sandbox.id = await created
                await self.remove(sandbox, owner)
            self._release(sandbox, owner)
            if isinstance(error, PodmanGone):
                raise
            raise AdapterError(f"pod {command.pod.name}: {error}") from error
        return sandbox

    async def stop(self, sandbox: Sandbox, owner: Owner) -> None:
        """End the pause process; Podman has nothing to do."""
        if sandbox.users:
            kill_infra(sandbox.pause, sandbox.users)
        self._release(sandbox, owner)
        mark_stopped(sandbox)

    async def remove(self, sandbox: Sandbox, owner: Owner) -> None:
        """Remove the Podman pod with its containers, then the pause process and its network."""
        await self.client.delete(f"/pods/{sandbox.id}", force="true", timeout="0")
        self._release(sandbox, owner)

    def namespaces(self, sandbox: Sandbox) -> dict[str, Any]:
        """The namespaces of the pause process, by path; those of an infra container are given."""
        if sandbox.users:
            return {}
        kinds = {"netns": "net", "ipcns": "ipc", "utsns": "uts"}
        of_host = {"netns", "utsns"} if sandbox.host_network else set()
        if sandbox.host_ipc:
            of_host.add("ipcns")
        if sandbox.host_pid:
            of_host.add("pidns")
        elif sandbox.share_process_namespace:
            kinds["pidns"] = "pid"
        held = {
            key: {"nsmode": "path", "value": f"/proc/{sandbox.pause}/ns/{kind}"}
            for key, kind in kinds.items()
            if key not in of_host
        }
        given = {key: {"nsmode": "host"} for key in sorted(of_host)}
        if self.host_network and "netns" in given:
            given["netns"] = {"nsmode": "path", "value": self.host_network}
        return held | given

    async def adopt(self, pod: Mapping[str, Any], sandbox: Sandbox) -> bool:
        """Find the pause process again by its number and the mark in its environment."""
        if was_stopped(sandbox):
            return True
        if sandbox.users:
            self._ranges.claim(sandbox.users)
            sandbox.pause = await infra_pid(self.client, sandbox.id)
            return bool(sandbox.pause)
        try:
            sandbox.pause = int(read_bytes(sandbox.pause_file))
        except (OSError, ValueError):
            return False
        return processes.has_marker(sandbox.pause, f"KUBARIUM_SANDBOX={pod['Name']}".encode())

    def close(self) -> None:
        """End the helper that makes pause processes."""
        self._pauses.close()

    async def _hold(self, command: CreateSandbox, sandbox: Sandbox, owner: Owner) -> None:
        """Start the process that holds the namespaces, with the network inside them."""
        kinds = [] if command.host_network else ["net", "uts"]
        if not sandbox.host_ipc:
            kinds.append("ipc")
        if sandbox.share_process_namespace:
            kinds.append("pid")
        self._pauses.environment = {
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/libexec/podman",
            "KUBARIUM_INSTANCE": owner.instance,
            STATE_VARIABLE: str(owner.state),
        }
        sandbox.pause = await self._pauses.make(
            {
                "kinds": kinds,
                "hostname": command.hostname,
                "sysctls": {**SYSCTLS, **command.sysctls},
                "ip": sandbox.ip,
                "interface": sandbox.interface,
                "inside": sandbox.pause,
                "users": sandbox.users,
                "environment": {"KUBARIUM_SANDBOX": sandbox_name(command, owner)},
            }
        )
        write(sandbox.pause_file, str(sandbox.pause).encode())

    def _release(self, sandbox: Sandbox, owner: Owner) -> None:
        """End the pause process; its namespaces, interface and route go with it."""
        if sandbox.pause:
            processes.kill(sandbox.pause, marker=owner.marker)
            sandbox.pause = 0
        Path(sandbox.pause_file).unlink(missing_ok=True)
        self._ranges.release(sandbox.users)
        sandbox.users = 0


def mark_stopped(sandbox: Sandbox) -> None:
    """Let who adopts the sandbox know that its processes were ended, and not lost.

    Raises:
        OSError: the disk refuses.
    """
    write(sandbox.pause_file, STOPPED)


def was_stopped(sandbox: Sandbox) -> bool:
    """Whether *sandbox*, just found, is one that was stopped; it holds nothing then."""
    try:
        sandbox.is_stopped = read_bytes(sandbox.pause_file) == STOPPED
    except OSError:
        return False
    if sandbox.is_stopped:
        sandbox.ip, sandbox.users = "", 0
    return sandbox.is_stopped


def sandbox_name(command: CreateSandbox, owner: Owner) -> str:
    """The name of the Podman pod."""
    return owner.name(command.pod, f"pod{command.attempt}")


async def make_pod(
    client: PodmanClient,
    command: CreateSandbox,
    owner: Owner,
    *,
    ip: str,
    users: int = 0,
    **settings: object,
) -> str:
    """Make the Podman pod, or find the one made before; its id."""
    name = sandbox_name(command, owner)
    labels = owner.labels(command.pod) | {
        SANDBOX_ATTEMPT: str(command.attempt),
        IP: ip,
        NAMESPACES: " ".join(name for name in SHARED if getattr(command, name)),
        PORTS: json.dumps([attrs.asdict(port) for port in command.ports]),
    }
    if users:
        labels[USERS] = str(users)
    body: dict[str, object] = {"name": name, "labels": {**command.labels, **labels}}
    body |= {"no_infra": True, **settings}
    try:
        return str((await client.post("/pods/create", body))["Id"])
    except PodmanError as error:
        with contextlib.suppress(PodmanError):
            await client.delete(f"/pods/{name}", force="true", timeout="0")
        raise error from None

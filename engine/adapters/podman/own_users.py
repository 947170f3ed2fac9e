"""Pods whose users are not the host's (hostUsers: false): their range of ids, and who holds it.

Podman puts a container into a user namespace, with its image's files, only from that of another
container: so the pod has an infra container, and that one holds the other namespaces too.

Source: pkg/kubelet/userns and KEP-127, kubernetes v1.34.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.packages import install
from engine.adapters.places import is_inside
from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.adapters.podman.preflight import Preflight
from engine.adapters.podman.specs import IDS
from engine.cri.commands import CreateSandbox
from engine.errors import AdapterError

RANGES_OF_SLOT = 5_000
USER_SPACES = Path("/proc/sys/user/max_user_namespaces")
MEND = "run Kubarium as root with a Podman of this machine"
LEAST_KERNEL = (6, 3)  # from it on tmpfs, too, can be mounted with other owners


@attrs.define(eq=False)
class UserRanges:
    """The host's ids that pods of one cluster, in network slot *slot*, may have as theirs.

    No two pods on the host have an id in common, and none has one of the host's own.
    """

    slot: int
    _used: set[int] = attrs.field(factory=set, init=False)

    def take(self) -> int:
        """The first id of a free range.

        Raises:
            AdapterError: all are in use.
        """
        start = 1 + self.slot * RANGES_OF_SLOT
        for number in range(start, start + RANGES_OF_SLOT):
            first = number * IDS
            if first not in self._used:
                self._used.add(first)
                return first
        raise AdapterError("no range of user ids is free for the pod")

    def claim(self, first: int) -> None:
        """Mark a range as used by a sandbox that was there before."""
        self._used.add(first)

    def release(self, first: int) -> None:
        """Give a range back."""
        self._used.discard(first)


def lacking(found: Preflight, kernel: str, *, spaces: Path = USER_SPACES) -> tuple[str, str]:
    """Why pods cannot have users of their own on this host, and what mends it; empty if they can.

    *kernel* is the kernel's release.
    """
    if is_inside() or os.geteuid() != 0:
        return "an ordinary user has no 65,536 ids to spare for each pod", "sudo kubarium serve"
    if not found.is_routed:
        return "Podman makes the pods' networks, which then belong to the host's users", MEND
    if found.runtime != "crun":
        return f"{found.runtime} does not show volumes with other owners", install("crun")
    with contextlib.suppress(OSError):
        if spaces.read_text().strip() == "0":
            return "the kernel allows no user namespaces", f"sudo sysctl user.{spaces.name}=28633"
    if _version(kernel) < LEAST_KERNEL:
        return f"kernel {kernel} cannot show a tmpfs with other owners", "a kernel from 6.3 on"
    return "", ""


def pod_settings(command: CreateSandbox, first: int) -> dict[str, Any]:
    """What makes a Podman pod have its own users, from the host's id *first* on."""
    shared = ["net", "ipc", "uts", "user"]
    if command.share_process_namespace:
        shared.append("pid")
    ids = [{"container_id": 0, "host_id": first, "size": IDS}]
    return {
        "no_infra": False,
        "hostname": command.hostname,
        "no_manage_hosts": True,
        "no_manage_resolv_conf": True,
        "netns": {"nsmode": "none"},
        "shared_namespaces": shared,
        "userns": {"nsmode": "private"},
        "idmappings": {
            "HostUIDMapping": False,
            "HostGIDMapping": False,
            "UIDMap": ids,
            "GIDMap": ids,
        },
    }


async def start_infra(client: PodmanClient, pod: str, first: int) -> int:
    """Start the infra container of *pod*; its process.

    Raises:
        AdapterError: it does not run, or has other users than it shall have.
    """
    await client.post(f"/pods/{pod}/start")
    pid = await infra_pid(client, pod)
    mapped = first_id(pid) if pid else 0
    if mapped != first:
        raise AdapterError(f"Podman gave the pod the users from {mapped} on, not from {first} on")
    return pid


async def infra_pid(client: PodmanClient, pod: str) -> int:
    """The process of the infra container of *pod*; 0 if it does not run."""
    try:
        infra = (await client.get(f"/pods/{pod}/json"))["InfraContainerID"]
        state = (await client.get(f"/containers/{infra}/json"))["State"]
    except (KeyError, PodmanError):
        return 0
    return int(state.get("Pid") or 0)


def kill_infra(pid: int, first: int) -> None:
    """Kill the infra container of a pod with the users from *first* on, if *pid* is still its."""
    with contextlib.suppress(AdapterError, OSError):
        if first_id(pid) == first:
            os.kill(pid, signal.SIGKILL)


def first_id(pid: int) -> int:
    """Which id of the host is root where process *pid* is.

    Raises:
        AdapterError: the process is gone.
    """
    try:
        return int(Path(f"/proc/{pid}/uid_map").read_text().split()[1])
    except (OSError, IndexError, ValueError) as error:
        raise AdapterError(f"process {pid} has ended") from error


def _version(kernel: str) -> tuple[int, ...]:
    words = kernel.replace("-", ".").split(".")[:2]
    return tuple(int(word) for word in words if word.isdigit())

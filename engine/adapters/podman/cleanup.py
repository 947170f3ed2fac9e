"""Removing everything an instance made on this host, whether its process lives or not.

It goes by labels, marks and names that only Kubarium gives; what is not ours is never touched.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Collection
from pathlib import Path

from engine.adapters.network.host import clean_slot, remove_pod_links
from engine.adapters.network.slots import Slot, abandoned, forget
from engine.adapters.places import is_inside
from engine.adapters.podman import exits, processes
from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.adapters.podman.disturbing.disturber import undo_records
from engine.adapters.podman.given import GivenPodman
from engine.adapters.podman.pod_cgroup import PARENT, PodCgroups, cgroups_of
from engine.adapters.podman.preflight import Preflight, inspect_host
from engine.adapters.podman.records import INSTANCE, STATE_VARIABLE, marker, memory_folder
from engine.adapters.podman.service import PodmanService, end_leftover, ids_in_events
from engine.adapters.podman.shared_memory import remove_ownerless
from engine.adapters.podman.volumes import mounts_folder
from engine.adapters.rootless.entering import run_root
from engine.adapters.volumes.images import hide_below
from engine.errors import AdapterError


async def remove_containers(client: PodmanClient, instance: str) -> int:
    """Remove the pods and containers labelled with *instance*; how many there were."""
    filters = f'{{"label": ["{INSTANCE}={instance}"]}}'
    pods = await client.get("/pods/json", filters=filters) or []
    containers = await client.get("/containers/json", all="true", filters=filters) or []
    ids = [container["Id"] for container in containers]

    async def remove(path: str) -> None:
        with contextlib.suppress(PodmanError):
            await client.delete(path, force="true", timeout="0")

    async def remove_pod(identity: str) -> None:
        with contextlib.suppress(PodmanError):  # or it would wait for each to end by itself
            await client.post(f"/pods/{identity}/kill", signal="SIGKILL")
        await remove(f"/pods/{identity}")

    await asyncio.gather(*(remove_pod(pod["Id"]) for pod in pods))
    await asyncio.gather(*(remove(f"/containers/{identity}") for identity in ids))
    for network in await client.get("/networks/json", filters=filters) or []:
        await remove(f"/networks/{network['name']}")
    await PodCgroups().finish(pod["Id"] for pod in pods)
    return len(pods) + len(ids)


def kill_pauses(state: Path, *, kept: Collection[int] = ()) -> int:
    """Kill the pause processes of the instance with its files in *state*; how many there were.

    All but those *kept*; also those that are still being made. So too runtimes that wait for a
    monitor (conmon) that was killed while it made a container.
    """
    mark, below = marker(state), f"{state}/".encode()
    count = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if not name.isdigit():
            continue
        try:
            command = Path(f"/proc/{name}/comm").read_text().strip()
            is_runtime = command in {"crun", "runc"}
            if is_runtime and below in Path(f"/proc/{name}/cmdline").read_bytes():
                os.kill(int(name), signal.SIGKILL)
                count += 1
        except OSError:
            continue
        if int(name) not in kept:
            count += processes.kill(int(name), marker=mark)
    return count


def kill_ownerless() -> int:
    """Kill the pause processes whose instances have no files any more; how many there were.

    Only our own user's, and by what they see of the disk themselves.
    """
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = processes.variable(int(folder.name), STATE_VARIABLE)
            is_ours = bool(state) and folder.stat().st_uid == os.geteuid()
            if is_ours and not Path(f"{folder}/root{state}").exists():
                count += processes.kill(int(folder.name), marker=marker(Path(state)))
    return count


def kill_containers(state: Path) -> set[str]:
    """Kill the containers whose monitors (conmon) have their files below *state*; their pods' ids.

    For containers that no Podman knows any more, because the folder with its books is gone.
    """
    mark, pods = f"{state}/".encode(), set[str]()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            if not command.split(b"\0", 1)[0].endswith(b"conmon") or mark not in command:
                continue
            children = (folder / "task" / folder.name / "children").read_text().split()
        except OSError:
            continue
        for pid in (*children, folder.name):
            cgroups = exits.cgroups(int(pid)) if Path(f"/proc/{pid}").exists() else {}
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
            for place in cgroups.values():
                if "libpod" in str(place):
                    if place.parent.parent.name == PARENT:
                        pods.add(place.parent.name)
                    with contextlib.suppress(OSError):
                        place.rmdir()
    return pods


def wipe(state: Path) -> None:
    """Remove an instance's files: all of *state*, and what is in memory."""
    shutil.rmtree(memory_folder(state), ignore_errors=True)
    for folder in (mounts_folder(state), run_root(state), state):
        unmount_below(folder)
    hide_below(state)
    _remove_empty(mounts_folder(state))
    if is_inside():
        shutil.rmtree(run_root(state), ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    """Remove the empty folders in *folder*, and itself: never what a mount may still show."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()


def unmount_below(state: Path) -> None:
    """Take away the mounts that Podman's storage keeps below *state*."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{state}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)  # noqa: S603, S607


async def cleanup(
    instance: str, state: Path, *, address: str = "", preflight: Preflight | None = None
) -> None:
    """Remove what a dead *instance* with its files in *state* left: containers, networks, files.

    They are found by label in its Podman service, at *address* or its own; if its own has lost its
    files, what still runs of it is found by its processes. An ordinary user's cluster has nothing
    running any more: its namespaces were ended before ours were entered.

    Raises:
        AdapterError: its Podman service cannot be reached to remove the containers.
    """
    end_leftover(state)
    if address:
        given = GivenPodman(address, state)
        client = PodmanClient(given.url)
        try:
            await given.start()
            await remove_containers(client, instance)
        finally:
            await client.close()
            await given.stop()
    elif (state / "storage.conf").exists() and not is_inside():
        found = preflight or inspect_host()
        if found.usable:
            service = PodmanService.for_host(state, found)
            await service.start()
            client = PodmanClient(service.url)
            try:
                await remove_containers(client, instance)
            finally:
                await client.close()
                await service.stop()
    await undo_records(state / "disturbances")
    pods = kill_containers(state)
    await PodCgroups().finish(pods | cgroups_of(ids_in_events(state)))
    kill_pauses(state)
    wipe(state)


async def clean_abandoned(folder: Path | None = None) -> list[str]:
    """Clean up after every instance on this host that died and did not ask to be kept.

    Returns the instances. One that cannot be cleaned keeps its slot, so that nobody gets its
    addresses.
    """
    cleaned = []
    for path, record in abandoned(folder):
        with contextlib.suppress(AdapterError, OSError):
            await cleanup(record.instance, Path(record.state), address=record.address)
            slot = Slot(int(path.name))
            await asyncio.to_thread(remove_pod_links, slot)
            await asyncio.to_thread(clean_slot, slot)
            forget(path)
            cleaned.append(record.instance)
    kill_ownerless()
    remove_ownerless()
    return cleaned

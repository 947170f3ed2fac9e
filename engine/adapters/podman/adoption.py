"""What an earlier run of the same cluster left: the pods are adopted, and nothing else stays.

A run that was killed leaves things half made and half removed, which Podman may not know: processes
that hold namespaces, interfaces, cgroups, folders with their mounts. They are found by the marks
and names that only this instance gives.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.network.host import remove_pod_links
from engine.adapters.network.slots import Slot
from engine.adapters.podman import parse
from engine.adapters.podman.cleanup import kill_pauses
from engine.adapters.podman.client import PodmanError
from engine.adapters.podman.files import remove_folder
from engine.adapters.podman.machine import Surroundings
from engine.adapters.podman.pod_cgroup import cgroups_of
from engine.adapters.podman.records import INSTANCE, NODE, Owner, Sandbox, memory_folder
from engine.adapters.podman.runtime import PodmanRuntime
from engine.adapters.podman.service import ids_in_events
from engine.adapters.podman.volumes import PodVolumes, mounts_folder
from engine.adapters.volumes.storage import DiskDriver
from engine.cri.commands import PodIdentity

BOOT_FOLDER = ".boot."


@attrs.frozen(kw_only=True)
class Adoption:
    """Gives the *runtimes* of *instance* what they had; before any of them is asked for anything.

    The instance has its files in *state* and its interfaces' names from *slot*.
    """

    instance: str
    state: Path
    slot: Slot
    around: Surroundings
    driver: DiskDriver
    runtimes: Mapping[str, PodmanRuntime]

    async def run(self, pods: Collection[str]) -> None:
        """Adopt what is whole, remove the rest. *pods* (uids) exist and keep their files."""
        adopted = await self._adopt_pods()
        await self._remove_strays({sandbox.id for sandbox in adopted})
        kill_pauses(self.state, kept={sandbox.pause for sandbox in adopted})
        links = {self.slot.veth_name(sandbox.ip) for sandbox in adopted if sandbox.ip}
        await asyncio.to_thread(remove_pod_links, self.slot, kept=links)
        uids = {sandbox.pod.uid for sandbox in adopted}
        await self.driver.reclaim(uids)
        await self._remove_files(uids.union(pods))

    async def _adopt_pods(self) -> list[Sandbox]:
        strategy, adopted = self.around.strategy, []
        for pod in await self._labelled("/pods/json"):
            runtime = self.runtimes.get((pod.get("Labels") or {}).get(NODE, ""))
            sandbox = parse.sandbox(pod, runtime.owner) if runtime else None
            if runtime and sandbox and await strategy.adopt(pod, sandbox):
                await self._adopt_pod(runtime, sandbox, pod)
                adopted.append(sandbox)
            else:
                await self._remove(f"/pods/{pod['Id']}")
                self.around.cgroups.remove(pod["Id"])
        return adopted

    async def _adopt_pod(
        self, runtime: PodmanRuntime, sandbox: Sandbox, pod: Mapping[str, Any]
    ) -> None:
        boot, containers = parse.boot(pod), []
        for entry in pod.get("Containers") or []:
            if entry["Id"] == pod.get("InfraId"):
                continue
            with contextlib.suppress(PodmanError):
                found = await self.around.client.get(f"/containers/{entry['Id']}/json")
                containers.append(parse.container(found, sandbox))
        await runtime.adopt(sandbox, containers, boot=boot)

    async def _remove_strays(self, adopted: Collection[str]) -> None:
        """Remove the containers and cgroups of all pods but those *adopted* (ids)."""
        known = {*adopted}
        for container in await self._labelled("/containers/json", all="true"):
            if container.get("Pod") in adopted:
                known.add(container["Id"])
            else:
                await self._remove(f"/containers/{container['Id']}")
        for name in cgroups_of(ids_in_events(self.state) - known):
            self.around.cgroups.remove(name)

    async def _remove_files(self, kept: Collection[str]) -> None:
        """Remove the volumes and folders of all pods but those *kept* (uids)."""
        for (node, uid), boots in pods_with_files(self.state).items():
            if uid in kept:
                continue
            pod = PodIdentity(namespace="", name="", uid=uid)
            for boot in boots:
                owner = Owner(instance=self.instance, node=node, state=self.state, boot=boot)
                await PodVolumes.of(owner, pod, self.around.drivers).remove(pod)
                remove_folder(owner.pod_folder(pod))
                remove_folder(owner.small_pod_folder(pod))

    async def _labelled(self, path: str, **options: str) -> list[dict[str, Any]]:
        filters = json.dumps({"label": [f"{INSTANCE}={self.instance}"]})
        return await self.around.client.get(path, filters=filters, **options) or []

    async def _remove(self, path: str) -> None:
        with contextlib.suppress(PodmanError):
            await self.around.client.delete(path, force="true", timeout="0")


def pods_with_files(state: Path) -> dict[tuple[str, str], set[int]]:
    """In which boots the pods, by node and uid, made the files they have below *state*."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for folder in state.glob("nodes/*/*/pods/*"):
        node, boot, _, uid = folder.parts[-4:]
        found[node, uid].add(int(boot))
    for root in (memory_folder(state), mounts_folder(state)):
        for folder in root.glob("*/*"):
            node, name = folder.parts[-2:]
            if name.startswith(BOOT_FOLDER):
                for small in folder.iterdir():
                    found[node, small.name].add(int(name.removeprefix(BOOT_FOLDER)))
            else:
                found[node, name].add(0)
    return found

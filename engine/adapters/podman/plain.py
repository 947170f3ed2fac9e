"""The sandbox as Podman makes it by itself: an infra container on a bridge network per node.

The fallback where we may not make namespaces; slower, but it asks nothing of the host.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import attrs

from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.adapters.podman.records import INSTANCE, Owner, Sandbox
from engine.adapters.podman.sandbox import SYSCTLS, make_pod, mark_stopped, was_stopped
from engine.cri.commands import CreateSandbox


@attrs.define(eq=False)
class Plain:
    """Ordinary Podman pods."""

    client: PodmanClient
    _networks: dict[str, asyncio.Task[str]] = attrs.field(factory=dict, init=False)

    async def create(self, command: CreateSandbox, owner: Owner, *, ip: str) -> Sandbox:
        """Make a pod with an infra container, and start that."""
        settings: dict[str, Any] = {
            "no_infra": False,
            "hostname": command.hostname,
            "no_manage_hosts": True,
            "shared_namespaces": ["net", "ipc", "uts"],
            "sysctl": {} if command.host_network else {**SYSCTLS, **command.sysctls},
        }
        if command.share_process_namespace:
            settings["shared_namespaces"].append("pid")
        if command.host_network:
            settings |= {"netns": {"nsmode": "host"}, "shared_namespaces": ["net", "ipc"]}
            del settings["hostname"]
        else:
            network = await self._network(owner, ip)
            settings["netns"] = {"nsmode": "bridge"}
            settings["Networks"] = {network: {"static_ips": [ip]}}
        made = await make_pod(self.client, command, owner, ip=ip, **settings)
        try:
            await self.client.post(f"/pods/{made}/start")
        except PodmanError:
            with contextlib.suppress(PodmanError):
                await self.client.delete(f"/pods/{made}", force="true", timeout="0")
            raise
        return Sandbox(
            id=made,
            pod=command.pod,
            attempt=command.attempt,
            ip=ip,
            folder=owner.small_pod_folder(command.pod),
            host_network=command.host_network,
            share_process_namespace=command.share_process_namespace,
            host_pid=command.host_pid,
            host_ipc=command.host_ipc,
        )

    async def stop(self, sandbox: Sandbox, owner: Owner) -> None:  # noqa: ARG002
        """Kill the infra container."""
        await self._kill_infra(sandbox)
        mark_stopped(sandbox)

    async def remove(self, sandbox: Sandbox, owner: Owner) -> None:  # noqa: ARG002
        """Kill the infra container, then remove the pod; removing alone would wait for it."""
        if not sandbox.is_stopped:
            await self._kill_infra(sandbox)
        await self.client.delete(f"/pods/{sandbox.id}", force="true", timeout="0")

    def namespaces(self, sandbox: Sandbox) -> dict[str, Any]:
        """What is the host's; all else containers join from the pod's infra container."""
        shared = {"pidns": sandbox.host_pid, "ipcns": sandbox.host_ipc}
        return {key: {"nsmode": "host"} for key, is_host in shared.items() if is_host}

    async def adopt(self, pod: Mapping[str, Any], sandbox: Sandbox) -> bool:
        """Usable as long as the infra container runs."""
        if was_stopped(sandbox):
            return True
        infra = pod.get("InfraId") or ""
        return any(
            entry["Id"] == infra and entry.get("Status") == "running"
            for entry in pod.get("Containers") or []
        )

    def close(self) -> None:
        """Nothing of ours runs for them."""

    async def _kill_infra(self, sandbox: Sandbox) -> None:
        with contextlib.suppress(PodmanError):
            infra = (await self.client.get(f"/pods/{sandbox.id}/json"))["InfraContainerID"]
            await self.client.post(f"/containers/{infra}/kill", signal="SIGKILL")

    async def _network(self, owner: Owner, ip: str) -> str:
        """The name of the node's network, made when first asked for."""
        name = f"{owner.instance}-{owner.node}"
        if name not in self._networks:
            work = self._make_network(name, owner, f"{ip.rpartition('.')[0]}.0/24")
            self._networks[name] = asyncio.get_running_loop().create_task(work)
        return await asyncio.shield(self._networks[name])

    async def _make_network(self, name: str, owner: Owner, subnet: str) -> str:
        body = {
            "name": name,
            "driver": "bridge",
            "dns_enabled": False,
            "labels": {INSTANCE: owner.instance},
            "subnets": [{"subnet": subnet}],
        }
        with contextlib.suppress(PodmanError):
            await self.client.delete(f"/networks/{name}", force="true")
        await self.client.post("/networks/create", body)
        return name

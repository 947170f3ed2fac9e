"""How long a pod takes to start on Podman, side by side with the bare Podman calls.

The same image and the same service; rounds alternate, so that both see the same machine.

    python -m tests.benchmarks.pods [--rounds N] [--pods N]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from engine.adapters.podman.host import PodmanHost
from engine.cri import commands as cri
from engine.cri import events
from tests.podman.driver import DEMO, Driver

Action = Callable[[str], Awaitable[None]]
UNLIMITED = cri.Resources()


class Pods:
    """The three ways to start a pod with one container, and to get rid of it again."""

    def __init__(self, host: PodmanHost) -> None:
        self.host = host
        self.driver = Driver(host, "node-1", 1)
        self.sandboxes: dict[str, str] = {}
        self.waiting: dict[str, asyncio.Future[events.RuntimeEvent]] = {}
        self.driver.runtime.machine.emit = self._take

    def _take(self, event: events.RuntimeEvent) -> None:
        pod = getattr(event, "pod", None)
        future = self.waiting.get(pod.name) if pod is not None else None
        if future is not None and not future.done():
            future.set_result(event)

    async def _ask(self, name: str, command: cri.Command) -> events.RuntimeEvent:
        self.waiting[name] = asyncio.get_running_loop().create_future()
        self.driver.runtime.submit(command)
        return await self.waiting[name]

    async def ours(self, name: str, limits: cri.Resources = UNLIMITED) -> None:
        """The commands a kubelet gives: sandbox with network, image, container."""
        pod = cri.PodIdentity(namespace="bench", name=name, uid=name)
        ready = await self._ask(name, cri.CreateSandbox(pod=pod, hostname=name))
        assert isinstance(ready, events.SandboxReady), ready
        self.sandboxes[name] = ready.sandbox_id
        await self._ask(name, cri.PullImage(pod=pod, image=DEMO))
        started = await self._ask(
            name,
            cri.StartContainer(
                pod=pod,
                sandbox_id=ready.sandbox_id,
                name="web",
                attempt=0,
                image=DEMO,
                resources=limits,
            ),
        )
        assert isinstance(started, events.ContainerStarted), started

    async def remove_ours(self, name: str) -> None:
        """Remove the sandbox with what runs in it."""
        command = cri.RemoveSandbox(sandbox_id=self.sandboxes.pop(name))
        event = await self._ask(name, command)
        while not isinstance(event, events.SandboxRemoved):
            self.waiting[name] = asyncio.get_running_loop().create_future()
            event = await self.waiting[name]
        del self.waiting[name]

    async def bare(self, name: str) -> None:
        """A pod without infra container and without any network: the least Podman can do."""
        client = self.host.client
        made = (await client.post("/pods/create", {"name": name, "no_infra": True}))["Id"]
        await self._container(name, {"pod": made, "netns": {"nsmode": "none"}})

    async def ordinary(self, name: str) -> None:
        """A pod as `podman pod create` makes it, with an infra container on a bridge."""
        client = self.host.client
        made = (await client.post("/pods/create", {"name": name}))["Id"]
        await client.post(f"/pods/{made}/start")
        await self._container(name, {"pod": made})

    async def remove_bare(self, name: str) -> None:
        """Remove a pod made by bare calls."""
        await self.host.client.post(f"/pods/{name}/kill", signal="SIGKILL")
        await self.host.client.delete(f"/pods/{name}", force="true", timeout="0")

    async def _container(self, name: str, settings: dict[str, object]) -> None:
        client = self.host.client
        body = {"name": f"{name}-web", "image": DEMO, **settings}
        made = (await client.post("/containers/create", body))["Id"]
        await client.post(f"/containers/{made}/start")


async def measure(start: Action, remove: Action, *, kind: str, pods: int, at_once: int) -> float:
    """Seconds of wall time per pod, with *at_once* of them starting together."""
    names = [f"{kind}-{number}" for number in range(pods)]
    turn = asyncio.Semaphore(at_once)

    async def one(name: str) -> None:
        async with turn:
            await start(name)

    begun = time.perf_counter()
    await asyncio.gather(*map(one, names))
    seconds = time.perf_counter() - begun
    await asyncio.gather(*map(remove, names))
    return seconds / pods


async def main(rounds: int, pods: int) -> None:
    """Run the rounds and print the table."""
    with tempfile.TemporaryDirectory(prefix="kv") as folder:
        host = PodmanHost(instance="kubarium-bench", state=Path(folder) / "state")
        await host.start()
        assert host.images_ready is not None
        await host.images_ready
        ways = Pods(host)
        kinds: dict[str, tuple[Action, Action]] = {
            "ours": (ways.ours, ways.remove_ours),
            "bare": (ways.bare, ways.remove_bare),
            "ordinary": (ways.ordinary, ways.remove_bare),
        }
        print(f"{host.preflight.runtime}, Podman {host.preflight.version}, {rounds} rounds")
        print(f"{'':24}{'ours':>10}{'bare':>10}{'ordinary':>10}{'ours/bare':>11}{'/ordinary':>11}")
        for at_once in (1, 4):
            found: dict[str, list[float]] = {kind: [] for kind in kinds}
            for _ in range(rounds):
                for kind, (start, remove) in kinds.items():
                    seconds = await measure(start, remove, kind=kind, pods=pods, at_once=at_once)
                    found[kind].append(seconds * 1000)
            ours, bare, ordinary = (statistics.median(found[kind]) for kind in kinds)
            print(
                f"ms per pod, {at_once} at once{'':5}{ours:10.0f}{bare:10.0f}{ordinary:10.0f}"
                f"{ours / bare:11.2f}{ours / ordinary:11.2f}"
            )
        await host.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pods", type=int, default=8)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rounds, arguments.pods))

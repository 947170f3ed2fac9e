"""A stand-in kubelet: submits commands to one node's runtime and waits for what it reports."""

import asyncio
from typing import Any, TypeVar

import attrs

from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.runtime import PodmanRuntime
from engine.cri import commands as cri
from engine.cri import events

DEMO = "localhost/kubarium/demo:v1"
Event = TypeVar("Event", bound=events.RuntimeEvent)
AT_ANY_TIME = (events.UsageMeasured, events.NodeMeasured, events.ImagesChanged)
"""What a node reports whatever a test is about: measured every few seconds, or made by Podman."""


@attrs.define(eq=False)
class Driver:
    """One node, its runtime, and everything it has reported."""

    host: PodmanHost
    node: str
    index: int
    made: int = 0
    seen: list[events.RuntimeEvent] = attrs.field(factory=list)
    runtime: PodmanRuntime = attrs.field(init=False)
    _fresh: asyncio.Queue[events.RuntimeEvent] = attrs.field(factory=asyncio.Queue, init=False)

    def __attrs_post_init__(self) -> None:
        self.runtime = self.host.runtime(self.node, self.index, self._take)

    def pod(self, name: str = "web") -> cri.PodIdentity:
        """The identity of a new pod."""
        self.made += 1
        uid = f"{self.index:04d}{self.made:04d}-{self.node}"
        return cri.PodIdentity(namespace="default", name=f"{name}-{self.made}", uid=uid)

    async def expect(self, kind: type[Event], *, seconds: float = 60.0) -> Event:
        """The next event, which must be of *kind*."""
        async with asyncio.timeout(seconds):
            event = await self.event()
        assert isinstance(event, kind), event
        return event

    async def event(self) -> events.RuntimeEvent:
        """The next event, whatever it is."""
        return await self._fresh.get()

    async def sandbox(self, pod: cri.PodIdentity, **settings: Any) -> events.SandboxReady:
        """Make the sandbox of *pod*."""
        command = cri.CreateSandbox(pod=pod, hostname=pod.name)
        self.runtime.submit(attrs.evolve(command, **settings))
        return await self.expect(events.SandboxReady)

    async def start(
        self, pod: cri.PodIdentity, sandbox: str, name: str = "web", **settings: Any
    ) -> events.ContainerStarted:
        """Start a container of the demo image in *sandbox*."""
        command = cri.StartContainer(pod=pod, sandbox_id=sandbox, name=name, attempt=0, image=DEMO)
        self.runtime.submit(attrs.evolve(command, **settings))
        return await self.expect(events.ContainerStarted)

    async def run(
        self, name: str = "web", **settings: Any
    ) -> tuple[events.SandboxReady, events.ContainerStarted]:
        """A new pod with one running container."""
        pod = self.pod(name)
        sandbox = await self.sandbox(pod)
        return sandbox, await self.start(pod, sandbox.sandbox_id, **settings)

    async def check(
        self,
        container: str,
        check: cri.HttpCheck | cri.TcpCheck | cri.ExecCheck,
        *,
        seconds: float = 5,
    ) -> events.CheckFinished:
        """Run one check."""
        token = f"check-{len(self.seen)}"
        self.runtime.submit(
            cri.RunCheck(token=token, container_id=container, check=check, timeout=seconds)
        )
        finished = await self.expect(events.CheckFinished)
        assert finished.token == token
        return finished

    async def http(self, container: str, path: str, *, port: int = 8080) -> events.CheckFinished:
        """GET *path* from the container, as a probe does; retried until it listens at all."""
        for _ in range(1000):
            found = await self.check(container, cri.HttpCheck(host="", port=port, path=path))
            if "dial tcp" not in found.message:
                break
            await asyncio.sleep(0.02)
        return found

    def _take(self, event: events.RuntimeEvent) -> None:
        self.seen.append(event)
        if not isinstance(event, AT_ANY_TIME):
            self._fresh.put_nowait(event)

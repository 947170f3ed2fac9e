"""Streams into simulated containers: a modelled shell, the container's log, a modelled web server.

Nothing here touches the cluster's state: what a stream does to a container (a signal, the end of
its shell) is handed to *enter*, what it does to its files to *change*: they bring it in through the
journal.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from math import inf

import attrs

from engine.cri.commands import SignalContainer
from engine.cri.runtime import LogOptions
from engine.cri.streams import StreamFailure, StreamIO, StreamOptions
from engine.kernel.loop import Loop
from engine.simulation.behaviors import BROKEN_DEMO, DEMO_PORT
from engine.simulation.console import web
from engine.simulation.console.changes import FileChange, FilesFromOutside, FilesOpened
from engine.simulation.console.desk import Machine
from engine.simulation.console.interpreter import SHELLS
from engine.simulation.console.more_tools import ALL as TOOLS
from engine.simulation.console.session import Session
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.images import split_reference
from engine.simulation.interiors import Interiors, main_command

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL_IMAGES = frozenset(("busybox", "alpine", "ubuntu", "debian", "bash"))
_LONGEST_SLEEP = 3600.0 * 24


@attrs.frozen(kw_only=True)
class ProcessEnded:
    """The shell that somebody was attached to has ended, and with it the container's process 1."""

    container_id: str
    exit_code: int


@attrs.frozen(kw_only=True)
class Busy:
    """The container's web server was asked to work: so many *cores* for so many *seconds*."""

    container_id: str
    seconds: float
    cores: float


@attrs.frozen(kw_only=True)
class Holding:
    """The container's web server was asked to hold so many *bytes* of memory."""

    container_id: str
    bytes: int


Effect = SignalContainer | ProcessEnded | Busy | Holding
"""What a stream does to a container."""


@attrs.define(eq=False, kw_only=True)
class Streams:
    """The streams of one simulated node.

    *pause* is awaited between two looks at virtual time; without it sleeping takes none.
    """

    loop: Loop
    node: str
    enter: Callable[[Effect], object]
    change: Callable[[FileChange], object]
    pause: Callable[[], Awaitable[None]] | None
    follow: Callable[[str, LogOptions], AsyncIterator[bytes]]
    interiors: Interiors

    async def exec(
        self,
        sandbox: SimulatedSandbox,
        container: SimulatedContainer,
        options: StreamOptions,
        io: StreamIO,
    ) -> int:
        """Run a command; its exit code."""
        session = Session(self._machine(sandbox, container, options), io, options)
        return await session.run(options.command)

    async def attach(
        self,
        sandbox: SimulatedSandbox,
        container: SimulatedContainer,
        options: StreamOptions,
        io: StreamIO,
    ) -> None:
        """Talk to a shell that is process 1, or read what another process says from now on."""
        argv = main_command(container)
        is_talking = options.stdin and container.command.stdin
        if is_talking and argv and argv[0].rpartition("/")[2] in (*SHELLS, *TOOLS):
            session = Session(self._machine(sandbox, container, options), io, options)
            code = await session.run(argv)
            self.enter(ProcessEnded(container_id=container.id, exit_code=code))
            while container.is_running and self.pause is not None:
                await self.pause()
            return
        wanted = LogOptions(follow=True, since=self.loop.now)
        async for piece in self.follow(container.id, wanted):
            await io.write(piece)

    async def forward(self, sandbox: SimulatedSandbox, port: int, io: StreamIO) -> None:
        """Answer as the web server in the pod does.

        Raises:
            StreamFailure: nobody listens on *port*.
        """
        for container in sandbox.containers.values():
            if container.is_running and (port == DEMO_PORT or not container.behavior.is_demo):
                await web.serve(io, self._site(container))
                return
        raise StreamFailure(
            f"failed to connect to localhost:{port} inside namespace "
            f'"{sandbox.command.pod.uid}": dial tcp4 127.0.0.1:{port}: connect: connection refused'
        )

    def _site(self, container: SimulatedContainer) -> web.Site:
        command = container.command
        env = dict(command.env)
        version = split_reference(command.image)[1]
        return web.Site(
            pod=env.get("POD_NAME") or command.pod.name,
            version=version,
            node=env.get("NODE_NAME", ""),
            namespace=env.get("POD_NAMESPACE", ""),
            is_demo=container.behavior.is_demo,
            is_broken=container.behavior.is_demo and version == BROKEN_DEMO,
            env=env,
            uptime=lambda: self.loop.now - container.started_at,
            work=lambda seconds, cores: self.enter(
                Busy(container_id=container.id, seconds=seconds, cores=cores)
            ),
            hold=lambda count: self.enter(Holding(container_id=container.id, bytes=count)),
            end=lambda code: self.enter(ProcessEnded(container_id=container.id, exit_code=code)),
        )

    def _machine(
        self, sandbox: SimulatedSandbox, container: SimulatedContainer, options: StreamOptions
    ) -> Machine:
        if container.files is None:
            self.change(FilesOpened(container_id=container.id))
        machine = self.interiors.machine(
            sandbox,
            container,
            sleep=self._sleep,
            kill=lambda name: self.enter(SignalContainer(container_id=container.id, signal=name)),
            has_terminal=options.tty,
        )
        seen = FilesFromOutside.of(machine.files, container.id, self.change)
        return attrs.evolve(machine, files=seen)

    async def _sleep(self, seconds: float) -> None:
        until = self.loop.now + min(seconds, _LONGEST_SLEEP)
        while self.pause is not None and (self.loop.now < until or seconds == inf):
            await self.pause()

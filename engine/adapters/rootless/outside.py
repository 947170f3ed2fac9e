"""The machine's own network, for a process whose own one is a namespace.

A socket belongs to the network of the thread that made it. One thread stays behind in the machine's
network when all others leave for the cluster's, and makes what has to be there: sockets, and the
processes that reach for the world, such as Podman's when it pulls images. For a process that never
left, everything here is as if it were not.
"""

import asyncio
import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import attrs

from engine.adapters.podman import processes
from engine.adapters.rootless import namespaces

Result = TypeVar("Result")

_behind: list[ThreadPoolExecutor] = []  # one for what is quick, one for what may wait


def leave(pid: int) -> None:
    """Have this thread, and all that it starts, live in the network of process *pid* from now on.

    To be called once, before there are other threads.

    Raises:
        OSError: the kernel refuses.
    """
    behind = [ThreadPoolExecutor(max_workers=1, thread_name_prefix="outside") for _ in range(2)]
    for one in behind:
        one.submit(int).result()  # the thread begins with the first thing it is given
    namespaces.join(pid, "net")
    _behind.extend(behind)


def is_elsewhere() -> bool:
    """Whether the machine's network is another one than ours."""
    return bool(_behind)


def call(work: Callable[[], Result]) -> Result:
    """What *work* returns, done in the machine's network. It must be quick: it blocks."""
    return _behind[0].submit(work).result() if _behind else work()


def wait_for(work: Callable[[], Result]) -> Result:
    """What *work* returns, done in the machine's network. It may take long, as connecting does."""
    return _behind[1].submit(work).result() if _behind else work()


def new_socket(
    family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
) -> socket.socket:
    """A socket in the machine's network, not blocking. It may be used by any thread."""

    def make() -> socket.socket:
        return socket.socket(family, kind, protocol)

    made = call(make)
    made.settimeout(0)
    return made


def listening(host: str, port: int, *, kind: int = socket.SOCK_STREAM) -> list[socket.socket]:
    """Bound sockets in the machine's network, one for each address of *host*.

    Raises:
        OSError: an address cannot be had.
    """
    found = call(lambda: socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE))
    made: list[socket.socket] = []
    try:
        for family, kind_, protocol, _, address in dict.fromkeys(found):
            made.append(new_socket(family, kind_, protocol))
            if kind_ == socket.SOCK_STREAM:
                made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made[-1].bind(address)
            port = made[-1].getsockname()[1]
    except OSError:
        for one in made:
            one.close()
        raise
    return made


@attrs.define(eq=False)
class Process:
    """A child process in the machine's network, with the methods of asyncio's."""

    popen: "subprocess.Popen[bytes]"
    _ended: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _exit: processes.Exit | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._exit = processes.on_exit(self.popen.pid, self._end)

    @property
    def pid(self) -> int:
        """Its number."""
        return self.popen.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self.popen.returncode

    async def wait(self) -> int:
        """Wait for its end; how it ended."""
        await self._ended.wait()
        return self.popen.wait()

    def terminate(self) -> None:
        """SIGTERM."""
        self.popen.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self.popen.kill()

    def _end(self) -> None:
        self.popen.wait()
        self._ended.set()


async def start_process(command: Sequence[str], **settings: Any) -> Process:
    """Start *command* in the machine's network; *settings* are those of `subprocess.Popen`.

    Raises:
        OSError: it cannot be started.
    """
    return Process(call(lambda: subprocess.Popen(command, **settings)))  # noqa: S603

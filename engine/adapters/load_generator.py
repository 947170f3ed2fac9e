"""Sends HTTP/1.1 requests over raw sockets at a given pace and measures the answers.

Latency counts from when a request was due, not from when a connection was free for it, so a slow
server cannot hide behind a patient client.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from engine.load.profile import Profile
from engine.load.stats import LoadStats

TICK_SECONDS = 0.004
RECONNECT_SECONDS = 0.2


@attrs.frozen(kw_only=True)
class Address:
    """Where requests go, and what that place is called."""

    name: str
    host: str
    port: int


@attrs.define(eq=False, repr=False)
class LoadGenerator:
    """Requests of one profile to the addresses at hand, spread evenly, over kept connections.

    *addresses* may be replaced while it runs. *path* and *host_header* make the request.
    """

    profile: Profile
    addresses: Sequence[Address]
    path: str = "/"
    host_header: str = "kubarium"
    concurrency: int = 32
    timeout: float = 5.0
    stats: LoadStats = attrs.field(factory=LoadStats, init=False)
    began: float = attrs.field(default=0.0, init=False)
    _connections: "list[_Connection]" = attrs.field(factory=list, init=False)
    _idle: "dict[str, list[_Connection]]" = attrs.field(factory=dict, init=False)
    _waiting: deque[float] = attrs.field(factory=deque, init=False)
    _sent: int = attrs.field(default=0, init=False)
    _turn: int = attrs.field(default=0, init=False)
    _opening: set["asyncio.Task[None]"] = attrs.field(factory=set, init=False)
    _refused_until: dict[str, float] = attrs.field(factory=dict, init=False)
    request: bytes = attrs.field(default=b"", init=False)

    async def run(
        self, on_second: Callable[["LoadGenerator"], object] = lambda _generator: None
    ) -> None:
        """Send until the profile ends; *on_second* is called once a second."""
        self.request = (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host_header}\r\n"
            "User-Agent: kubarium-load\r\nAccept: */*\r\n\r\n"
        ).encode()
        self.began = time.monotonic()
        turned = 0.0
        try:
            while True:
                age = self.age
                self._send(age)
                self._expire()
                if age - turned >= 1.0:
                    turned = age
                    self.stats.turn(age)
                    on_second(self)
                if age >= self.profile.duration and (not self.busy or age > self._last_call):
                    break
                await asyncio.sleep(TICK_SECONDS)
        finally:
            await self._close()
        if self.age - turned > 0.05:
            self.stats.turn(self.age)

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def busy(self) -> int:
        """Requests that wait or are under way."""
        return len(self._waiting) + sum(c.due is not None for c in self._connections)

    @property
    def _last_call(self) -> float:
        return self.profile.duration + self.timeout

    def _send(self, age: float) -> None:
        if self.profile.is_unpaced:
            if age >= self.profile.duration:
                self._waiting.clear()
                return
            now = time.monotonic()
            missing = self.concurrency - self.busy
            self._waiting.extend([now] * missing)
        else:
            due = int(self.profile.due(age))
            if due > self._sent:
                now, rate = time.monotonic(), max(self.profile.rate_at(age), 1e-9)
                # Those that fell due since the last tick did so one after the other.
                late = due - self._sent
                self._waiting.extend(
                    max(now - (late - 1 - i) / rate, now - 1.0) for i in range(late)
                )
                self._sent = due
        self._dispatch()

    def _dispatch(self) -> None:
        while self._waiting:
            connection = self._take()
            if connection is None:
                self._open()
                return
            connection.send(self._waiting.popleft())

    def _take(self) -> "_Connection | None":
        """An idle connection of the next address in turn that has one."""
        addresses = self.addresses
        for step in range(len(addresses)):
            address = addresses[(self._turn + step) % len(addresses)]
            idle = self._idle.get(address.name)
            while idle:
                connection = idle.pop()
                if not connection.is_closed:
                    self._turn = (self._turn + step + 1) % len(addresses)
                    return connection
            if step == 0 and self._can_open(address):
                return None  # its turn: rather a new connection there than an old one elsewhere
        return None

    def _can_open(self, address: Address) -> bool:
        if len(self._connections) + len(self._opening) >= self.concurrency:
            return False
        return self._refused_until.get(address.name, 0.0) <= time.monotonic()

    def _open(self) -> None:
        """Open connections for what waits, in turn, up to the number allowed."""
        if not self.addresses:
            for _ in range(len(self._waiting)):
                self._waiting.popleft()
                self.stats.failed("(no endpoint)", "connection refused")
            return
        wanted = len(self._waiting) - len(self._opening)
        for _ in range(max(0, wanted)):
            for _ in self.addresses:
                address = self.addresses[self._turn % len(self.addresses)]
                self._turn = (self._turn + 1) % len(self.addresses)
                if self._can_open(address):
                    task = asyncio.get_running_loop().create_task(self._connect(address))
                    self._opening.add(task)
                    task.add_done_callback(self._opening.discard)
                    break
            else:
                return

    async def _connect(self, address: Address) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timeout):
                await loop.create_connection(
                    lambda: _Connection(self, address), address.host, address.port
                )
        except (OSError, TimeoutError) as error:
            self._refused_until[address.name] = time.monotonic() + RECONNECT_SECONDS
            reason = _reason(error)
            if self._waiting:
                self._waiting.popleft()
                self.stats.failed(address.name, reason)

    def _expire(self) -> None:
        deadline = time.monotonic() - self.timeout
        for connection in tuple(self._connections):
            if connection.due is not None and connection.sent_at < deadline:
                connection.fail("timeout")
        while self._waiting and self._waiting[0] < deadline and not self._opening:
            self._waiting.popleft()
            self.stats.failed("(none free)", "timeout")

    async def _close(self) -> None:
        for task in tuple(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.close()
        await asyncio.sleep(0)

    def joined(self, connection: "_Connection") -> None:
        """A connection is there."""
        self._connections.append(connection)
        self.freed(connection)

    def freed(self, connection: "_Connection") -> None:
        """A connection has nothing to do: the next request, or a rest."""
        if self._waiting and len(self.addresses) == 1:
            connection.send(self._waiting.popleft())
            return
        self._idle.setdefault(connection.address.name, []).append(connection)
        if self._waiting:
            self._dispatch()

    def lost(self, connection: "_Connection") -> None:
        """A connection has gone."""
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)


class _Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, owner: LoadGenerator, address: Address) -> None:
        self.owner = owner
        self.address = address
        self.due: float | None = None
        self.sent_at = 0.0
        self.is_closed = False
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._missing = -1
        self._status = 0
        self._is_chunked = False
        self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.owner.joined(self)

    def send(self, due: float) -> None:
        """Send a request that was due at *due*."""
        assert self._transport is not None
        self.due, self.sent_at = due, time.monotonic()
        self._transport.write(self.owner.request)

    def data_received(self, data: bytes) -> None:
        """Read until the answer is whole."""
        self._buffer += data
        if self._missing < 0 and not self._is_chunked:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._read_head(self._buffer[:end]):
                self.fail("not HTTP")
                return
            self._buffer = self._buffer[end + 4 :]
        if self._is_chunked:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
        elif len(self._buffer) < self._missing:
            return
        self._answered()

    def _read_head(self, head: bytes) -> bool:
        first, _, rest = head.partition(b"\r\n")
        parts = first.split(None, 2)
        if len(parts) < 2 or not first.startswith(b"HTTP/1.") or not parts[1].isdigit():
            return False
        self._status = int(parts[1])
        lower = rest.lower()
        self._is_last = b"connection: close" in lower or first.startswith(b"HTTP/1.0")
        self._is_chunked = b"transfer-encoding: chunked" in lower
        at = lower.find(b"content-length:")
        if at >= 0:
            self._missing = int(lower[at + 15 :].split(b"\r\n", 1)[0])
        elif not self._is_chunked:
            no_body = self._status in (204, 304)
            self._missing = 0 if no_body else sys.maxsize
        return True

    def _answered(self) -> None:
        due, self.due = self.due, None
        if due is not None:
            seconds = time.monotonic() - due
            self.owner.stats.answered(self.address.name, seconds, status=self._status)
        self._buffer, self._missing, self._is_chunked = b"", -1, False
        if self._is_last:
            self.close()
        elif self.address in self.owner.addresses:
            self.owner.freed(self)
        else:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count what was under way."""
        if self.due is not None and self._missing == sys.maxsize and exc is None:
            self._is_last = True
            self._answered()  # the end of the connection was the end of the body
        if not self.is_closed:
            self.is_closed = True
            self.owner.lost(self)
        if self.due is not None:
            self.due = None
            self.owner.stats.failed(self.address.name, "connection reset")

    def fail(self, reason: str) -> None:
        """Give up what is under way."""
        if self.due is not None:
            self.due = None
            self.owner.stats.failed(self.address.name, reason)
        self.close()

    def close(self) -> None:
        """Hang up."""
        if not self.is_closed:
            self.is_closed = True
            self.owner.lost(self)
            self.due = None
            if self._transport is not None:
                self._transport.abort()


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    code = getattr(error, "errno", None)
    return (os.strerror(code) if code else str(error) or type(error).__name__).lower()


async def serve_requests() -> None:
    """A generator told what to do by JSON lines on standard input; a status a line on output.

    The first line is the whole task, the others replace its addresses. The end of the input ends
    the traffic.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    task = json.loads(await reader.readline())
    generator = LoadGenerator(
        profile=Profile(**task["profile"]),
        addresses=_addresses(task["addresses"]),
        path=task["path"],
        host_header=task["host"],
        concurrency=task["concurrency"],
        timeout=task["timeout"],
    )

    def tell(found: LoadGenerator, phase: str = "Running") -> None:
        status = found.stats.as_status(age=found.age, phase=phase)
        sys.stdout.write(json.dumps(status) + "\n")
        sys.stdout.flush()

    running = asyncio.create_task(generator.run(tell))

    async def listen() -> None:
        while line := await reader.readline():
            generator.addresses = _addresses(json.loads(line))
        running.cancel()

    listening = asyncio.create_task(listen())
    with contextlib.suppress(asyncio.CancelledError):
        await running
    tell(generator, "Done")
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    transport.close()


def _addresses(found: list[list[Any]]) -> list[Address]:
    return [Address(name=name, host=host, port=port) for name, host, port in found]


if __name__ == "__main__":
    asyncio.run(serve_requests())

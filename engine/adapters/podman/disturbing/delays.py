"""Packets that wait: the kernel queues them here, and the verdict comes late.

For kernels without netem. Who dies lets packets through: the rules say so (bypass).
"""

import asyncio
import contextlib
import random
import shutil
import socket
import struct
from collections.abc import Iterator

import attrs

from engine.adapters.network.slots import Slot
from engine.adapters.podman import processes
from engine.adapters.podman.disturbing.packets import ways
from engine.cri.disturbance import DisturbTraffic
from engine.errors import AdapterError

NETFILTER = 12
SUBSYSTEM = 3 << 8  # NFNL_SUBSYS_QUEUE
PACKET, VERDICT, CONFIG = SUBSYSTEM | 0, SUBSYSTEM | 1, SUBSYSTEM | 2
REQUEST = 1
BIND, UNBIND, COPY_META = 1, 2, 1
ACCEPT = 1
ATTR_CMD, ATTR_PARAMS, ATTR_MAXLEN = 1, 2, 3
ATTR_PACKET_HEADER, ATTR_VERDICT = 1, 2
BUFFER = 1 << 20
LONGEST = 65536
TABLE = "mangle"
CHAINS = ("FORWARD", "INPUT", "OUTPUT")


@attrs.define(eq=False)
class Queue:
    """One queue of the kernel; each packet is let go after *latency* give or take *jitter*."""

    number: int
    latency: float
    jitter: float
    _socket: socket.socket | None = attrs.field(default=None, init=False)
    _last: float = attrs.field(default=0.0, init=False)

    def open(self) -> None:
        """Take the queue.

        Raises:
            OSError: the kernel refuses, or somebody else has it.
        """
        family: int = getattr(socket, "AF_NETLINK", 16)
        self._socket = socket.socket(family, socket.SOCK_RAW, NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setblocking(False)  # noqa: FBT003 - its only form
        self._configure(ATTR_CMD, struct.pack(">BBH", BIND, 0, socket.AF_INET))
        self._configure(ATTR_PARAMS, struct.pack(">IB", 0, COPY_META))
        self._configure(ATTR_MAXLEN, struct.pack(">I", LONGEST))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Give the queue back: what waits in it is dropped by the kernel."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _configure(self, kind: int, body: bytes) -> None:
        assert self._socket is not None
        self._socket.send(_message(CONFIG, self.number, kind, body))

    def _read(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                continue  # the queue was full; what did not fit is lost
            for packet in _packets(data):
                wait = max(0.0, self.latency + random.uniform(-1, 1) * self.jitter)  # noqa: S311
                # In order, as a real line keeps it.
                self._last = max(self._last, loop.time() + wait)
                loop.call_at(self._last, self._let_go, packet)

    def _let_go(self, packet: int) -> None:
        if self._socket is not None:
            body = struct.pack(">II", ACCEPT, packet)
            with contextlib.suppress(OSError):
                self._socket.send(_message(VERDICT, self.number, ATTR_VERDICT, body))


@attrs.define(eq=False)
class Delays:
    """The queues of one slot, and the rules that lead to them."""

    slot: Slot
    is_table_ours: bool = attrs.field(default=False, init=False)
    _queues: dict[str, tuple[Queue, DisturbTraffic]] = attrs.field(factory=dict, init=False)

    async def reserve(self) -> int:
        """A number for one more queue; whether the table will be ours is known from then on."""
        if not self._queues:
            self.is_table_ours = not await has_table()
        used = {queue.number for queue, _ in self._queues.values()}
        base = 10_000 + self.slot.number * 1000
        return next(number for number in range(base, base + 1000) if number not in used)

    async def begin(self, name: str, number: int, disturbance: DisturbTraffic) -> None:
        """Let what *disturbance* says wait in queue *number*.

        Raises:
            AdapterError: the kernel cannot queue packets, or iptables-nft is missing.
        """
        queue = Queue(number, disturbance.latency, disturbance.jitter)
        try:
            queue.open()
        except OSError as error:
            queue.close()
            raise AdapterError(f"the kernel queues no packets: {error.strerror}") from error
        self._queues[name] = (queue, disturbance)
        try:
            for rule in _rules(number, disturbance):
                await _iptables("-A", *rule)
        except AdapterError:
            await self.end(name)
            raise

    async def end(self, name: str) -> None:
        """Undo it; what is not in force needs nothing."""
        found = self._queues.pop(name, None)
        if found is None:
            return
        queue, disturbance = found
        await remove_rules(queue.number, disturbance)
        if not self._queues and self.is_table_ours:
            await remove_table()
        # What waits in the queue goes on its way first.
        await asyncio.sleep(min(1.0, disturbance.latency + disturbance.jitter))
        queue.close()

    def has(self, name: str) -> bool:
        """Whether that disturbance is in force."""
        return name in self._queues

    async def clear(self) -> None:
        """Undo all."""
        for name in tuple(self._queues):
            await self.end(name)


async def remove_rules(number: int, disturbance: DisturbTraffic) -> None:
    """Take the rules of a queue away; those that are gone need nothing."""
    for rule in _rules(number, disturbance):
        with contextlib.suppress(AdapterError):
            await _iptables("-D", *rule)


def _rules(number: int, disturbance: DisturbTraffic) -> Iterator[list[str]]:
    target = ["-j", "NFQUEUE", "--queue-num", str(number), "--queue-bypass"]
    protocols = ("udp", "tcp") if disturbance.port else ("",)
    for sources, destinations in ways(disturbance):
        for source in sources or ("",):
            for destination in destinations or ("",):
                for protocol in protocols:
                    words = ["-s", source] if source else []
                    words += ["-d", destination] if destination else []
                    if protocol:
                        words += ["-p", protocol, "--dport", str(disturbance.port)]
                    for chain in CHAINS:
                        yield [chain, *words, *target]


async def has_table() -> bool:
    """Whether the table that iptables keeps its rules in is there already."""
    return (await processes.run(["nft", "list", "table", "ip", TABLE])).code == 0


async def remove_table() -> None:
    """Take away the table that iptables made for us, unless somebody else uses it by now."""
    listed = await processes.run(["iptables-nft", "-w", "-t", TABLE, "-S"])
    if listed.code == 0 and not any(line.startswith("-A") for line in listed.output.splitlines()):
        await processes.run(["nft", "delete", "table", "ip", TABLE])


async def _iptables(verb: str, chain: str, *rule: str) -> None:
    if shutil.which("iptables-nft", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        raise AdapterError("packets cannot be delayed here: iptables-nft is not installed")
    command = ["iptables-nft", "-w", "-t", TABLE, verb, chain, *rule]
    try:
        outcome = await processes.run(command, seconds=10.0)
    except (OSError, TimeoutError) as error:
        raise AdapterError(f"iptables-nft: {error}") from error
    if outcome.code:
        raise AdapterError(f"iptables-nft: {outcome.output.strip()}")


def _message(kind: int, queue: int, attribute: int, body: bytes) -> bytes:
    padded = body + bytes(-len(body) % 4)
    payload = struct.pack(">BBH", 0, 0, queue)
    payload += struct.pack("=HH", len(body) + 4, attribute) + padded
    return struct.pack("=IHHII", len(payload) + 16, kind, REQUEST, 0, 0) + payload


def _packets(data: bytes) -> Iterator[int]:
    """The ids of the packets that *data* tells of."""
    offset = 0
    while offset + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if length < 20:
            return
        if kind == PACKET:
            yield from _ids(data[offset + 20 : offset + length])
        offset += length + -length % 4


def _ids(body: bytes) -> Iterator[int]:
    offset = 0
    while offset + 4 <= len(body):
        size, kind = struct.unpack_from("=HH", body, offset)
        if size < 4:
            return
        if kind & 0x7FFF == ATTR_PACKET_HEADER:
            yield struct.unpack_from(">I", body, offset + 4)[0]
        offset += size + -size % 4

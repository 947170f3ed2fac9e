"""Packets dropped, reset and slowed: a table of rules of our own, written anew at each change."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

import attrs

from engine.adapters.network.nft import Nft, NftError, open_nft
from engine.adapters.network.slots import Slot
from engine.adapters.podman import processes
from engine.cri.disturbance import DisturbTraffic
from engine.errors import AdapterError

BURST_BYTES = 16 * 1024
HOOKS = ("forward", "input", "output")


def table_name(slot: Slot) -> str:
    """The table of a cluster's disturbances."""
    return f"{slot.table}_faults"


@attrs.define(eq=False)
class Packets:
    """The disturbances of traffic in force on one slot.

    Promises:
        * the table holds exactly the rules of what is in force, and is gone when nothing is.
    """

    slot: Slot
    _active: dict[str, DisturbTraffic] = attrs.field(factory=dict, init=False)
    _nft: Nft | None = attrs.field(default=None, init=False)

    async def begin(self, name: str, disturbance: DisturbTraffic) -> None:
        """Drop or reset what *disturbance* says.

        Raises:
            AdapterError: the firewall refuses; the rules are as they were.
        """
        self._active[name] = disturbance
        try:
            await asyncio.to_thread(self._sync)
        except AdapterError:
            del self._active[name]
            raise

    async def end(self, name: str) -> None:
        """Undo it; what is not in force needs nothing."""
        if self._active.pop(name, None) is not None:
            await asyncio.to_thread(self._sync)

    async def clear(self) -> None:
        """Undo all, of an earlier run too."""
        self._active.clear()
        with contextlib.suppress(AdapterError):
            await asyncio.to_thread(self._sync)
        if self._nft is not None:
            self._nft.close()
            self._nft = None

    def _sync(self) -> None:
        if self._nft is None:
            self._nft = open_nft()
        table = table_name(self.slot)
        if not self._active:
            with contextlib.suppress(NftError):
                self._nft.run(f"delete table ip {table}")
            return
        rules = [rule for one in self._active.values() for rule in rules_of(one)]
        chains = "\n".join(
            f"  chain {hook} {{ type filter hook {hook} priority -150; jump faults; }}"
            for hook in HOOKS
        )
        body = "\n".join(f"    {rule}" for rule in rules)
        self._nft.run(
            f"add table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n"
            f"  chain faults {{\n{body}\n  }}\n{chains}\n}}\n"
        )


def rules_of(disturbance: DisturbTraffic) -> Iterator[str]:
    """The rules that drop or reset what *disturbance* says."""
    verdict = "drop" if disturbance.action == "drop" else "reject with tcp reset"
    # Weights of a thousand, so that tenths of a percent count.
    share = round(disturbance.percent * 10)
    chance = "" if share >= 1000 else f"numgen random mod 1000 < {share} "
    for source, destination in ways(disturbance):
        words = "ip protocol tcp " if disturbance.action == "reset" else ""
        if source:
            words += f"ip saddr {{ {', '.join(source)} }} "
        if destination:
            words += f"ip daddr {{ {', '.join(destination)} }} "
        if disturbance.port:
            words += f"meta l4proto {{ tcp, udp }} th dport {disturbance.port} "
        yield f"{words}{chance}{verdict}"


def ways(disturbance: DisturbTraffic) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """From where to where it works: pairs of sources and destinations."""
    if disturbance.direction in ("out", "both"):
        yield disturbance.addresses, disturbance.peers
    if disturbance.direction in ("in", "both"):
        yield disturbance.peers, disturbance.addresses


async def limit(interface: str, pause: int, disturbance: DisturbTraffic) -> None:
    """Let only so many bytes a second through the pod's interface.

    Raises:
        AdapterError: the kernel refuses.
    """
    shape = [
        "tbf", "rate", f"{disturbance.rate * 8}bit", "burst", str(BURST_BYTES), "latency", "400ms",
    ]  # fmt: skip
    for command in _devices(interface, pause, disturbance.direction):
        await _tc([*command, "root", *shape], "replace")


async def unlimit(interface: str, pause: int, direction: str) -> None:
    """Undo `limit`; an interface that is gone needs nothing."""
    for command in _devices(interface, pause, direction):
        with contextlib.suppress(AdapterError):
            await _tc([*command, "root"], "del")


def _devices(interface: str, pause: int, direction: str) -> Iterable[list[str]]:
    """How `tc` reaches the two ends: what comes in leaves the host's, what goes out the pod's."""
    if direction in ("in", "both"):
        yield ["tc", "qdisc", "VERB", "dev", interface]
    if direction in ("out", "both") and pause:
        inside = ["nsenter", f"--net=/proc/{pause}/ns/net"]
        yield [*inside, "tc", "qdisc", "VERB", "dev", "eth0"]


async def _tc(command: list[str], verb: str) -> None:
    arguments = [verb if word == "VERB" else word for word in command]
    try:
        outcome = await processes.run(arguments, seconds=10.0)
    except (OSError, TimeoutError) as error:
        raise AdapterError(f"tc: {error}") from error
    if outcome.code:
        raise AdapterError(f"tc: {outcome.output.strip()}")

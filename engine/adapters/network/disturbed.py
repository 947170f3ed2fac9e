"""Faults of the network where we have no firewall: done to what our own proxy passes on.

Only what comes by a node port passes here. What pods say to each other, or ask of DNS, does not;
to disturb that is refused in words.
"""

import asyncio
import ipaddress
import random
from collections.abc import Callable, Iterator

import attrs

from engine.cri.disturbance import DisturbTraffic
from engine.errors import AdapterError

CUT_LOOK_SECONDS = 0.1
RETRY_SECONDS = 0.2
"""How late a lost packet comes: TCP sends it again."""


class ResetByFaultError(ConnectionResetError):
    """A fault resets this connection."""


@attrs.define(eq=False)
class DisturbedPaths:
    """The disturbances in force, by id, and what they do to a connection."""

    chance: Callable[[], float] = random.random
    _active: dict[str, DisturbTraffic] = attrs.field(factory=dict, init=False)

    def begin(self, disturbance: DisturbTraffic) -> None:
        """Let it take effect.

        Raises:
            AdapterError: it is about traffic that does not pass here.
        """
        if disturbance.peers or disturbance.port:
            raise AdapterError(
                "without root only what comes to pods by node ports can be disturbed, not what"
                " they say to each other or ask of DNS; run Kubarium as root for that"
            )
        self._active[disturbance.id] = disturbance

    def end(self, disturbance_id: str) -> None:
        """Undo it."""
        self._active.pop(disturbance_id, None)

    async def come_through(self, address: str) -> None:
        """Wait for as long as nothing at all comes through to *address*."""
        while self._is_cut(address):  # noqa: ASYNC110 - looked at seldom, and only under a fault
            await asyncio.sleep(CUT_LOOK_SECONDS)

    def _is_cut(self, address: str) -> bool:
        return any(one.action == "drop" and one.percent >= 100 for one in self._concerning(address))

    def check(self, address: str) -> None:
        """Let chance decide whether a new connection to *address* is reset.

        Raises:
            ResetByFaultError: it is.
        """
        for one in self._concerning(address):
            if one.action == "reset" and self.chance() * 100 < one.percent:
                raise ResetByFaultError(f"a fault resets connections to {address}")

    async def hold(self, address: str, size: int) -> None:
        """Wait as long as *size* bytes from or to *address* take longer than usual.

        Raises:
            ResetByFaultError: the connection breaks here.
        """
        self.check(address)
        for one in self._concerning(address):
            if one.action == "delay":
                await asyncio.sleep(max(0.0, one.latency + one.jitter * (2 * self.chance() - 1)))
            elif one.action == "drop":
                late = RETRY_SECONDS
                while one.id in self._active and self.chance() * 100 < one.percent:
                    await asyncio.sleep(late)
                    late = min(2 * late, 2.0)
            elif one.action == "limit" and one.rate:
                await asyncio.sleep(size / one.rate)

    def _concerning(self, address: str) -> Iterator[DisturbTraffic]:
        for one in tuple(self._active.values()):
            networks = (ipaddress.ip_network(text) for text in one.addresses)
            if any(ipaddress.ip_address(address) in network for network in networks):
                yield one

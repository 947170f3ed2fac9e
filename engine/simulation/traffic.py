"""The network between simulated pods, as far as faults make it worse: lost packets and waiting."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache

import attrs

from engine.cri.disturbance import DisturbTraffic

TIMEOUT = float("inf")
RETRY_SECONDS = 0.2
"""How long TCP waits before it sends a packet again; twice as long each time after."""
PACKETS = 2
"""Packets of a request that have to come through: there and back."""
MOST_RETRIES = 15


@attrs.frozen(kw_only=True)
class Way:
    """What a request meets between two addresses.

    Attributes:
        loss: the share of packets that get lost, from 0 to 1; 1 is a partition.
        reset: the share of requests that are answered with a reset.
        latency: seconds that a request and its answer wait, on average.
        jitter: how many seconds it may be more or less.
        rate: bytes a second that fit through; 0 for as many as come.
    """

    loss: float = 0.0
    reset: float = 0.0
    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0

    @property
    def hit(self) -> float:
        """The chance that a request has to be sent again."""
        return 1.0 if self.loss >= 1 else 1 - (1 - self.loss) ** PACKETS

    def seconds(self, chance: Callable[[], float], *, size: int = 0) -> float:
        """How much longer one request of *size* bytes takes; infinite if it never comes through."""
        if self.loss >= 1:
            return TIMEOUT
        total = self.latency
        if self.jitter:
            total = max(0.0, total + self.jitter * (2 * chance() - 1))
        if self.rate:
            total += size / self.rate
        if self.loss:
            tries = 0
            while tries < MOST_RETRIES and chance() < self.hit:
                tries += 1
            total += retry_seconds(tries)
        return total


FREE = Way()


def retry_seconds(tries: int) -> float:
    """How long it takes to send a packet again so many times."""
    return float(RETRY_SECONDS * (2**tries - 1))


@attrs.define(eq=False)
class Traffic:
    """The disturbances in force, by id.

    *chance* gives numbers from 0 to below 1 and is asked only where something depends on it.
    """

    chance: Callable[[], float]
    disturbances: dict[str, DisturbTraffic] = attrs.field(factory=dict, init=False)

    def way(self, source: str, destination: str, *, port: int = 0) -> Way:
        """What is between two addresses now; *port* is the one that is asked for."""
        if not self.disturbances or not source or not destination:
            return FREE
        passed, not_reset, latency, jitter, rate = 1.0, 1.0, 0.0, 0.0, 0.0
        for one in self.disturbances.values():
            if not _concerns(one, source, destination, port):
                continue
            if one.action == "drop":
                passed *= 1 - min(100.0, one.percent) / 100
            elif one.action == "reset":
                not_reset *= 1 - min(100.0, one.percent) / 100
            elif one.action == "delay":
                # There and back again.
                latency += 2 * one.latency
                jitter += 2 * one.jitter
            elif one.rate:
                rate = min(rate or one.rate, one.rate)
        return Way(loss=1 - passed, reset=1 - not_reset, latency=latency, jitter=jitter, rate=rate)

    def seconds(self, source: str, destination: str, *, port: int = 0, size: int = 0) -> float:
        """How much longer a request of *size* bytes takes; infinite if it never comes through."""
        return self.way(source, destination, port=port).seconds(self.chance, size=size)

    def is_reset(self, source: str, destination: str, *, port: int = 0) -> bool:
        """Whether a request is answered with a reset this time."""
        reset = self.way(source, destination, port=port).reset
        return reset >= 1 or (reset > 0 and self.chance() < reset)


def _concerns(disturbance: DisturbTraffic, source: str, destination: str, port: int) -> bool:
    """A request and its answer use both directions, so each of them breaks it."""
    if disturbance.port and disturbance.port != port:
        return False
    ways = [(source, destination)]
    if not disturbance.port or disturbance.direction != "out":
        ways.append((destination, source))
    return any(
        _within(mine, disturbance.addresses)
        and (not disturbance.peers or _within(other, disturbance.peers))
        for mine, other in ways
    )


def _within(address: str, networks: tuple[str, ...]) -> bool:
    return any(_network(network).__contains__(_address(address)) for network in networks if address)


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)

"""The network between simulated pods, as far as faults make it worse: lost packets and waiting."""

import ipaddress
from collections.abc import Callable, Iterator
from functools import lru_cache

import attrs

from engine.cri.disturbance import DisturbTraffic

TIMEOUT = float("inf")


@attrs.define(eq=False)
class Traffic:
    """The disturbances in force, by id.

    *chance* gives numbers from 0 to below 1 and is asked only where something depends on it.
    """

    chance: Callable[[], float]
    disturbances: dict[str, DisturbTraffic] = attrs.field(factory=dict, init=False)

    def seconds(self, source: str, destination: str, *, port: int = 0, size: int = 0) -> float:
        """How much longer a request of *size* bytes takes; infinite if it never comes through."""
        total = 0.0
        for disturbance in self.disturbances.values():
            if not _concerns(disturbance, source, destination, port):
                continue
            if disturbance.action in ("drop", "reset"):
                percent = disturbance.percent
                if percent >= 100 or self.chance() * 100 < percent:
                    return TIMEOUT
            elif disturbance.action == "delay":
                jitter = disturbance.jitter
                # There and back again.
                total += 2 * max(0.0, disturbance.latency + jitter * (2 * self.chance() - 1))
            elif disturbance.rate:
                total += size / disturbance.rate
        return total

    def is_reset(self, source: str, destination: str) -> bool:
        """Whether what is lost there is answered with a reset."""
        return any(
            disturbance.action == "reset" and _concerns(disturbance, source, destination, 0)
            for disturbance in self.disturbances.values()
        )


def _concerns(disturbance: DisturbTraffic, source: str, destination: str, port: int) -> bool:
    if disturbance.port and disturbance.port != port:
        return False
    return any(
        _within(mine, disturbance.addresses) and (not peers or _within(other, peers))
        for mine, other, peers in _ways(disturbance, source, destination)
    )


def _ways(
    disturbance: DisturbTraffic, source: str, destination: str
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """A request and its answer use both directions, so each of them breaks it."""
    yield destination, source, disturbance.peers
    yield source, destination, disturbance.peers


def _within(address: str, networks: tuple[str, ...]) -> bool:
    return any(_network(network).__contains__(_address(address)) for network in networks if address)


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)

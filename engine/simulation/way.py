"""What becomes of many requests on their way through a disturbed network."""

from collections.abc import Callable, Iterator

import attrs

from engine.simulation.traffic import FREE, MOST_RETRIES, Traffic, Way, retry_seconds

DNS_PORT = 53


@attrs.frozen
class Group:
    """Requests that arrive, each *delay* seconds later than through an undisturbed network."""

    count: int
    delay: float


@attrs.define(eq=False)
class Journey:
    """Requests from *address*; its names are told by the DNS server at *dns*.

    *traffic* is None where nothing can be disturbed.
    """

    traffic: Traffic | None = None
    address: str = ""
    dns: str = ""

    def to(self, ip: str, port: int) -> Way:
        """What is between the client and an address."""
        return FREE if self.traffic is None else self.traffic.way(self.address, ip, port=port)

    @property
    def has_names(self) -> bool:
        """Whether the DNS server can be asked at all."""
        return self.to(self.dns, DNS_PORT).loss < 1

    def groups(
        self, count: int, way: Way, *, timeout: float, failed: Callable[[str, int], None]
    ) -> Iterator[Group]:
        """Those of *count* requests that arrive in time; *failed* hears of the others.

        A packet that gets lost is sent again, later each time; a name that is asked for late makes
        its request late.
        """
        names = self.to(self.dns, DNS_PORT)
        if self.traffic is None or (way == FREE and names == FREE):
            yield Group(count, 0.0)
            return
        chance = self.traffic.chance
        if way.loss >= 1:
            failed("timeout", count)
            return
        reset = self._share(count, way.reset, chance)
        failed("connection reset", reset)
        jitter = way.jitter * (2 * chance() - 1) if way.jitter else 0.0
        delay = max(0.0, way.latency + jitter) + names.seconds(chance)
        left = count - reset
        for tries in range(MOST_RETRIES):
            late = delay + retry_seconds(tries)
            if not left or late >= timeout:
                break
            again = self._share(left, way.hit, chance) if way.loss else 0
            yield Group(left - again, late)
            left = again
        failed("timeout", left)

    def _share(self, count: int, share: float, chance: Callable[[], float]) -> int:
        """So much of *count*; a fraction of one is left to chance."""
        exact = count * share
        whole = int(exact)
        return whole + int(exact > whole and chance() < exact - whole)

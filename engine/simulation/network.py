"""Addresses for simulated pods, out of the node's own network."""

import ipaddress

import attrs


@attrs.define(eq=False)
class AddressPool:
    """Hands out the addresses of *cidr*, the one unused for longest first.

    The network's own, the first (the gateway) and the last address are never handed out.
    """

    cidr: str
    _first: int = attrs.field(init=False)
    _count: int = attrs.field(init=False)
    _next: int = attrs.field(default=0, init=False)
    _used: dict[str, bool] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        network = ipaddress.ip_network(self.cidr or "10.244.0.0/24")
        self._first = int(network.network_address) + 2
        self._count = max(0, network.num_addresses - 3)

    def take(self) -> str | None:
        """A free address, or None if all are in use."""
        for _ in range(self._count):
            address = str(ipaddress.ip_address(self._first + self._next))
            self._next = (self._next + 1) % self._count
            if address not in self._used:
                self._used[address] = True
                return address
        return None

    def give_back(self, address: str) -> None:
        """The address is free again."""
        self._used.pop(address, None)

"""The pod addresses of one node."""

import attrs

from engine.errors import AdapterError


@attrs.define(eq=False)
class Addresses:
    """The pod addresses of one node, given out round robin so that none is soon used again."""

    prefix: str
    _used: set[str] = attrs.field(factory=set, init=False)
    _next: int = attrs.field(default=2, init=False)

    def take(self) -> str:
        """A free address.

        Raises:
            AdapterError: all are in use.
        """
        for _ in range(253):
            address = f"{self.prefix}.{self._next}"
            self._next = self._next + 1 if self._next < 254 else 2
            if address not in self._used:
                self._used.add(address)
                return address
        raise AdapterError(f"no pod address is free in {self.prefix}.0/24")

    def claim(self, address: str) -> None:
        """Mark *address* as used by a sandbox that was there before."""
        self._used.add(address)

    def release(self, address: str) -> None:
        """Give *address* back."""
        self._used.discard(address)

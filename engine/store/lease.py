"""Leases: keys that live as long as somebody keeps them alive."""

import math
from collections.abc import Callable

import attrs

from engine.kernel.loop import Loop, Timer
from engine.store.errors import LeaseExistsError, LeaseNotFoundError


@attrs.frozen
class LeaseExpired:
    """The origin of the deletions that an expired lease causes."""

    lease_id: int


@attrs.frozen(kw_only=True)
class LeaseStatus:
    """A lease as asked for: *remaining* whole seconds of the *ttl* granted, and its keys."""

    lease_id: int
    ttl: float
    remaining: int
    keys: tuple[bytes, ...]


@attrs.define(eq=False)
class Lease:
    """One granted lease and the keys attached to it, in the order they were attached."""

    lease_id: int
    ttl: float
    expires_at: float
    keys: dict[bytes, None] = attrs.field(factory=dict)
    timer: Timer | None = None


@attrs.define(eq=False)
class Lessor:
    """Grants leases and says when one has expired, by the loop's time.

    Promises:
        * a lease never expires before its time to live has passed since it was granted, restored or
          last kept alive;
        * a key is attached to at most one lease, that of its latest put.
    """

    loop: Loop
    on_expired: Callable[[int], object]
    leases: dict[int, Lease] = attrs.field(factory=dict, init=False)
    _next_id: int = attrs.field(default=1, init=False)

    def grant(self, ttl: float, lease_id: int = 0) -> Lease:
        """A new lease of *ttl* seconds; id 0 lets the store choose one.

        Raises:
            LeaseExistsError: *lease_id* is granted already.
        """
        if ttl <= 0:
            raise ValueError(f"a lease must live for more than 0 seconds: {ttl}")
        if lease_id in self.leases:
            raise LeaseExistsError(lease_id)
        if not lease_id:
            while self._next_id in self.leases:
                self._next_id += 1
            lease_id = self._next_id
            self._next_id += 1
        lease = Lease(lease_id, ttl, self.loop.now + ttl)
        self.leases[lease_id] = lease
        lease.timer = self.loop.call_at(lease.expires_at, self._check, lease)
        return lease

    def get(self, lease_id: int) -> Lease:
        """The lease with this id.

        Raises:
            LeaseNotFoundError: there is none.
        """
        lease = self.leases.get(lease_id)
        if lease is None:
            raise LeaseNotFoundError(lease_id)
        return lease

    def keep_alive(self, lease_id: int) -> float:
        """Let the lease live its whole time again from now; return that time in seconds.

        Raises:
            LeaseNotFoundError: it expired or was revoked, or never was.
        """
        lease = self.get(lease_id)
        lease.expires_at = self.loop.now + lease.ttl
        return lease.ttl

    def status(self, lease_id: int) -> LeaseStatus:
        """How long the lease still lives, and its keys in key order.

        Raises:
            LeaseNotFoundError: there is none.
        """
        lease = self.get(lease_id)
        remaining = max(0, math.floor(lease.expires_at - self.loop.now))
        return LeaseStatus(
            lease_id=lease_id, ttl=lease.ttl, remaining=remaining, keys=tuple(sorted(lease.keys))
        )

    def remove(self, lease_id: int) -> Lease:
        """Forget a lease; its keys are the caller's to delete.

        Raises:
            LeaseNotFoundError: there is none.
        """
        lease = self.get(lease_id)
        del self.leases[lease_id]
        if lease.timer is not None:
            lease.timer.cancel()
        return lease

    def clear(self) -> None:
        """Forget all leases; their keys stay."""
        for lease_id in tuple(self.leases):
            self.remove(lease_id)

    def attach(self, key: bytes, lease_id: int) -> None:
        """Let *key* live as long as the lease."""
        lease = self.leases.get(lease_id)
        if lease is not None:
            lease.keys[key] = None

    def detach(self, key: bytes, lease_id: int) -> None:
        """Let *key* outlive the lease."""
        lease = self.leases.get(lease_id)
        if lease is not None:
            lease.keys.pop(key, None)

    def _check(self, lease: Lease) -> None:
        # Keep-alives only move `expires_at`; the timer notices here, so they cost no heap work.
        if lease.expires_at > self.loop.now:
            lease.timer = self.loop.call_at(lease.expires_at, self._check, lease)
        elif self.leases.get(lease.lease_id) is lease:
            self.on_expired(lease.lease_id)

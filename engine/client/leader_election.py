"""Leader election by Lease: of several candidates one works, the others wait.

Source: client-go tools/leaderelection, kubernetes v1.34.
"""

from typing import Protocol

import attrs

from engine.api.coordination import Lease, LeaseSpec
from engine.api.meta import ObjectMeta
from engine.api.wire import MicroTime
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop, Timer

NAMESPACE = "kube-system"

LEASE_DURATION = 15.0
"""Seconds a candidate waits after the last renewal it saw before it takes over."""

RENEW_DEADLINE = 10.0
"""Seconds without a successful renewal after which the leader stops working."""

RETRY_PERIOD = 2.0
"""Seconds between attempts to acquire or renew."""


class Worker(Protocol):
    """What only the leader may do."""

    def start(self) -> None:
        """Begin to work."""
        ...

    def stop(self) -> None:
        """Stop working; it may be started again."""
        ...


@attrs.define(eq=False, repr=False)
class LeaderElector:
    """Holds the Lease *name* while it can, and has *worker* work exactly then.

    Promises:
        * a candidate that sees the Lease renewed never takes it;
        * a leader that cannot renew stops before anybody else may start (given equal clocks).
    """

    loop: Loop
    client: Client
    recorder: EventRecorder
    worker: Worker
    name: str
    identity: str
    is_leader: bool = attrs.field(default=False, init=False)
    _is_started: bool = attrs.field(default=False, init=False)
    _seen: LeaseSpec | None = attrs.field(default=None, init=False)
    _seen_at: float = attrs.field(default=0.0, init=False)
    _renewed_at: float = attrs.field(default=0.0, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Become a candidate; if the Lease is free, the leader at once."""
        if not self._is_started:
            self._is_started = True
            self._attempt()

    def stop(self) -> None:
        """Stop working and be a candidate no more. The Lease is left to run out."""
        self._is_started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lose()

    def _attempt(self) -> None:
        self.loop.context = None
        self._timer = self.loop.call_later(RETRY_PERIOD, self._attempt)
        try:
            held = self._acquire_or_renew()
        except ApiError:
            held = None
        now = self.loop.now
        if held is not None:
            self._renewed_at = now
            if not self.is_leader:
                self.is_leader = True
                self.recorder.normal(held, "LeaderElection", f"{self.identity} became leader")
                self.worker.start()
        elif self.is_leader and (
            self._holder() != self.identity or now >= self._renewed_at + RENEW_DEADLINE
        ):
            self._lose()

    def _lose(self) -> None:
        if self.is_leader:
            self.is_leader = False
            self.worker.stop()

    def _holder(self) -> str:
        return (self._seen.holder_identity or "") if self._seen is not None else ""

    def _acquire_or_renew(self) -> Lease | None:
        """The Lease if it is ours now, None if somebody else holds it.

        Raises:
            ApiError: the server cannot be reached, or somebody was faster.
        """
        now = MicroTime(self.client.link.now)
        try:
            lease = self.client.get(Lease, self.name, namespace=NAMESPACE)
        except NotFoundError:
            wished = Lease(
                metadata=ObjectMeta(name=self.name, namespace=NAMESPACE),
                spec=LeaseSpec(
                    holder_identity=self.identity,
                    lease_duration_seconds=int(LEASE_DURATION),
                    acquire_time=now,
                    renew_time=now,
                    lease_transitions=0,
                ),
            )
            return self._observe(self.client.create(wished))
        spec = lease.spec
        if spec != self._seen:
            self._observe(lease)
        holder = spec.holder_identity or ""
        duration = spec.lease_duration_seconds or LEASE_DURATION
        if holder not in {"", self.identity} and self._seen_at + duration > self.loop.now:
            return None
        transitions = spec.lease_transitions or 0
        is_ours = holder == self.identity
        renewed = attrs.evolve(
            spec,
            holder_identity=self.identity,
            lease_duration_seconds=int(LEASE_DURATION),
            acquire_time=spec.acquire_time if is_ours else now,
            renew_time=now,
            lease_transitions=transitions if is_ours else transitions + 1,
        )
        return self._observe(self.client.update(attrs.evolve(lease, spec=renewed)))

    def _observe(self, lease: Lease) -> Lease:
        self._seen = lease.spec
        self._seen_at = self.loop.now
        return lease

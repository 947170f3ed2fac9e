"""How much a client may ask for at once, so that one greedy client harms nobody else.

Follows kube-apiserver without priority and fairness: a bound on the requests under way that only
read, another on those that change something, watches and streams outside of both.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.errors import TooManyRequestsError

_MASTERS = "system:masters"
_READ = ("GET", "HEAD", "OPTIONS")


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds of one server; times in seconds, sizes in bytes.

    The counts and the request's time are those kube-apiserver 1.34 has by default
    (``--max-requests-inflight``, ``--max-mutating-requests-inflight``, ``--request-timeout``).
    """

    reading: int = 400
    mutating: int = 200
    watches: int = 20_000
    body: int = 3 * 2**20
    request_time: float = 60.0
    # The longest a TLS handshake may take, from the first byte of TCP on.
    handshake_time: float = 10.0
    # The longest the head of the first request may take after it.
    head_time: float = 32.0
    # A connection on which nothing more is asked is closed after this time.
    idle_time: float = 120.0


@attrs.define(eq=False)
class InFlight:
    """Counts what is under way, and refuses what would be too much."""

    limits: Limits
    reading: int = attrs.field(default=0, init=False)
    mutating: int = attrs.field(default=0, init=False)
    watching: int = attrs.field(default=0, init=False)
    refused: int = attrs.field(default=0, init=False)

    @contextmanager
    def request(self, method: str, user: UserInfo) -> Iterator[None]:
        """Hold a place for one request of *user*.

        A superuser always gets one, so that a flooded server can still be mended.

        Raises:
            TooManyRequestsError: there is none; the client may try again in a second.
        """
        is_reading = method in _READ
        most = self.limits.reading if is_reading else self.limits.mutating
        if (self.reading if is_reading else self.mutating) >= most:
            self._refuse_unless_master(user)
        if is_reading:
            self.reading += 1
        else:
            self.mutating += 1
        try:
            yield
        finally:
            if is_reading:
                self.reading -= 1
            else:
                self.mutating -= 1

    @contextmanager
    def watch(self, user: UserInfo) -> Iterator[None]:
        """Hold a place for one watch.

        Raises:
            TooManyRequestsError: there are too many already.
        """
        if self.watching >= self.limits.watches:
            self._refuse_unless_master(user)
        self.watching += 1
        try:
            yield
        finally:
            self.watching -= 1

    def _refuse_unless_master(self, user: UserInfo) -> None:
        if _MASTERS in user.groups:
            return
        self.refused += 1
        raise TooManyRequestsError(
            "Too many requests, please try again later.", retryAfterSeconds=1
        )

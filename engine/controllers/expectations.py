"""Expectations: what a controller has asked for and its cache has not shown yet.

A controller that creates pods sees them a moment later. Until then its cache undercounts, and
without this record it would create them again::

    controller                 cache
    expects 2 creations        0 pods      is not satisfied: waits
                               1 pod       one observed
                               2 pods      satisfied: counts again

Source: controller_utils.go, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.kernel.clock import Clock

TIMEOUT = 300.0
"""Seconds after which an expectation is given up: its event was lost."""


@attrs.define(eq=False)
class _Expected:
    creations: int
    deletions: dict[str, None]
    since: float


@attrs.define(eq=False)
class Expectations:
    """Expected creations (counted) and deletions (by uid), per key."""

    clock: Clock
    _expected: dict[str, _Expected] = attrs.field(factory=dict, init=False)

    def expect_creations(self, key: str, count: int) -> None:
        """Expect *count* objects to appear."""
        self._expected[key] = _Expected(count, {}, self.clock.now)

    def expect_deletions(self, key: str, uids: Iterable[str]) -> None:
        """Expect the objects *uids* to go, or to begin to."""
        self._expected[key] = _Expected(0, dict.fromkeys(uids), self.clock.now)

    def creation_observed(self, key: str, count: int = 1) -> None:
        """An object appeared, or *count* of them will not after all."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.creations -= count

    def deletion_observed(self, key: str, uid: str) -> None:
        """The object *uid* is going, or will not after all."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.deletions.pop(uid, None)

    def are_satisfied(self, key: str) -> bool:
        """Whether the cache has shown everything, or has had time enough to."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        if expected.creations <= 0 and not expected.deletions:
            return True
        return self.clock.now - expected.since > TIMEOUT

    def forget(self, key: str) -> None:
        """Expect nothing any more."""
        self._expected.pop(key, None)

"""Keeps Events few: similar ones are combined, and an object cannot flood the store. Pure state.

Source: client-go tools/record/events_cache.go, kubernetes v1.34.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import attrs

MAX_SIMILAR = 10
"""Events that differ in their message alone: from this many on they are combined."""

SIMILAR_INTERVAL = 600.0
"""Seconds without such an event after which counting begins anew."""

BURST = 25
"""Events about one object that may come at once."""

REFILL = 1.0 / 300.0
"""Events a second that an object gets back."""

COMBINED = "(combined from similar events): "

_KEPT = 4096


@attrs.define(eq=False, weakref_slot=False)
class _Similar:
    messages: tuple[str, ...]
    """Those of late, each once; nearly always one."""
    last: float


@attrs.define(eq=False, weakref_slot=False)
class _Bucket:
    tokens: float
    since: float


@attrs.define(eq=False)
class EventCorrelator:
    """Decides, for each Event, under which message it is recorded, or that it is not."""

    _similar: OrderedDict[Hashable, _Similar] = attrs.field(factory=OrderedDict, init=False)
    _buckets: OrderedDict[Hashable, _Bucket] = attrs.field(factory=OrderedDict, init=False)

    def combined(self, group: Hashable, message: str, *, now: float) -> tuple[str, bool]:
        """The message to record, and whether it stands for all of its *group*.

        A group is everything about an Event but its message.
        """
        record = self._similar.get(group)
        if record is None or now - record.last > SIMILAR_INTERVAL:
            record = self._similar[group] = _Similar((), now)
        self._similar.move_to_end(group)
        if message not in record.messages:
            record.messages = (*record.messages, message)
        record.last = now
        self._forget_old(now)
        if len(record.messages) < MAX_SIMILAR:
            return message, False
        record.messages = record.messages[1:]
        return COMBINED + message, True

    def _forget_old(self, now: float) -> None:
        """What would begin anew is as if it were not there; hundreds of kubelets have one of us."""
        similar = self._similar
        while similar and now - next(iter(similar.values())).last > SIMILAR_INTERVAL:
            similar.popitem(last=False)
        _trim(similar)

    def is_spam(self, about: Hashable, *, now: float) -> bool:
        """Whether the object *about* has had its share of Events for now."""
        self._forget_full(now)
        bucket = self._buckets.get(about)
        if bucket is None:
            bucket = self._buckets[about] = _Bucket(float(BURST), now)
            _trim(self._buckets)
        self._buckets.move_to_end(about)
        bucket.tokens = min(float(BURST), bucket.tokens + (now - bucket.since) * REFILL)
        bucket.since = now
        if bucket.tokens < 1.0:
            return True
        bucket.tokens -= 1.0
        return False

    def _forget_full(self, now: float) -> None:
        """A bucket that is full again says as little as none."""
        buckets = self._buckets
        while buckets:
            bucket = next(iter(buckets.values()))
            if bucket.tokens + (now - bucket.since) * REFILL < BURST:
                return
            buckets.popitem(last=False)


def _trim(kept: OrderedDict[Hashable, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)

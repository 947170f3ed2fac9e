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


@attrs.define(eq=False)
class _Similar:
    messages: OrderedDict[str, None]
    last: float


@attrs.define(eq=False)
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
            record = self._similar[group] = _Similar(OrderedDict(), now)
        self._similar.move_to_end(group)
        record.messages[message] = None
        record.last = now
        _trim(self._similar)
        if len(record.messages) < MAX_SIMILAR:
            return message, False
        record.messages.popitem(last=False)
        return COMBINED + message, True

    def is_spam(self, about: Hashable, *, now: float) -> bool:
        """Whether the object *about* has had its share of Events for now."""
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


def _trim(kept: OrderedDict[Hashable, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)

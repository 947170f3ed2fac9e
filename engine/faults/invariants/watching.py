"""Invariants of the watch streams: ordered, unique, whole, without a gap."""

from typing import Any

import attrs

from engine.faults.invariants.violation import Report
from engine.store.kv import Change


@attrs.define(eq=False)
class OrderedWatch:
    """What every watcher may rely on, seen by one that watches everything."""

    name: str = "watch-ordered"
    promise: str = "watch events are ordered, unique and without gaps"
    kinds: tuple[type, ...] = (object,)
    _revision: int = 0
    _sub: int = -1
    _versions: dict[bytes, int] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Revisions rise by one, and each change begins where the last of its key ended."""
        key = change.kv.key.decode(errors="replace")
        if self._revision:
            if (change.revision, change.sub) <= (self._revision, self._sub):
                broken(f"revision {change.revision} came after {self._revision}", key)
            elif change.revision > self._revision + 1:
                broken(f"revision {self._revision + 1} was never delivered", key)
        self._revision, self._sub = change.revision, change.sub
        before = change.prev_kv.mod_revision if change.prev_kv is not None else 0
        known = self._versions.get(change.kv.key)
        if known is not None and before != known:
            broken(f"follows revision {before} of its key, and {known} was delivered last", key)
        if change.type == "delete":
            self._versions.pop(change.kv.key, None)
        else:
            self._versions[change.kv.key] = change.revision

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""

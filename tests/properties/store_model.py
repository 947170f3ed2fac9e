"""The store as simply as it can be said: a full copy of all keys for every revision."""

from typing import NamedTuple

import attrs

from engine.store.kv import Change, KeyValue, in_range, tombstone

State = dict[bytes, KeyValue[bytes]]


class Write(NamedTuple):
    """One step of a transaction: put *value*, or delete if it is None."""

    key: bytes
    value: bytes | None
    lease: int = 0


@attrs.define(eq=False)
class Model:
    """What every revision looked like, and the changes that made it."""

    states: dict[int, State] = attrs.field(factory=lambda: {1: {}})
    changes: list[Change[bytes]] = attrs.field(factory=list)
    revision: int = 1
    compact_revision: int = 0

    @property
    def now(self) -> State:
        """The newest state."""
        return self.states[self.revision]

    def write(self, writes: list[Write], time: float, origin: object = None) -> None:
        """Make the next revision, unless nothing changes."""
        state, main = dict(self.now), self.revision + 1
        made: list[Change[bytes]] = []
        for key, value, lease in writes:
            prev = state.get(key)
            if value is not None:
                created = prev.create_revision if prev else main
                version = prev.version + 1 if prev else 1
                kv = KeyValue(key, value, created, main, version, lease)
                state[key] = kv
                made.append(Change(main, len(made), "put", kv, prev, origin, time))
            elif prev:
                del state[key]
                mark: KeyValue[bytes] = tombstone(key, main)
                made.append(Change(main, len(made), "delete", mark, prev, origin, time))
        if made:
            self.states[main] = state
            self.revision = main
            self.changes.extend(made)

    def keys(self, start: bytes, end: bytes | None, revision: int = 0) -> list[KeyValue[bytes]]:
        """The keys of a range, in order."""
        state = self.states[revision or self.revision]
        return [kv for key, kv in sorted(state.items()) if in_range(key, start, end)]

    def history(
        self, start: bytes, end: bytes | None, first: int, ignored: str | None
    ) -> list[Change[bytes]]:
        """What a watcher of a range from revision *first* on has to be told."""
        return [
            change
            for change in self.changes
            if change.revision >= first
            and change.type != ignored
            and in_range(change.kv.key, start, end)
        ]

"""What a store looks like from outside: plain values, made for screens and for JSON."""

import attrs


@attrs.frozen(kw_only=True)
class KeyGroup:
    """The keys of one directory: all that share everything up to the last slash.

    *size* is the bytes of keys and values as a log writes them. *is_estimate* says that some were
    not measured yet and are taken to be as large as the measured ones.
    """

    path: str
    keys: int
    size: int
    is_estimate: bool = False


@attrs.frozen(kw_only=True)
class RevisionRow:
    """One change with who made it and why.

    Attributes:
        revision: the main revision.
        sub: the place within the transaction.
        verb: create, update or delete.
        key: what changed.
        size: bytes of the new value, 0 for a deletion.
        time: epoch seconds of the cluster.
        actor: the component or program that wrote.
        user: in whose name; empty if that is not known.
        cause: the revision that made the actor act, 0 if none is known.
        cause_key: what changed at that revision, empty if that is forgotten.
        entry: number of the outside input at the root, 0 if none.
        input: that input in a few words, empty if it is forgotten.
    """

    revision: int
    sub: int
    verb: str
    key: str
    size: int
    time: float
    actor: str = ""
    user: str = ""
    cause: int = 0
    cause_key: str = ""
    entry: int = 0
    input: str = ""


@attrs.frozen(kw_only=True)
class WatcherRow:
    """One watcher.

    Attributes:
        watcher_id: its number.
        name: who watches.
        span: the prefix, key or range it watches.
        index: the one index entry it wants, empty for all.
        state: ``synced``, ``behind`` (served from history) or ``paused`` (its reader is slow).
        lag: revisions it is behind the store.
        waiting: changes delivered that its reader has not taken yet.
        delivered: batches delivered so far.
    """

    watcher_id: int
    name: str
    span: str
    index: str = ""
    state: str = "synced"
    lag: int = 0
    waiting: int = 0
    delivered: int = 0


@attrs.frozen(kw_only=True)
class LeaseRow:
    """One lease: seconds granted, seconds left, how many keys end with it."""

    lease_id: int
    ttl: float
    remaining: float
    keys: int


@attrs.frozen(kw_only=True)
class CompactionRow:
    """How much history is kept; None is no bound.

    Attributes:
        revisions: how many revisions are kept.
        age: how many seconds are kept.
        size: how many bytes of log are kept.
        compact_revision: the oldest revision that can be read; 0 if nothing was compacted yet.
        next_at: when it is looked at next, in epoch seconds; 0 if never.
        target: what would be compacted at now; 0 for nothing.
        changes: changes kept in memory.
    """

    revisions: int | None = None
    age: float | None = None
    size: int | None = None
    compact_revision: int = 0
    next_at: float = 0.0
    target: int = 0
    changes: int = 0


@attrs.frozen(kw_only=True)
class StoreStatus:
    """Everything at one moment.

    *revisions* are those after the one asked for, oldest first. *file_size* is None where no file
    keeps the store; *alarm* says why it takes no writes, if it takes none.
    """

    revision: int
    durable_revision: int
    now: float
    kept_in: str
    groups: tuple[KeyGroup, ...] = ()
    revisions: tuple[RevisionRow, ...] = ()
    watchers: tuple[WatcherRow, ...] = ()
    leases: tuple[LeaseRow, ...] = ()
    compaction: CompactionRow = CompactionRow()
    file_size: int | None = None
    alarm: str = ""

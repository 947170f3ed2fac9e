"""What a store tells of itself."""

from engine.kernel.loop import Loop
from engine.store.compactor import Compactor, Retention
from engine.store.observer import StoreObserver
from engine.store.watchable_store import Store
from engine.telemetry.trace import Origin


def observed(retention: Retention | None = None) -> StoreObserver[bytes]:
    """An empty store and who looks at it."""
    store: Store[bytes] = Store(Loop())
    compactor = Compactor(store.loop, store.kv, store.compact, retention or Retention())
    return StoreObserver(store, compactor, len)


def counts(observer: StoreObserver[bytes]) -> dict[str, tuple[int, int]]:
    """Keys and bytes by directory."""
    return {group.path: (group.keys, group.size) for group in observer.status().groups}


def test_counts_follow_every_change() -> None:
    """What was there, what came, what changed and what went."""
    observer = observed()
    store = observer.store
    store.put(b"/a/one", b"xx")
    assert counts(observer) == {"/a": (1, 8)}

    store.put(b"/a/one", b"xxxx")
    store.put(b"/a/two", b"")
    store.put(b"/b/one", b"x")
    assert counts(observer) == {"/a": (2, 16), "/b": (1, 7)}

    store.delete_range(b"/b/one")
    assert counts(observer) == {"/a": (2, 16)}


def test_many_keys_are_measured_bit_by_bit() -> None:
    """A large store answers at once: what is not measured yet is estimated, and said to be."""
    observer = observed()
    for number in range(1000):
        observer.store.put(b"/a/%04d" % number, b"x" * 93)

    first = observer.status().groups[0]
    for _ in range(3):
        last = observer.status().groups[0]

    assert (first.keys, first.size, first.is_estimate) == (1000, 100_000, True)
    assert (last.keys, last.size, last.is_estimate) == (1000, 100_000, False)


def test_changes_tell_who_and_why() -> None:
    """The actor, the change it acted on, and the input at the root."""
    observer = observed()
    observer.input_of = lambda number: f"input {number}"
    observer.store.put(b"/a", b"1", origin=Origin("kubectl", 0, 7, "me"))
    observer.store.put(b"/b", b"1", origin=Origin("controller", 2))
    observer.store.delete_range(b"/b")

    one, two, three = observer.status().revisions

    assert (one.verb, one.actor, one.user, one.input) == ("create", "kubectl", "me", "input 7")
    assert (two.actor, two.cause, two.cause_key) == ("controller", 2, "/a")
    assert (three.verb, three.size) == ("delete", 0)
    assert observer.status(since=3).revisions == (three,)
    assert observer.status(limit=1).revisions == (three,)


def test_watchers_tell_their_lag() -> None:
    """A paused watcher falls behind; a synced one never is."""
    observer = observed()
    store = observer.store
    slow = store.watch(b"/a", deliver=bool, name="slow")
    store.watch(b"/a/", b"/a0", deliver=bool, name="quick")
    slow.pause()
    for _ in range(3):
        store.put(b"/a", b"")

    rows = {row.name: row for row in observer.status().watchers}

    assert (rows["slow"].state, rows["slow"].lag, rows["slow"].span) == ("paused", 3, "/a")
    assert (rows["quick"].state, rows["quick"].lag, rows["quick"].span) == ("synced", 0, "/a/*")


def test_leases_and_compaction_tell_their_times() -> None:
    """What is left of a lease, and what retention will do next."""
    observer = observed(Retention(revisions=2))
    store = observer.store
    lease = store.grant(60.0)
    for _ in range(5):
        store.put(b"/a", b"", lease=lease)
    observer.compactor.start()
    store.loop.run_for(20.0)

    status = observer.status()

    assert [(row.remaining, row.keys) for row in status.leases] == [(40.0, 1)]
    assert (status.compaction.target, status.compaction.next_at - status.now) == (4, 40.0)


def test_nobody_looking_costs_nothing() -> None:
    """Counting ends a while after the last question, and begins anew with the next."""
    observer = observed()
    store = observer.store
    store.put(b"/a", b"")
    observer.status()
    store.loop.run_for(3600.0)
    store.put(b"/b", b"")

    assert not store.hub.watchers
    assert sum(keys for keys, _ in counts(observer).values()) == 2

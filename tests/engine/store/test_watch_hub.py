"""Who is told of what, and when."""

import gc
import weakref

import pytest

from engine.kernel.loop import Loop
from engine.store.kv import prefix_end
from engine.store.txn import Put
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch


@pytest.fixture
def store() -> Store[bytes]:
    """A store whose index entries are the first byte of a value."""
    return Store(Loop(), index_of=lambda _key, value: value[:1].decode() or None)


def test_an_index_watcher_sees_what_enters_and_leaves_its_entry(store: Store[bytes]) -> None:
    """A pod that moves from one node to another is told to both."""
    seen: dict[str, list[WatchBatch[bytes]]] = {"a": [], "b": []}
    for entry, batches in seen.items():
        store.watch(b"", b"\0", deliver=batches.append, index=entry)

    store.put(b"key", b"a1")
    store.put(b"key", b"b1")
    store.delete_range(b"key")

    assert [batch.revision for batch in seen["a"]] == [2, 3]
    assert [batch.revision for batch in seen["b"]] == [3, 4]


def test_an_index_watcher_from_the_past_sees_the_same(store: Store[bytes]) -> None:
    """Catching up and being told at once do not differ."""
    live: list[WatchBatch[bytes]] = []
    late: list[WatchBatch[bytes]] = []
    store.watch(b"", b"\0", deliver=live.append, index="a", prev_kv=True)
    for value in (b"a1", b"b1", b"a2", b"c"):
        store.put(b"key", value)

    store.watch(b"", b"\0", deliver=late.append, index="a", prev_kv=True, start_revision=1)
    store.loop.run_for(0.0)

    assert [c for batch in late for c in batch.changes] == [c for b in live for c in b.changes]


def test_a_write_inside_a_delivery_is_told_after_it(store: Store[bytes]) -> None:
    """No watcher hears of an effect before its cause."""
    order: list[tuple[str, int]] = []

    def react(batch: WatchBatch[bytes]) -> None:
        order.append(("first", batch.revision))
        if batch.revision == 2:
            store.put(b"effect", b"1")

    store.watch(b"", b"\0", deliver=react)
    store.watch(b"", b"\0", deliver=lambda batch: order.append(("second", batch.revision)))

    store.put(b"cause", b"1")

    assert order == [("first", 2), ("second", 2), ("first", 3), ("second", 3)]


def test_a_watcher_cancelled_during_a_delivery_hears_nothing_more(store: Store[bytes]) -> None:
    """Not even of the change being delivered."""
    heard: list[WatchBatch[bytes]] = []
    store.watch(b"", b"\0", deliver=lambda _batch: second.cancel())
    second = store.watch(b"", b"\0", deliver=heard.append)

    store.put(b"key", b"1")

    assert heard == []


def test_one_transaction_is_one_batch(store: Store[bytes]) -> None:
    """A watcher never sees half of a revision."""
    batches: list[WatchBatch[bytes]] = []
    store.watch(b"a", prefix_end(b"a"), deliver=batches.append)

    store.txn(success=[Put(b"a1", b"1"), Put(b"b1", b"1"), Put(b"a2", b"1")])

    assert [[change.kv.key for change in batch.changes] for batch in batches] == [[b"a1", b"a2"]]


def test_an_idle_watcher_is_told_how_far_it_is(store: Store[bytes]) -> None:
    """Progress marks let a quiet watcher resume above the compaction."""
    batches: list[WatchBatch[bytes]] = []
    store.hub.progress_interval = 10.0
    store.watch(b"quiet", deliver=batches.append, progress=True)
    store.put(b"busy", b"1")

    store.loop.run_for(25.0)

    assert batches == [WatchBatch((), 2), WatchBatch((), 2)]


def test_lag_is_counted_in_revisions(store: Store[bytes]) -> None:
    """What the store screen shows of a reader that has stopped reading."""
    watcher = store.watch(b"key", deliver=bool)
    watcher.pause()
    for _ in range(3):
        store.put(b"key", b"1")

    assert store.hub.lag(watcher) == 3
    watcher.resume()
    store.loop.run_for(0.0)
    assert store.hub.lag(watcher) == 0


def test_a_cancelled_watcher_is_held_by_nobody() -> None:
    """Not even until its next progress mark would have been due."""
    store = Store[bytes](Loop())
    watcher = store.watch(b"", b"\0", deliver=lambda _batch: None, progress=True)
    store.put(b"key", b"a")
    held = weakref.ref(watcher)

    watcher.cancel()
    del watcher
    gc.collect()

    assert held() is None

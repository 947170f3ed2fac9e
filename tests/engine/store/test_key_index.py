"""The history of one key."""

import pytest

from engine.kernel.loop import Loop
from engine.store.errors import CompactedError
from engine.store.kv import FROM_KEY
from engine.store.watchable_store import Store


def make_store() -> Store[bytes]:
    """The key of `KeyIndex`'s docstring: put at 2 and 5, deleted at 7, put again at 9."""
    store: Store[bytes] = Store(Loop())
    for revision in range(2, 10):
        if revision in (2, 5, 9):
            store.put(b"key", b"%d" % revision)
        elif revision == 7:
            store.delete_range(b"key")
        else:
            store.put(b"other", b"")
    return store


@pytest.mark.parametrize(
    ("compacted", "kept"),
    [(4, [2, 5, 7, 9]), (5, [5, 7, 9]), (6, [5, 7, 9]), (7, [7, 9]), (8, [9]), (9, [9])],
)
def test_compaction_keeps_what_can_still_be_read(compacted: int, kept: list[int]) -> None:
    """The table of the docstring, and every revision that is left reads as before."""
    store = make_store()
    before = [store.get(b"key", revision) for revision in range(compacted, 10)]

    store.compact(compacted)
    store.loop.run_for(0.0)

    entry = store.kv.index.get(b"key")
    assert entry is not None
    assert [kv.mod_revision for kv in (*(entry.older or ()), entry.head)] == kept
    assert [store.get(b"key", revision) for revision in range(compacted, 10)] == before


def test_a_deleted_key_is_forgotten_once_its_deletion_is_compacted() -> None:
    """Neither the key nor its tombstone takes memory for ever."""
    store: Store[bytes] = Store(Loop())
    store.put(b"key", b"1")
    store.delete_range(b"key")
    store.put(b"other", b"1")

    store.compact(store.revision)
    store.loop.run_for(0.0)

    assert [e.head.key for leaf in store.kv.index.span(b"", FROM_KEY) for e in leaf] == [b"other"]
    with pytest.raises(CompactedError, match="revision 2 has been compacted; the oldest"):
        store.get(b"key", 2)

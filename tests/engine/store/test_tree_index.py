"""Keys in order."""

import random

from engine.store import tree_index
from engine.store.key_index import KeyIndex
from engine.store.kv import FROM_KEY, KeyValue
from engine.store.tree_index import TreeIndex


def entry(key: bytes) -> KeyIndex[bytes]:
    """The history of a key put once."""
    return KeyIndex(KeyValue(key, b"", 2, 2, 1))


def keys_of(index: TreeIndex[bytes], start: bytes, end: bytes | None) -> list[bytes]:
    """The keys of a range."""
    return [found.head.key for leaf in index.span(start, end) for found in leaf]


def test_spans_are_what_a_sorted_list_gives() -> None:
    """Through many insertions and removals, splits and emptied leaves."""
    chance = random.Random(5)
    index: TreeIndex[bytes] = TreeIndex()
    present: dict[bytes, None] = {}
    for step in range(12_000):
        key = b"%05d" % chance.randrange(6 * tree_index._BUCKET)
        if key in present and chance.random() < (0.9 if step > 8000 else 0.3):
            index.remove(key)
            del present[key]
        elif key not in present:
            index.insert(key, entry(key))
            present[key] = None
        if step % 400 == 0:
            start, end = sorted(
                (b"%05d" % chance.randrange(4000), b"%05d" % chance.randrange(4000))
            )
            assert keys_of(index, start, end) == sorted(k for k in present if start <= k < end)
            assert keys_of(index, start, FROM_KEY) == sorted(k for k in present if k >= start)
            assert keys_of(index, b"", FROM_KEY) == sorted(present)

    assert len(index) == len(present)


def test_keys_that_come_in_order_fill_their_leaves() -> None:
    """Nothing is wasted on the most frequent order."""
    index: TreeIndex[bytes] = TreeIndex()

    for number in range(10 * tree_index._BUCKET):
        key = b"%06d" % number
        index.insert(key, entry(key))

    assert all(len(leaf) > tree_index._BUCKET for leaf in index._leaves[:-1])

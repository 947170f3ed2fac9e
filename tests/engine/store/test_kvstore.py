"""The multi-version map: its newest values."""

from engine.store.kvstore import KVStore


def test_the_newest_values_of_a_range_are_what_a_read_of_it_finds() -> None:
    """In key order, without what is deleted and without what is beside the range."""
    store = KVStore[str]()
    for key, value in (("a/2", "old"), ("a/1", "one"), ("a/2", "two"), ("a/3", "gone"), ("b", "x")):
        store.put(key.encode(), value)
        store.commit()
    store.delete_range(b"a/3")
    store.commit()

    assert store.values(b"a/", b"a0") == ["one", "two"]
    assert store.values(b"a/", b"a0") == [kv.value for kv in store.range(b"a/", b"a0").kvs]
    assert store.values(b"c", b"d") == []

"""Finding the watchers of a key."""

import hypothesis.strategies as st
from hypothesis import example, given

from engine.store.kv import FROM_KEY, in_range, prefix_end
from engine.store.watcher import Watcher, WatcherIndex

KEYS = st.binary(max_size=3).map(lambda key: key.translate(bytes([97, 98, 255, 47] * 64)))
ENDS = st.none() | KEYS.map(prefix_end) | KEYS | st.just(FROM_KEY)


def make_watcher(number: int, start: bytes, end: bytes | None) -> Watcher[bytes]:
    """A watcher that delivers nowhere."""
    return Watcher(
        watcher_id=number,
        start=start,
        end=end,
        next_revision=1,
        deliver=bool,
        prev_kv=False,
        ignored=None,
        progress=False,
        index=None,
    )


@given(
    ranges=st.lists(st.tuples(KEYS, ENDS), max_size=12),
    removed=st.sets(st.integers(0, 11)),
    keys=st.lists(KEYS, min_size=1, max_size=8),
)
@example(ranges=[(b"a", b"b"), (b"ab", b"ac")], removed=set(), keys=[b"a"])
def test_the_index_finds_whom_a_search_through_all_finds(
    ranges: list[tuple[bytes, bytes | None]], removed: set[int], keys: list[bytes]
) -> None:
    """Single keys, prefixes and any other range, also after watchers have left."""
    index: WatcherIndex[bytes] = WatcherIndex()
    watchers = [make_watcher(number, *span) for number, span in enumerate(ranges)]
    for watcher in watchers:
        index.add(watcher)
    for key in keys:
        tuple(index.matching(key))
    for number in removed:
        if number < len(watchers):
            index.remove(watchers[number])

    for key in keys:
        found = [w.watcher_id for group in index.matching(key) for w in group.everyone()]
        wanted = [
            w.watcher_id
            for w in watchers
            if w.watcher_id not in removed and in_range(key, w.start, w.end)
        ]
        assert sorted(found) == wanted

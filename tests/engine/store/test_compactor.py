"""How much history is kept."""

import pytest

from engine.kernel.loop import Loop
from engine.store.compactor import Compactor, Retention
from engine.store.watchable_store import Store


@pytest.mark.parametrize(
    ("retention", "size", "wanted"),
    [
        pytest.param(Retention(), 0, 0, id="everything"),
        pytest.param(Retention(revisions=10), 0, 91, id="revisions"),
        pytest.param(Retention(age=20.5), 0, 81, id="age"),
        pytest.param(Retention(revisions=10, age=50.0), 0, 91, id="tightest"),
        pytest.param(Retention(size=1000), 1001, 51, id="size"),
        pytest.param(Retention(size=1000), 1000, 0, id="small enough"),
    ],
)
def test_history_is_kept_as_long_as_asked(retention: Retention, size: int, wanted: int) -> None:
    """By count, by age and by size; the tightest bound wins."""
    loop = Loop()
    store: Store[bytes] = Store(loop)
    while store.revision < 101:
        store.put(b"key", b"1")
        loop.run_for(1.0)

    compactor = Compactor(loop, store.kv, store.compact, retention, size=lambda: size)

    assert compactor.target() == wanted


def test_compaction_happens_by_itself() -> None:
    """Every interval, until it is stopped."""
    loop = Loop()
    store: Store[bytes] = Store(loop)
    compactor = Compactor(loop, store.kv, store.compact, Retention(revisions=5), interval=10.0)
    compactor.start()
    for _ in range(20):
        store.put(b"key", b"1")

    loop.run_for(10.0)
    assert store.compact_revision == 16

    compactor.stop()
    store.put(b"key", b"1")
    loop.run_for(100.0)
    assert store.compact_revision == 16

"""Keys that live as long as somebody keeps them alive."""

import pytest

from engine.kernel.loop import Loop
from engine.store.errors import LeaseExistsError, LeaseNotFoundError
from engine.store.lease import LeaseExpired
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch


@pytest.fixture
def store() -> Store[bytes]:
    """A store at virtual time 0."""
    return Store(Loop())


def test_a_lease_that_nobody_keeps_alive_takes_its_keys_along(store: Store[bytes]) -> None:
    """All of them as one revision, with the lease as the reason."""
    batches: list[WatchBatch[bytes]] = []
    lease = store.grant(10.0)
    store.put(b"b", b"1", lease=lease)
    store.put(b"a", b"1", lease=lease)
    store.put(b"c", b"1")
    store.watch(b"", b"\0", deliver=batches.append)

    store.loop.run_for(9.9)
    assert batches == []
    store.loop.run_for(0.1)

    (batch,) = batches
    assert [change.kv.key for change in batch.changes] == [b"a", b"b"]
    assert {change.origin for change in batch.changes} == {LeaseExpired(lease)}
    assert store.range(b"", b"\0").count == 1


def test_a_lease_kept_alive_lives_its_whole_time_again(store: Store[bytes]) -> None:
    """However often, and no longer than that."""
    lease = store.grant(10.0)
    for _ in range(5):
        store.loop.run_for(6.0)
        assert store.keep_alive(lease) == 10.0

    store.loop.run_for(7.5)
    assert store.time_to_live(lease).remaining == 2
    store.loop.run_for(2.5)
    with pytest.raises(LeaseNotFoundError, match=f"lease {lease} not found"):
        store.keep_alive(lease)


def test_a_key_belongs_to_the_lease_of_its_latest_put(store: Store[bytes]) -> None:
    """Moving a key to another lease, or to none, frees it from the first."""
    one, two = store.grant(10.0), store.grant(20.0)
    for key in (b"moved", b"freed", b"deleted"):
        store.put(key, b"1", lease=one)
    store.put(b"moved", b"2", lease=two)
    store.put(b"freed", b"2")
    store.delete_range(b"deleted")
    assert store.time_to_live(one).keys == ()

    store.loop.run_for(15.0)

    assert [kv.key for kv in store.range(b"", b"\0").kvs] == [b"freed", b"moved"]


def test_an_id_is_granted_once(store: Store[bytes]) -> None:
    """A chosen id is not given to somebody else meanwhile."""
    store.grant(10.0, 1)

    with pytest.raises(LeaseExistsError, match="lease 1 is already granted"):
        store.grant(10.0, 1)

    assert store.grant(10.0) != 1


def test_a_revoked_lease_does_not_expire_later(store: Store[bytes]) -> None:
    """Its id may be granted again and lives its own time."""
    store.grant(10.0, 7)
    store.revoke(7)
    store.grant(30.0, 7)
    store.put(b"key", b"1", lease=7)

    store.loop.run_for(20.0)

    assert store.get(b"key") is not None

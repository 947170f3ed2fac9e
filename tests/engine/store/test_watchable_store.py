"""The store as one: what waits for the disk, and what a read-only store refuses."""

import contextlib
from collections.abc import Callable, Sequence

import attrs
import pytest

from engine.kernel.loop import Loop
from engine.store.errors import DuplicateKeyError, LeaseNotFoundError, ReadOnlyError
from engine.store.kv import Change
from engine.store.log import Recovered
from engine.store.txn import Compare, Put, Range
from engine.store.watchable_store import Store


@attrs.define(eq=False)
class HeldLog:
    """A log whose disk is as slow as the test wants."""

    appended: list[Sequence[Change[bytes]]] = attrs.field(factory=list)
    on_durable: Callable[[int], object] = int
    on_alarm: Callable[[str | None], object] = bool
    place: str = "nowhere"

    def load(self) -> Recovered[bytes]:
        """Nothing was kept."""
        return Recovered(revision=1, compact_revision=0, changes=(), leases={})

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Remember whom to tell."""
        self.on_durable, self.on_alarm = on_durable, on_alarm

    def append(self, changes: Sequence[Change[bytes]]) -> None:
        """Hold a commit."""
        self.appended.append(changes)

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Forget nothing."""

    def grant(self, lease_id: int, ttl: float) -> None:
        """Hold nothing."""

    def revoke(self, lease_id: int) -> None:
        """Hold nothing."""

    def after(self, callback: Callable[[], object]) -> None:
        """Never."""

    def suspend(self) -> None:
        """Nothing to close."""

    def resume(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""


def test_answers_are_released_in_the_order_of_their_revisions() -> None:
    """Each once its own revision is on disk, those asked for late at once."""
    log, told = HeldLog(), list[int]()
    store: Store[bytes] = Store(Loop(), log)
    for revision in (2, 3, 4):
        store.put(b"key", b"%d" % revision)
    for revision in (4, 2, 3):
        store.on_durable(revision, lambda r=revision: told.append(r))  # type: ignore[misc]

    assert store.durable_revision == 1
    log.on_durable(3)
    assert told == [2, 3]
    store.on_durable(2, lambda: told.append(2))
    log.on_durable(4)

    assert told == [2, 3, 2, 4]
    assert store.durable_revision == 4


def test_without_a_log_everything_is_durable_at_once() -> None:
    """Tests and simulations do not wait."""
    store: Store[bytes] = Store(Loop())
    told: list[bool] = []

    store.on_durable(store.put(b"key", b"1").revision, lambda: told.append(True))

    assert told == [True]
    assert store.durable_revision == store.revision


def test_a_read_only_store_reads_and_refuses_to_write() -> None:
    """Every kind of write, with the reason; reads inside transactions too."""
    log, alarms = HeldLog(), list[str | None]()
    store: Store[bytes] = Store(Loop(), log)
    store.on_alarm_changed = alarms.append
    store.put(b"key", b"1")

    log.on_alarm("the disk is full")

    for write in (
        lambda: store.put(b"key", b"2"),
        lambda: store.delete_range(b"key"),
        lambda: store.txn(success=[Put(b"key", b"2")]),
        lambda: store.grant(10.0),
    ):
        with pytest.raises(ReadOnlyError, match="the store is read-only: the disk is full"):
            write()
    assert store.txn(success=[Range(b"key")]).succeeded
    assert store.revision == 2
    log.on_alarm(None)
    store.put(b"key", b"2")
    assert alarms == ["the disk is full", None]


def test_the_next_write_takes_exactly_the_next_revision() -> None:
    """Refused writes, failed claims and deletions of nothing take none."""
    store: Store[bytes] = Store(Loop())
    store.put(b"key", b"1")

    with pytest.raises(LeaseNotFoundError):
        store.put(b"key", b"2", lease=9)
    with pytest.raises(DuplicateKeyError):
        store.txn(success=[Put(b"a", b"1"), Put(b"a", b"2")])
    store.delete_range(b"nothing")
    store.txn([Compare(b"key", "version", "=", 7)], [Put(b"key", b"2")])

    assert store.put(b"key", b"2").revision == 3


def test_values_may_be_any_object() -> None:
    """The store shares them by reference and never looks inside."""
    store: Store[tuple[str, ...]] = Store(Loop())
    pod = ("pod", "web")

    store.put(b"key", pod)

    found = store.get(b"key")
    assert found is not None
    assert found.value is pod


def test_a_crashed_store_begins_anew_with_what_it_had() -> None:
    """Without a log too: every version that can be read, leases, and who watches."""
    store: Store[bytes] = Store(Loop())
    heard = list[int]()
    store.put(b"a", b"1")
    store.put(b"gone", b"1")
    store.delete_range(b"gone")
    lease = store.grant(60.0)
    store.put(b"leased", b"1", lease=lease)
    store.compact(3)
    store.loop.run_for(1.0)
    store.put(b"a", b"2")
    store.watch(b"a", deliver=lambda batch: heard.append(batch.revision))
    before = (store.range(b"", b"\0"), store.get(b"a", 5), store.revision, store.compact_revision)

    store.crash()
    with pytest.raises(ReadOnlyError):
        store.put(b"a", b"3")
    store.recover()
    store.loop.run_for(1.0)

    after = (store.range(b"", b"\0"), store.get(b"a", 5), store.revision, store.compact_revision)
    assert after == before
    assert store.time_to_live(lease).keys == (b"leased",)
    store.put(b"a", b"3")
    assert heard == [store.revision]


@pytest.mark.parametrize(("stage", "kept"), [("before-fsync", None), ("after-fsync", b"1")])
def test_the_write_under_way_in_a_crash_is_lost_or_kept(stage: str, kept: bytes | None) -> None:
    """As the moment of the crash says."""
    store: Store[bytes] = Store(Loop())
    store.on_write = lambda found: store.crash() if found == stage else None

    with contextlib.suppress(ReadOnlyError):
        store.txn(success=[Put(b"a", b"1")])
    store.on_write = None
    store.recover()

    found = store.get(b"a")
    assert (found.value if found is not None else None) == kept

"""The change log in a real etcd, and who may write to it."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from engine.adapters.storage.etcd import EtcdLog
from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import EtcdAddress, EtcdUnavailableError, parse_address
from engine.errors import ConfigError
from engine.kernel.loop import Loop
from engine.store.errors import ReadOnlyError
from engine.store.kv import FROM_KEY
from engine.store.log import BYTES
from engine.store.txn import Put
from engine.store.watchable_store import Store
from tests.engine.store.etcd_process import EtcdProcess

pytestmark = pytest.mark.etcd


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    """A real etcd."""
    process = EtcdProcess(tmp_path / "etcd")
    process.start()
    yield process
    process.kill()


def address_of(etcd: EtcdProcess) -> EtcdAddress:
    """Where it listens."""
    return parse_address(f"etcd://127.0.0.1:{etcd.port}", timeout=2.0)


@attrs.define(eq=False)
class Server:
    """A store that leads, with the callbacks its log posted."""

    etcd: EtcdProcess
    name: str = "one"
    loop: Loop = attrs.field(factory=Loop)
    posted: "queue.SimpleQueue[Callable[[], object]]" = attrs.field(factory=queue.SimpleQueue)
    election: Election = attrs.field(init=False)
    store: Store[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        address = address_of(self.etcd)
        self.election = Election(address, b"/kubarium/leader", self.name, ttl=2)
        assert self.election.campaign(threading.Event(), interval=0.2)
        log: EtcdLog[bytes] = EtcdLog(
            address, BYTES, self.posted.put, self.election, retry_interval=0.05
        )
        self.store = Store(self.loop, log)

    def until(self, condition: Callable[[], object]) -> None:
        """Run what the log posts until *condition* holds."""
        while not condition():
            self.posted.get(timeout=30.0)()

    def settle(self) -> None:
        """Wait until all done so far is in etcd."""
        done: list[bool] = []
        self.store.on_settled(lambda: done.append(True))
        self.until(lambda: done)

    def die(self) -> None:
        """Stop as a killed process does: nothing is given up, nothing more is sent."""
        self.election._stop.set()


def test_a_store_is_the_same_after_it_was_opened_again(etcd: EtcdProcess) -> None:
    """Keys, versions, history, deletions and leases come back, large transactions too."""
    one = Server(etcd)
    lease = one.store.grant(60.0)
    one.store.put(b"a", b"1", lease=lease)
    one.store.txn(success=[Put(b"many/%03d" % n, b"x" * 5000) for n in range(300)])
    one.store.delete_range(b"many/007")
    one.settle()
    one.store.close()

    again = Server(etcd)

    assert again.store.revision == one.store.revision
    assert again.store.kv.changes == one.store.kv.changes
    assert again.store.time_to_live(lease).keys == (b"a",)
    again.store.close()


def test_compaction_deletes_in_etcd_what_it_drops(etcd: EtcdProcess) -> None:
    """What is left is one record for each key that exists."""
    one = Server(etcd)
    for number in range(60):
        one.store.put(b"key/%d" % (number % 3), b"%d" % number)
    one.store.compact(one.store.revision)
    one.loop.run_for(0.0)
    one.settle()
    one.store.close()

    span = {"key": "L2t1YmFyaXVtL2NoYW5nZS8=", "range_end": "L2t1YmFyaXVtL2NoYW5nZTA="}
    assert etcd.call("/v3/kv/range", span | {"count_only": True})["count"] == "3"
    again = Server(etcd)
    assert again.store.range(b"", FROM_KEY) == one.store.range(b"", FROM_KEY)
    assert again.store.compact_revision == one.store.compact_revision
    again.store.close()


def test_nothing_acknowledged_is_lost_when_etcd_is_killed(etcd: EtcdProcess) -> None:
    """While it is away the store is read-only and says why; then it goes on by itself."""
    one = Server(etcd)
    answered: list[int] = []
    for number in range(5):
        revision = one.store.put(b"before/%d" % number, b"1").revision
        one.store.on_durable(revision, lambda r=revision: answered.append(r))  # type: ignore[misc]
    one.until(lambda: len(answered) == 5)
    etcd.kill()

    revision = one.store.put(b"during", b"1").revision
    one.store.on_durable(revision, lambda: answered.append(revision))
    one.until(lambda: one.store.alarm)
    with pytest.raises(ReadOnlyError, match="does not answer"):
        one.store.put(b"refused", b"1")
    assert len(answered) == 5
    etcd.start()
    one.until(lambda: len(answered) == 6 and one.store.alarm is None)
    one.store.close()

    again = Server(etcd)
    assert again.store.range(b"", FROM_KEY).kvs == one.store.range(b"", FROM_KEY).kvs
    again.store.close()


def test_a_standby_takes_over_when_the_leader_dies(etcd: EtcdProcess) -> None:
    """It waits while the leader lives, and then has everything the leader acknowledged."""
    one = Server(etcd, "one")
    one.store.put(b"key", b"1")
    one.settle()
    standby = Election(address_of(etcd), b"/kubarium/leader", "two", ttl=2)
    assert standby.try_acquire() == "one"
    standby.resign()

    one.die()
    two = Server(etcd, "two")

    assert two.store.get(b"key") == one.store.get(b"key")
    two.store.close()
    one.store.close()


def test_what_a_killed_leader_acknowledged_is_there_for_the_next(etcd: EtcdProcess) -> None:
    """Several leaders in a row, each killed in the middle of its writing."""
    script = Path(__file__).with_name("etcd_leader.py")
    for kill_after in (7, 60, 150):
        with subprocess.Popen(
            [sys.executable, script, str(etcd.port)], stdout=subprocess.PIPE, text=True
        ) as leader:
            assert leader.stdout is not None
            acked = [int(leader.stdout.readline()) for _ in range(kill_after)][-1]
            leader.kill()
            acked = max([acked, *map(int, leader.stdout.read().split())])

        successor = Server(etcd)

        store = successor.store
        assert store.revision >= acked
        for kv in store.range(b"", FROM_KEY).kvs:
            assert kv.value == b"%d" % kv.mod_revision
            assert kv.key == b"key/%02d" % (kv.mod_revision % 50)
        newest = [kv.mod_revision for kv in store.range(b"", FROM_KEY, sort_by="mod").kvs]
        assert newest == list(range(max(2, store.revision - 49), store.revision + 1))
        store.close()


def test_a_leader_that_was_replaced_writes_no_more(etcd: EtcdProcess) -> None:
    """Its transactions are refused by etcd, nobody is told that they succeeded."""
    one = Server(etcd, "one")
    one.store.put(b"key", b"one")
    one.settle()
    one.die()
    two = Server(etcd, "two")
    answered: list[bool] = []

    late = one.store.put(b"key", b"late")
    one.store.on_durable(late.revision, lambda: answered.append(True))
    one.until(lambda: one.store.alarm)

    assert "another Kubarium leads" in str(one.store.alarm)
    assert not answered
    two.store.put(b"key", b"two")
    two.settle()
    two.store.close()
    one.store.close()
    three = Server(etcd, "three")
    found = three.store.get(b"key")
    assert found is not None
    assert (found.value, found.version) == (b"two", 2)
    three.store.close()


def test_an_etcd_that_is_not_there_is_named() -> None:
    """The message says where it was looked for."""
    address = parse_address("etcd://127.0.0.1:1,127.0.0.1:2", timeout=1.0)

    with pytest.raises(EtcdUnavailableError, match=r"127\.0\.0\.1:1, 127\.0\.0\.1:2"):
        Election(address, b"leader", "me").try_acquire()


@pytest.mark.parametrize("url", ["http://x", "etcd://", "etcd://a:b:c", "etcd://host:port", "x"])
def test_a_wrong_address_is_refused(url: str) -> None:
    """The message shows what was expected."""
    with pytest.raises(ConfigError, match="store"):
        parse_address(url)


def test_an_address_carries_everything() -> None:
    """Several endpoints, a login, TLS."""
    address = parse_address("etcds://me:secret@one:1,two")

    assert address.endpoints == (("one", 1), ("two", 2379))
    assert (address.is_tls, address.user, address.password) == (True, "me", "secret")

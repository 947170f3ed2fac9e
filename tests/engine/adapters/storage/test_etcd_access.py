"""An etcd behind TLS, one that asks for a login, and one that two clusters share."""

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from engine.adapters.storage.choose import StoreOptions
from engine.adapters.storage.etcd import EtcdLog
from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import EtcdRefusedError, EtcdUnavailableError
from engine.errors import ConfigError
from engine.kernel.loop import Loop
from engine.store.compactor import Compactor, Retention
from engine.store.log import BYTES
from engine.store.watchable_store import Store
from tests.engine.adapters.storage.certificates import make_tls_files
from tests.engine.store.etcd_process import EtcdProcess, TlsFiles, b64

PASSWORD = "correct horse"


@attrs.define(eq=False)
class Opened:
    """A store in an etcd, as the options of the command line open it."""

    options: StoreOptions
    posted: "queue.SimpleQueue[Callable[[], object]]" = attrs.field(factory=queue.SimpleQueue)
    log: EtcdLog[bytes] = attrs.field(init=False)
    store: Store[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        address = attrs.evolve(self.options.address(), timeout=2.0)
        prefix = self.options.keys()
        election = Election(address, prefix + b"leader", "me", ttl=2)
        assert election.campaign(threading.Event(), interval=0.2)
        self.log = EtcdLog(address, BYTES, self.posted.put, election, prefix, retry_interval=0.05)
        self.store = Store(Loop(), self.log)

    def settle(self) -> None:
        """Wait until all done so far is in etcd."""
        done: list[bool] = []
        self.store.on_settled(lambda: done.append(True))
        while not done:
            self.posted.get(timeout=30.0)()


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    """Certificates that etcd and we trust."""
    return make_tls_files(tmp_path / "pki")


@pytest.fixture
def secured(tmp_path: Path, tls: TlsFiles) -> Iterator[EtcdProcess]:
    """An etcd that speaks TLS only and asks clients for a certificate."""
    process = EtcdProcess(tmp_path / "etcd", tls)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    """An etcd that lets everybody in."""
    process = EtcdProcess(tmp_path / "etcd")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def guarded(etcd: EtcdProcess) -> EtcdProcess:
    """An etcd with users: root, and kubarium, who may touch our prefix only."""
    etcd.call("/v3/auth/user/add", {"name": "root", "password": "root"})
    etcd.call("/v3/auth/role/add", {"name": "root"})
    etcd.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
    etcd.call("/v3/auth/user/add", {"name": "kubarium", "password": PASSWORD})
    etcd.call("/v3/auth/role/add", {"name": "ours"})
    span = {"key": b64(b"/kubarium/"), "range_end": b64(b"/kubarium0")}
    etcd.call("/v3/auth/role/grant", {"name": "ours", "perm": {"permType": "READWRITE", **span}})
    etcd.call("/v3/auth/user/grant", {"user": "kubarium", "role": "ours"})
    etcd.call("/v3/auth/enable", {})
    return etcd


def over_tls(etcd: EtcdProcess, tls: TlsFiles) -> StoreOptions:
    """With the right certificates."""
    return StoreOptions(
        url=f"etcds://127.0.0.1:{etcd.port}",
        ca_file=str(tls.ca),
        cert_file=str(tls.client),
        key_file=str(tls.client_key),
    )


def try_once(options: StoreOptions) -> None:
    """Ask for the lead."""
    address = attrs.evolve(options.address(), timeout=2.0)
    Election(address, b"/kubarium/leader", "me", ttl=2).try_acquire()


@pytest.mark.etcd
def test_a_store_behind_tls_keeps_what_it_is_given(secured: EtcdProcess, tls: TlsFiles) -> None:
    """With the authority and a certificate of ours everything works as without."""
    one = Opened(over_tls(secured, tls))
    one.store.put(b"key", b"value")
    one.settle()
    one.store.close()

    again = Opened(over_tls(secured, tls))

    assert again.store.get(b"key") == one.store.get(b"key")
    again.store.close()


@pytest.mark.etcd
def test_a_server_that_we_do_not_trust_is_refused(
    secured: EtcdProcess, tls: TlsFiles, tmp_path: Path
) -> None:
    """Its certificate is checked, and the message says that this was it."""
    other = make_tls_files(tmp_path / "other", "other")
    options = attrs.evolve(over_tls(secured, tls), ca_file=str(other.ca))

    with pytest.raises(EtcdUnavailableError, match="certificate"):
        try_once(options)


@pytest.mark.etcd
def test_without_a_certificate_of_ours_etcd_refuses(secured: EtcdProcess, tls: TlsFiles) -> None:
    """And so it does where TLS was forgotten."""
    bare = attrs.evolve(over_tls(secured, tls), cert_file=None, key_file=None)

    with pytest.raises(EtcdUnavailableError):
        try_once(bare)
    with pytest.raises(EtcdUnavailableError):
        try_once(StoreOptions(url=f"etcd://127.0.0.1:{secured.port}"))


@pytest.mark.etcd
def test_a_login_opens_the_store_and_is_renewed(guarded: EtcdProcess) -> None:
    """A token is lost when etcd restarts; writing goes on with a new one."""
    options = StoreOptions(
        url=f"etcd://127.0.0.1:{guarded.port}", user="kubarium", password=PASSWORD
    )
    one = Opened(options)
    one.store.put(b"before", b"1")
    one.settle()
    guarded.kill()
    one.store.put(b"during", b"1")
    restart(guarded)

    one.settle()

    one.store.close()
    again = Opened(options)
    assert [kv.key for kv in again.store.range(b"", b"\0").kvs] == [b"before", b"during"]
    again.store.close()


@pytest.mark.etcd
@pytest.mark.parametrize(
    ("user", "password", "words"),
    [("kubarium", "wrong", "authentication failed"), ("stranger", "x", "authentication failed")],
)
def test_a_wrong_login_is_told(guarded: EtcdProcess, user: str, password: str, words: str) -> None:
    """The words of etcd itself, at once and not after a timeout."""
    options = StoreOptions(url=f"etcd://127.0.0.1:{guarded.port}", user=user, password=password)

    with pytest.raises(EtcdRefusedError, match=words):
        try_once(options)


@pytest.mark.etcd
def test_without_a_login_etcd_refuses(guarded: EtcdProcess) -> None:
    """It asks who we are."""
    with pytest.raises(EtcdRefusedError, match=r"user name is empty|permission denied"):
        try_once(StoreOptions(url=f"etcd://127.0.0.1:{guarded.port}"))


@pytest.mark.etcd
def test_clusters_with_prefixes_of_their_own_share_an_etcd(etcd: EtcdProcess) -> None:
    """Each has a leader of its own, and neither sees the other's keys."""
    url = f"etcd://127.0.0.1:{etcd.port}"
    red = Opened(StoreOptions(url=url, prefix="/clusters/red"))
    blue = Opened(StoreOptions(url=url, prefix="/clusters/blue/"))
    red.store.put(b"key", b"red")
    blue.store.put(b"key", b"blue")
    red.settle()
    blue.settle()
    red.store.close()
    blue.store.close()

    again = Opened(StoreOptions(url=url, prefix="/clusters/red/"))

    found = again.store.get(b"key")
    assert found is not None
    assert (found.value, again.store.revision) == (b"red", 2)
    again.store.close()


@pytest.mark.etcd
def test_history_in_etcd_is_bounded_in_bytes(etcd: EtcdProcess) -> None:
    """What is over the bound goes; what is left is counted again when it is opened."""
    options = StoreOptions(url=f"etcd://127.0.0.1:{etcd.port}")
    one = Opened(options)
    for number in range(300):
        one.store.put(b"key/%d" % (number % 3), b"x" * 1000)
    one.settle()
    full = one.log.size()
    assert full > 300_000

    compactor = Compactor(
        one.store.loop, one.store.kv, one.store.compact, Retention(size=50_000), 1.0, one.log.size
    )
    compactor.start()
    for _ in range(5):
        one.store.loop.run_for(1.0)
        one.settle()

    assert one.log.size() < 50_000
    compactor.stop()
    one.store.close()
    again = Opened(options)
    assert abs(again.log.size() - one.log.size()) < 5_000
    again.store.close()


@pytest.mark.parametrize("prefix", ["kubarium", "", "/", "//", "/a//b", "/a\n"])
def test_a_wrong_prefix_is_refused(prefix: str) -> None:
    """With what was expected."""
    with pytest.raises(ConfigError, match="a path such as /kubarium/"):
        StoreOptions(url="etcd://host", prefix=prefix).keys()


def restart(etcd: EtcdProcess) -> None:
    """Start it again; it answers questions about its health to everybody."""
    etcd.start()

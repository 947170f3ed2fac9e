"""Where a cluster is kept, and waiting for one's turn."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.storage.choose import Storage, StoreOptions
from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import EtcdRefusedError, parse_address
from engine.adapters.storage.sqlite_file import FileInUseError
from engine.errors import ConfigError
from engine.store.log import BYTES
from tests.engine.store.etcd_process import EtcdProcess, b64


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    """A real etcd."""
    process = EtcdProcess(tmp_path / "etcd")
    process.start()
    yield process
    process.kill()


def election_of(etcd: EtcdProcess, name: str) -> Election:
    """A candidate for the usual place."""
    return Election(parse_address(f"etcd://127.0.0.1:{etcd.port}"), b"/kubarium/leader", name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(StoreOptions(url="http://a:1"), "expected etcd://", id="scheme"),
        pytest.param(
            StoreOptions(url="etcds://a:1", ca_file="/nowhere/ca"), "no such file", id="file"
        ),
        pytest.param(
            StoreOptions(url="etcds://a:1", key_file=__file__), "--store-cert", id="key alone"
        ),
        pytest.param(StoreOptions(url="etcd://a:1", ca_file=__file__), "etcds://", id="no TLS"),
    ],
)
def test_an_address_that_cannot_work_is_refused(options: StoreOptions, words: str) -> None:
    """Before anything is asked of anybody, and with what was expected."""
    with pytest.raises(ConfigError, match=words):
        options.address()


def test_a_password_can_stay_out_of_the_url() -> None:
    """The one given beside it is used with the URL's user."""
    address = StoreOptions(url="etcd://me@a:1,b:2", password="word").address()

    assert (address.user, address.password) == ("me", "word")
    assert address.endpoints == (("a", 1), ("b", 2))


def test_a_folder_and_an_etcd_exclude_each_other(tmp_path: Path) -> None:
    """A cluster is kept in one place."""
    with pytest.raises(ConfigError, match="not in both"):
        Storage(BYTES, tmp_path, StoreOptions(url="etcd://a:1"))


async def test_who_is_kept_in_no_etcd_leads_at_once(tmp_path: Path) -> None:
    """There is nobody to wait for."""
    heard: list[str] = []

    storage = Storage(BYTES, tmp_path)
    await storage.lead(heard.append)

    assert heard == []
    storage.release()


async def test_a_file_is_ours_before_anything_else_is_touched(tmp_path: Path) -> None:
    """Who starts a second time on the same data is refused while it leads, not when it opens."""
    first, second = Storage(BYTES, tmp_path), Storage(BYTES, tmp_path)
    await first.lead(print)

    with pytest.raises(FileInUseError, match="in use by another Kubarium"):
        await second.lead(print)

    first.release()
    await second.lead(print)
    log = second.open(lambda callback: callback())
    assert log is not None
    log.close()
    second.release()


@pytest.mark.etcd
async def test_waiting_for_the_lead_can_be_given_up(etcd: EtcdProcess) -> None:
    """We are told who leads; after giving up nothing of ours is left in etcd."""
    first = election_of(etcd, "first")
    assert first.try_acquire() is None
    heard: asyncio.Queue[str] = asyncio.Queue()
    storage = Storage(BYTES, etcd=StoreOptions(url=f"etcd://127.0.0.1:{etcd.port}"))
    waiting = asyncio.create_task(storage.lead(heard.put_nowait))

    assert await heard.get() == "first is the leader"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert len(etcd.call("/v3/lease/leases", {})["leases"]) == 1
    first.resign()


@pytest.mark.etcd
def test_a_candidate_outlives_its_lease(etcd: EtcdProcess) -> None:
    """Who has waited so long that its lease ended still gets the place, with a fresh one."""
    first, second = election_of(etcd, "first"), election_of(etcd, "second")
    assert first.try_acquire() is None
    assert second.try_acquire() == "first"
    for lease in etcd.call("/v3/lease/leases", {})["leases"]:
        if lease["ID"] != str(first._lease):
            etcd.call("/v3/lease/revoke", lease)

    assert second.try_acquire() == "first"
    first.resign()
    assert second.try_acquire() is None

    holder = etcd.call("/v3/kv/range", {"key": b64(b"/kubarium/leader")})["kvs"][0]
    assert holder["value"] == b64(b"second")
    second.resign()


@pytest.mark.etcd
async def test_who_is_not_let_in_hears_it(etcd: EtcdProcess) -> None:
    """A wrong password does not make us wait for ever."""
    etcd.call("/v3/auth/user/add", {"name": "root", "password": "right"})
    etcd.call("/v3/auth/role/add", {"name": "root"})
    etcd.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
    etcd.call("/v3/auth/enable", {})
    url = f"etcd://127.0.0.1:{etcd.port}"

    wrong = Storage(BYTES, etcd=StoreOptions(url=url, user="root", password="wrong"))
    with pytest.raises(EtcdRefusedError, match="authentication failed"):
        await wrong.lead(print)

    right = Storage(BYTES, etcd=StoreOptions(url=url, user="root", password="right"))
    await right.lead(print)
    right.release()

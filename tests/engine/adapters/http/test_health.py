"""What the health checks answer, all together and one by one."""

import pytest

from engine.adapters.http.documents import Documents
from engine.adapters.http.request import ApiResponse
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store


@pytest.fixture
def documents() -> Documents:
    """Those of a server that is well."""
    loop = Loop(now=1_700_000_000.0)
    return Documents(ApiServer(loop, Store(loop), RandomStreams(3)))


def ask(documents: Documents, path: str, **query: str) -> ApiResponse | None:
    """The answer to a GET."""
    return documents.answer(path, "", query)


@pytest.mark.parametrize("name", ["healthz", "livez", "readyz"])
def test_a_server_that_is_well_says_ok(documents: Documents, name: str) -> None:
    """In two letters, or check by check."""
    short, long = ask(documents, f"/{name}"), ask(documents, f"/{name}", verbose="")
    assert short is not None
    assert long is not None

    assert short.body == b"ok"
    assert b"[+]ping ok\n" in long.body
    assert b"[+]etcd ok\n" in long.body
    assert long.body.endswith(f"{name} check passed\n".encode())


def test_one_check_can_be_asked_for(documents: Documents) -> None:
    """One that does not exist is not found."""
    found = ask(documents, "/readyz/informer-sync")
    assert found is not None

    assert found.body == b"ok"
    assert ask(documents, "/readyz/nothing") is None


def test_a_check_that_fails_can_be_excluded(documents: Documents) -> None:
    """The others decide then."""
    documents.server.store.set_alarm("the disk is full")
    bad, good = ask(documents, "/livez"), ask(documents, "/livez/ping")
    only = ask(documents, "/livez/etcd")
    assert bad is not None
    assert good is not None
    assert only is not None

    assert bad.status == only.status == 500
    assert b"[-]etcd failed: read-only: the disk is full" in bad.body
    assert good.status == 200

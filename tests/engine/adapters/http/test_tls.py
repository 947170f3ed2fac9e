"""TLS at the server's door: our authority, who the client is, and what it costs a second time."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.adapters.http.app import HttpServer
from engine.adapters.pki import (
    client_credentials,
    load_credentials,
    load_identity,
    server_context,
)
from engine.api.core import Namespace, ServiceAccount
from engine.api.meta import ObjectMeta
from engine.apiserver.authentication.identity import Identity
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.errors import ConfigError
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
BODY = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
ADMIN = RequestInfo(user="admin", groups=("system:masters",))


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    """Keys in a folder."""
    return load_identity(tmp_path / "pki", now=time.time())


@pytest.fixture
async def http(identity: Identity) -> AsyncIterator[HttpServer]:
    """A server with TLS and authorization, and an account in the namespace default."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop)
    server = ApiServer(loop, store, RandomStreams(3), identity=identity, has_authorization=True)
    server.create(Namespace(metadata=ObjectMeta(name="default")), request=ADMIN)
    account = ServiceAccount(metadata=ObjectMeta(name="app", namespace="default"))
    server.create(account, request=ADMIN)
    tls = server_context(identity, ("127.0.0.1", "localhost"), now=time.time())
    made = HttpServer(cluster=server, journal=Journal(loop), store=store, ssl_context=tls)
    await made.start("127.0.0.1", 0)
    yield made
    await made.stop()


def trusting(identity: Identity) -> ssl.SSLContext:
    """A client that believes in the authority."""
    return ssl.create_default_context(cadata=identity.ca)


async def ask(
    http: HttpServer, tls: ssl.SSLContext, method: str, path: str, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Code and body of an answer, over a connection of its own."""
    url = f"https://127.0.0.1:{http.port}{path}"
    async with (
        aiohttp.ClientSession() as client,
        client.request(
            method, url, ssl=tls, headers=headers, json=BODY if method == "POST" else None
        ) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_certificate_says_who_one_is(http: HttpServer, identity: Identity) -> None:
    """The common name is the user, organizations are groups."""
    tls = trusting(identity)
    load_credentials(tls, client_credentials(identity, "ada", ("system:masters",), now=time.time()))

    code, answer = await ask(http, tls, "POST", REVIEW)

    assert code == 201
    assert answer["status"]["userInfo"] == {
        "username": "ada", "groups": ["system:masters", "system:authenticated"],
    }  # fmt: skip


async def test_without_name_one_is_anonymous(http: HttpServer, identity: Identity) -> None:
    """Refused by authorization, with the name in the refusal."""
    code, answer = await ask(http, trusting(identity), "GET", "/api/v1/nodes")

    assert code == 403
    assert 'User "system:anonymous" cannot list resource "nodes"' in answer["message"]


async def test_a_token_that_is_not_believed_is_unauthorized(
    http: HttpServer, identity: Identity
) -> None:
    """401, whatever is asked for: a wrong name is not the same as none."""
    code, answer = await ask(
        http, trusting(identity), "GET", "/healthz", Authorization="Bearer nonsense"
    )

    assert (code, answer["reason"]) == (401, "Unauthorized")


async def test_a_certificate_of_another_authority_opens_nothing(
    http: HttpServer, identity: Identity, tmp_path: Path
) -> None:
    """The connection ends before a request is read."""
    other = load_identity(tmp_path / "other", now=time.time())
    tls = trusting(identity)
    load_credentials(tls, client_credentials(other, "ada", ("system:masters",), now=time.time()))

    with pytest.raises(aiohttp.ClientError):
        await ask(http, tls, "POST", REVIEW)


async def test_an_expired_certificate_opens_nothing(http: HttpServer, identity: Identity) -> None:
    """Its year is over."""
    tls = trusting(identity)
    load_credentials(tls, client_credentials(identity, "x", (), now=time.time() - 2 * 365 * 86_400))

    with pytest.raises(aiohttp.ClientError):
        await ask(http, tls, "POST", REVIEW)


async def test_a_second_connection_resumes_the_session(
    http: HttpServer, identity: Identity
) -> None:
    """No second exchange of certificates, and the client is still known."""
    tls = trusting(identity)
    load_credentials(tls, client_credentials(identity, "ada", (), now=time.time()))

    def connect(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool | None]:

        with (
            socket.create_connection(("127.0.0.1", http.port)) as raw,
            tls.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as wrapped,
        ):
            wrapped.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while wrapped.recv(65_536):
                pass
            return wrapped.session, wrapped.session_reused

    session, _ = await asyncio.to_thread(connect, None)
    _, is_reused = await asyncio.to_thread(connect, session)

    assert is_reused


def test_keys_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    """The same authority at the next start; keys nobody else reads; damage is told."""
    folder = tmp_path / "pki"
    first = load_identity(folder, now=time.time())
    second = load_identity(folder, now=time.time())

    assert second.ca == first.ca
    assert second.signer.key_id == first.signer.key_id
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (folder / "ca.key").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"ca\.crt, ca\.key and sa\.key"):
        load_identity(folder, now=time.time())

"""`kubarium certificates`, and what a start does with an authority that is about to expire."""

import ssl
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from engine.adapters.pki import (
    authority_certificate,
    client_credentials,
    load_credentials,
    load_identity,
    server_context,
)
from engine.apiserver.authentication.certificates import AUTHORITY_DAYS, DAY
from tui.cli import main

NOW = time.time()


def test_a_start_renews_what_expires_within_a_month(tmp_path: Path) -> None:
    """Key and name stay; before that, nothing changes."""
    made = load_identity(tmp_path, now=NOW)

    same = load_identity(tmp_path, now=NOW + (AUTHORITY_DAYS - 40) * DAY)
    renewed = load_identity(tmp_path, now=NOW + (AUTHORITY_DAYS - 20) * DAY)

    assert same.ca == made.ca
    assert renewed.ca != made.ca
    assert renewed.authority.certificate.public_key() == made.authority.certificate.public_key()
    assert renewed.authority.certificate.subject == made.authority.certificate.subject
    assert load_identity(tmp_path, now=NOW + (AUTHORITY_DAYS - 20) * DAY).ca == renewed.ca
    assert (tmp_path / "ca.crt").stat().st_mode & 0o777 == 0o600


async def test_clients_of_the_old_authority_and_of_the_new_one_are_served(tmp_path: Path) -> None:
    """Each trusts what it knows, and shows what the old one signed."""
    old = load_identity(tmp_path / "pki", now=NOW)
    assert main(["certificates", "renew", "--data", str(tmp_path)]) == 0
    new = load_identity(tmp_path / "pki", now=NOW)
    assert new.ca != old.ca

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    context = server_context(new, ("127.0.0.1",), now=NOW)
    context.verify_mode = ssl.CERT_REQUIRED
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    told = []
    for trusted in (old, new):
        trusting = ssl.create_default_context(cadata=trusted.ca)
        load_credentials(trusting, client_credentials(old, "jane", (), now=NOW))
        async with aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
            async with session.get(url, ssl=trusting) as found:
                told.append(await found.text())
    await runner.cleanup()

    assert told == ["ok", "ok"]


def test_the_commands_say_until_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what is missing."""
    assert main(["certificates", "status", "--data", str(tmp_path)]) == 1
    assert "there is no certificate" in capsys.readouterr().err
    load_identity(tmp_path / "pki", now=NOW - 3000 * DAY)

    assert main(["certificates", "status", "--data", str(tmp_path)]) == 0
    assert "expires" in capsys.readouterr().out
    assert main(["certificates", "renew", "--data", str(tmp_path)]) == 0

    left = authority_certificate(tmp_path / "pki").not_valid_after_utc.timestamp() - NOW
    assert left > 3600 * DAY
    assert "clients that trust the old certificate" in capsys.readouterr().out

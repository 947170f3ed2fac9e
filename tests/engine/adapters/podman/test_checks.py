"""HTTP probes of real servers: what answers mean, and where redirects lead."""

from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.adapters.podman.checks import Checker, Verdict
from engine.cri.commands import HttpCheck, RunCheck


async def _answer(request: web.Request) -> web.Response:
    """Lead to where the query says, else answer with the status in the path."""
    to = "/loop" if request.path == "/loop" else request.query.get("to")
    if to is not None:
        return web.Response(status=302, headers={"Location": to}, text="go on")
    return web.Response(status=int(request.path[1:]), text=request.headers.get("X-A", "none"))


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """A server that answers as it is asked to."""
    app = web.Application()
    app.router.add_get("/{rest:.*}", _answer)
    served = TestServer(app)
    await served.start_server()
    yield served
    await served.close()


async def ask(server: TestServer, path: str, *, any_status: bool = False) -> Verdict:
    """What a probe of *path* finds."""
    check = HttpCheck(host="127.0.0.1", port=server.port or 0, path=path, headers=(("X-A", "b"),))
    check = attrs.evolve(check, any_status=any_status)
    checker = Checker(client=None, enters=False)  # type: ignore[arg-type]
    try:
        command = RunCheck(token="t", container_id="c", check=check, timeout=30.0)
        return await checker.run(command, None)  # type: ignore[arg-type]
    finally:
        await checker.close()


async def test_a_status_from_200_to_299_is_success(server: TestServer) -> None:
    """What is said is kept, the probe's headers are sent."""
    assert await ask(server, "/200") == Verdict(success=True, message="b")
    failed = Verdict(success=False, message="HTTP probe failed with statuscode: 503")
    assert await ask(server, "/503") == failed


async def test_redirects_are_followed_on_the_same_host(server: TestServer) -> None:
    """The last answer counts; one that leads elsewhere is a success that is warned of."""
    assert (await ask(server, "/x?to=/200")).success
    assert not (await ask(server, "/x?to=/404")).success
    elsewhere = await ask(server, "/x?to=http://elsewhere.invalid/")
    warning = "Probe terminated redirects, Response body: go on"
    assert elsewhere == Verdict(success=True, message=warning, warns=True)
    endless = await ask(server, "/loop")
    assert not endless.success
    assert "stopped after 10 redirects" in endless.message


async def test_every_answer_will_do_for_a_hook(server: TestServer) -> None:
    """Kubernetes does not look at the status of what a hook's server answers."""
    assert (await ask(server, "/503", any_status=True)).success

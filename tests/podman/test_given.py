"""A Podman service that the user names, over TCP: used, never changed, and cleaned of ours only."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio

from engine.adapters.podman.cleanup import cleanup, unmount_below
from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.given import check_address, preflight_given, tunnel_command
from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.preflight import Preflight
from engine.adapters.podman.service import HIDE_CGROUP2, OWN_MOUNTS, PodmanService
from engine.errors import AdapterError
from tests.podman.driver import DEMO, Driver

pytestmark = [pytest.mark.podman, pytest.mark.asyncio(loop_scope="module")]


@attrs.define
class TheirPodman:
    """A service on TCP, as a user may have it."""

    found: Preflight
    state: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """What the user says."""
        return f"tcp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begin to answer."""
        service = PodmanService.for_host(self.state, self.found)
        service.write_config()
        command = [self.found.podman, "system", "service", "--time", "0"]
        command.append(self.address.replace("//", ""))
        if self.found.hides_cgroup2:
            command = [*OWN_MOUNTS, "sh", "-c", HIDE_CGROUP2, "sh", *command]
        self.process = subprocess.Popen(  # noqa: ASYNC220 - back at once
            command,
            env=service.environment,
            cwd=self.state,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = PodmanClient(self.address)
        while not await client.answers(1.0):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.05)
        await client.close()

    def stop(self) -> None:
        """Answer no more."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def theirs(
    preflight: Preflight, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TheirPodman]:
    """Their service, with nothing of ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    theirs = TheirPodman(preflight, tmp_path_factory.mktemp("theirs"), port)
    await theirs.start()
    yield theirs
    client = PodmanClient(theirs.address)
    await client.delete("/containers/foreign", force="true", timeout="0")
    await client.close()
    theirs.stop()
    unmount_below(theirs.state)


def lives(pid: int) -> bool:
    """Whether that process runs."""
    return Path(f"/proc/{pid}/exe").exists()


async def names(address: str) -> list[str]:
    """The containers that there are."""
    client = PodmanClient(address)
    try:
        found = await client.get("/containers/json", all="true") or []
        return [name for item in found for name in item["Names"]]
    finally:
        await client.close()


async def test_pods_run_on_it_and_go_again_and_others_stay(
    theirs: TheirPodman, tmp_path: Path
) -> None:
    """Start, probe, a service that goes and comes, stop; a foreign container sees nothing of it."""
    found = await preflight_given(theirs.address, tmp_path / "state")
    host = PodmanHost(
        instance="kubarium-given", state=tmp_path / "state", preflight=found, address=theirs.address
    )
    await host.start()
    assert host.images_ready is not None
    await host.images_ready
    node = Driver(host, "node-1", 1)
    client = PodmanClient(theirs.address)
    body = {"name": "foreign", "image": DEMO, "netns": {"nsmode": "none"}}
    await client.post("/containers/create", body)
    await client.post("/containers/foreign/start")
    await client.close()

    _, started = await node.run()
    assert (await node.http(started.container_id, "/readyz")).success
    assert all(image.is_pinned for image in node.runtime.list_images())
    assert len(await names(theirs.address)) == 2

    await host.stop()

    assert await names(theirs.address) == ["foreign"]


async def test_what_a_dead_instance_left_there_is_removed(
    theirs: TheirPodman, tmp_path: Path
) -> None:
    """By its label; what is not ours stays."""
    client = PodmanClient(theirs.address)
    labels = {"kubarium.dev/instance": "kubarium-dead"}
    await client.post("/pods/create", {"name": "left", "no_infra": True, "labels": labels})
    await client.post("/pods/create", {"name": "theirs", "no_infra": True})

    await cleanup("kubarium-dead", tmp_path / "gone", address=theirs.address)

    left = [pod["Name"] for pod in await client.get("/pods/json")]
    await client.delete("/pods/theirs", force="true")
    await client.close()
    assert left == ["theirs"]


async def test_containers_are_found_when_the_books_are_gone(
    preflight: Preflight, tmp_path: Path
) -> None:
    """The folder of a killed instance was deleted: its containers are ended all the same."""
    state = tmp_path / "state"
    host = PodmanHost(instance="kubarium-lost", state=state, preflight=preflight)
    await host.start()
    assert host.images_ready is not None
    await host.images_ready
    node = Driver(host, "node-1", 1)
    _, started = await node.run()
    pid = node.runtime.machine.containers.by_id[started.container_id].pid
    assert host.service.process is not None  # type: ignore[union-attr]
    for task in host._tasks:
        task.cancel()
    os.kill(host.service.process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    unmount_below(state)
    shutil.rmtree(state, ignore_errors=True)

    await cleanup("kubarium-lost", state)

    for _ in range(100):
        if not lives(pid):
            break
        await asyncio.sleep(0.05)
    assert not lives(pid)
    await host.stop()


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    """The address is in the message."""
    with pytest.raises(AdapterError, match=r"tcp://127\.0\.0\.1:1 does not answer"):
        await preflight_given("tcp://127.0.0.1:1", tmp_path)


@pytest.mark.parametrize("address", ["podman.sock", "ftp://x", "unix://", "tcp://"])
async def test_what_is_no_address_is_told(address: str) -> None:
    """With examples of what is one."""
    with pytest.raises(AdapterError, match="no address of a Podman service"):
        check_address(address)


async def test_a_tunnel_is_made_as_podman_makes_it() -> None:
    """User, port and path of the address; the usual socket without one."""
    command = tunnel_command("ssh://core@box:2222/run/user/1000/p.sock", Path("/s/podman.sock"))

    assert command[-4:] == ["2222", "-L", "/s/podman.sock:/run/user/1000/p.sock", "core@box"]

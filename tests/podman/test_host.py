"""What holds when processes die: ours, and the Podman service."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.adapters.network.slots import abandoned, read_record, slots_folder
from engine.adapters.podman.cleanup import clean_abandoned
from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.preflight import Preflight
from engine.adapters.podman.records import marker
from engine.adapters.podman.service import PodmanService
from engine.cri import commands as cri
from engine.cri import events
from tests.podman.driver import Driver

pytestmark = pytest.mark.podman

VICTIM = """
import asyncio, os, sys
from pathlib import Path
from engine.adapters.podman.host import PodmanHost
from tests.podman.driver import Driver

async def main():
    keeps = sys.argv[3] == "keep"
    host = PodmanHost(instance=sys.argv[1], state=Path(sys.argv[2]), keeps=keeps)
    await host.start()
    await host.images_ready
    driver = Driver(host, "node-1", 1)
    for name in ("one", "two"):
        pod = driver.pod(name)
        sandbox = await driver.sandbox(pod, has_own_users=name == "two")
        container = await driver.start(pod, sandbox.sandbox_id)
        await driver.http(container.container_id, "/")
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def run_and_kill(instance: str, state: Path, *, keeps: bool) -> None:
    """Run two pods, one with users of its own, in a process that then dies of SIGKILL."""
    command = [sys.executable, "-c", textwrap.dedent(VICTIM), instance, str(state)]
    ended = subprocess.run([*command, "keep" if keeps else "drop"], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL


async def start(host: PodmanHost) -> None:
    """Start *host* and wait for its images."""
    await host.start()
    assert host.images_ready is not None
    await host.images_ready


def pauses(state: Path) -> list[str]:
    """The pause processes of the instance with its files in *state*."""
    mark = marker(state)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def mounts_below(folder: Path) -> list[str]:
    """The mount points below *folder*."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if line.split()[4].startswith(str(folder))]


async def test_next_start_cleans_up_after_a_killed_one(tmp_path: Path) -> None:
    """A cluster that died of SIGKILL leaves nothing, once any other one starts."""
    state, instance = tmp_path / "dead", f"kubarium-{tmp_path.name[-12:]}"
    run_and_kill(instance, state, keeps=False)
    assert pauses(state)

    cleaned = await clean_abandoned()

    assert instance in cleaned
    assert pauses(state) == []
    assert not state.exists()
    assert mounts_below(state) == []
    assert all(record.instance != instance for _, record in abandoned())


async def test_kept_containers_survive_and_are_adopted(
    tmp_path: Path, preflight: Preflight
) -> None:
    """With a data directory the containers go on, and the next start finds them as they are."""
    state, instance = tmp_path / "data", f"kubarium-{tmp_path.name[-12:]}"
    run_and_kill(instance, state, keeps=True)
    host = PodmanHost(instance=instance, state=state, keeps=True, preflight=preflight)
    await start(host)
    node = Driver(host, "node-1", 1, made=10)
    await host.adopt()
    listed = sorted(node.runtime.list_sandboxes(), key=lambda sandbox: sandbox.pod.name)

    states = [container.state for sandbox in listed for container in sandbox.containers]
    answer = await node.http(listed[0].containers[0].container_id, "/")
    victim = listed[1].containers[0].container_id
    node.runtime.submit(cri.SignalContainer(container_id=victim))
    ended = await node.expect(events.ContainerExited)
    pod = node.pod("three")
    fresh = await node.sandbox(pod, has_own_users=True)
    users = [sandbox.users for sandbox in node.runtime.machine.sandboxes.values()]
    host.keeps = False
    await host.stop()

    assert [sandbox.pod.name for sandbox in listed] == ["one-1", "two-2"]
    assert states == ["running", "running"]
    assert answer.success
    assert ended.container_id == victim
    assert fresh.ip not in {sandbox.ip for sandbox in listed}
    assert len({first for first in users if first}) == 2
    assert pauses(state) == []


async def test_death_of_the_service_is_told_and_healed(
    tmp_path: Path, preflight: Preflight
) -> None:
    """Commands given while Podman is away are done when it is back; exits are not missed."""
    instance = f"kubarium-{tmp_path.name[-12:]}"
    host = PodmanHost(instance=instance, state=tmp_path / "state", preflight=preflight)
    await start(host)
    node = Driver(host, "node-1", 1)
    _, container = await node.run()
    pod = node.pod()
    assert isinstance(host.service, PodmanService)
    assert host.service.process is not None

    host.service.process.kill()
    await node.expect(events.RuntimeDown)
    node.runtime.submit(cri.SignalContainer(container_id=container.container_id))
    node.runtime.submit(cri.CreateSandbox(pod=pod, hostname="new"))
    awaited: set[type] = {events.RuntimeUp, events.ContainerExited, events.SandboxReady}
    while awaited:  # on a busy machine the new service may be late, and be replaced once more
        awaited.discard(type(await node.event()))
    await host.stop()


async def test_stop_leaves_nothing(tmp_path: Path, preflight: Preflight) -> None:
    """After a stop there is no process, interface, route, mount or file of the cluster."""
    instance, state = f"kubarium-{tmp_path.name[-12:]}", tmp_path / "state"
    host = PodmanHost(instance=instance, state=state, preflight=preflight)
    await start(host)
    prefix, cidr, number = host.slot.veth_prefix, host.slot.pod_cidr, host.slot.number
    node = Driver(host, "node-1", 1)
    for _ in range(2):
        await node.run()
    during = network_names()

    await host.stop()
    after = network_names()

    assert any(name.startswith(prefix) for name in during)
    assert not any(name.startswith(prefix) for name in after)
    assert cidr not in subprocess.run(["ip", "route"], capture_output=True, text=True).stdout  # noqa: ASYNC221, PLW1510
    assert pauses(state) == []
    assert mounts_below(state) == []
    assert not state.exists()
    assert read_record(slots_folder() / str(number)) is None


async def test_two_hosts_do_not_meet(tmp_path: Path, preflight: Preflight) -> None:
    """Clusters side by side have different addresses and do not see each other's containers."""
    hosts = [
        PodmanHost(instance=f"kubarium-{name}", state=tmp_path / name, preflight=preflight)
        for name in ("a", "b")
    ]
    for host in hosts:
        await start(host)
    nodes = [Driver(host, "node-1", 1) for host in hosts]
    ready = [(await node.run())[0] for node in nodes]
    await hosts[0].stop()
    container = nodes[1].runtime.list_sandboxes()[0].containers[0]
    answer = await nodes[1].http(container.container_id, "/")
    await hosts[1].stop()

    assert ready[0].ip != ready[1].ip
    assert answer.success


async def test_unusable_podman_is_said_at_once(tmp_path: Path) -> None:
    """A service that cannot be started gives its reason, and nothing is left behind."""
    broken = Preflight(usable=True, podman="/bin/false", version="4.3.1", is_routed=True)
    host = PodmanHost(instance="kubarium-broken", state=tmp_path / "state", preflight=broken)

    with pytest.raises(Exception, match="ended at once"):
        await host.start()

    assert not (tmp_path / "state").exists()


def network_names() -> list[str]:
    """The names of this host's network interfaces."""
    return [path.name for path in Path("/sys/class/net").iterdir()]

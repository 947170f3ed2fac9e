"""What faults do to real containers: the effect is measured, and nothing of it stays."""

# ruff: noqa: ASYNC221, ASYNC240 - what is measured is of this host, and nothing else runs

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from engine.adapters.podman.disturbing.packets import table_name
from engine.adapters.podman.disturbing.stress import MARK
from engine.adapters.podman.records import Container
from engine.cri import commands as cri
from engine.cri import events
from engine.cri.disturbance import (
    BurnCpu,
    BurnDisk,
    Disturbance,
    DisturbTraffic,
    FillDisk,
    Freeze,
    HoldMemory,
)
from tests.podman.driver import Driver

# Without root there is a refusal in words, which another test sees.
pytestmark = [
    pytest.mark.podman,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("host", ["routed"], indirect=True),
]


async def disturbed(node: Driver, disturbance: Disturbance) -> None:
    """Begin *disturbance* and wait until it is in force."""
    node.runtime.begin(disturbance)
    await node.host.disturber.settle()
    failed = [event for event in node.seen if isinstance(event, events.DisturbanceFailed)]
    assert not failed, failed


async def mended(node: Driver, disturbance: Disturbance) -> None:
    """End it, and see that nothing is left."""
    node.runtime.end(disturbance.id)
    await node.host.disturber.settle()
    assert node.host.disturber.count == 0
    assert not list((node.host.state / "disturbances").glob("*"))


def stress_processes() -> int:
    """How many run, of whatever cluster."""
    count = 0
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only
        if entry.isdigit():
            try:
                count += MARK.encode() in Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
    return count


def container_of(node: Driver, container_id: str) -> Container:
    """Our record of it."""
    return node.runtime.machine.containers.by_id[container_id]


def cpu_seconds(container: Container) -> float:
    """What its cgroup has used."""
    folder = container.cgroup.get("cpuacct")
    if folder is not None:
        return int((folder / "cpuacct.usage").read_text()) / 1e9
    lines = (container.cgroup[""] / "cpu.stat").read_text().splitlines()
    return int(lines[0].split()[1]) / 1e6


async def answers(node: Driver, container: str, *, seconds: float = 1.0) -> bool:
    """Whether the pod's web server answers a GET from the host in time."""
    check = cri.HttpCheck(host="", port=8080, path="/")
    return (await node.check(container, check, seconds=seconds)).success


async def test_a_frozen_container_stands_still(node: Driver) -> None:
    """Until it is thawed; killed meanwhile, it dies all the same."""
    ready, started = await node.run()
    await node.http(started.container_id, "/")
    freeze = Freeze(id="f.0", pod=ready.pod, container_id=started.container_id)

    await disturbed(node, freeze)
    frozen = not await answers(node, started.container_id)
    execed = await node.check(
        started.container_id, cri.ExecCheck(command=("/bin/true",)), seconds=0.2
    )
    await mended(node, freeze)

    assert frozen
    assert not execed.success
    assert await answers(node, started.container_id)


async def test_a_frozen_container_can_be_removed(node: Driver) -> None:
    """What was done to it goes with it."""
    ready, started = await node.run()
    await disturbed(node, Freeze(id="f.1", pod=ready.pod, container_id=started.container_id))

    node.runtime.submit(cri.RemoveSandbox(sandbox_id=ready.sandbox_id))
    await node.expect(events.ContainerExited)
    await node.expect(events.SandboxRemoved)
    await node.host.disturber.settle()

    assert node.host.disturber.count == 0


async def test_cpu_is_burnt_in_the_containers_cgroup(node: Driver) -> None:
    """So that its limit holds and its usage shows it; it ends with the container too."""
    ready, started = await node.run()
    container = container_of(node, started.container_id)
    burn = BurnCpu(id="c.0", pod=ready.pod, container_id=started.container_id, workers=1, load=60.0)
    before = stress_processes()

    await disturbed(node, burn)
    began, used = time.monotonic(), cpu_seconds(container)
    async with asyncio.timeout(60.0):
        while cpu_seconds(container) < used + 0.3:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.1)
    rate = (cpu_seconds(container) - used) / (time.monotonic() - began)
    running = stress_processes() - before
    await mended(node, burn)

    assert running >= 1
    assert rate < 0.95
    assert stress_processes() == before


async def test_memory_runs_out(node: Driver) -> None:
    """The container is killed for it, and says so."""
    pod = node.pod()
    sandbox = await node.sandbox(pod)
    started = await node.start(
        pod, sandbox.sandbox_id, resources=cri.Resources(memory_limit=48 * 2**20)
    )
    hold = HoldMemory(id="m.0", pod=pod, container_id=started.container_id, is_fatal=True)

    node.runtime.begin(hold)
    exited = await node.expect(events.ContainerExited)
    await mended(node, hold)

    assert exited.exit_code == 137
    assert exited.oom_killed


async def test_memory_without_a_limit_is_refused(node: Driver) -> None:
    """The host would run out of it."""
    ready, started = await node.run()

    node.runtime.begin(
        HoldMemory(id="m.1", pod=ready.pod, container_id=started.container_id, is_fatal=True)
    )
    failed = await node.expect(events.DisturbanceFailed)

    assert "has no memory limit" in failed.message
    assert node.host.disturber.count == 0


async def test_the_disk_is_filled_and_worked(node: Driver) -> None:
    """Inside the container, by a file that goes again."""
    ready, started = await node.run()
    root = Path(f"/proc/{container_of(node, started.container_id).pid}/root/tmp")
    fill = FillDisk(
        id="d.0", pod=ready.pod, container_id=started.container_id, path="/tmp", bytes=5 << 20
    )
    burn = BurnDisk(id="d.1", pod=ready.pod, container_id=started.container_id)

    await disturbed(node, fill)
    await disturbed(node, burn)
    sizes = [path.stat().st_size for path in root.glob(".kubarium-fill-*")]
    node.runtime.end(burn.id)
    await mended(node, fill)

    assert sizes == [5 << 20]
    assert not list(root.glob(".kubarium*"))


@pytest.mark.parametrize("action", ["drop", "reset"])
async def test_packets_do_not_come_through(node: Driver, action: str) -> None:
    """Between those addresses and nobody else, until the end."""
    ready, started = await node.run()
    await node.http(started.container_id, "/")
    other = DisturbTraffic(
        id="n.1", pod=ready.pod, action=action, addresses=("10.1.2.3/32",), percent=50
    )
    cut = DisturbTraffic(id="n.0", pod=ready.pod, action=action, addresses=(f"{ready.ip}/32",))

    await disturbed(node, other)
    through = await answers(node, started.container_id)
    await disturbed(node, cut)
    while_cut = await answers(node, started.container_id, seconds=0.4)
    node.runtime.end(other.id)
    await mended(node, cut)

    assert through
    assert not while_cut
    assert await answers(node, started.container_id)
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    assert table_name(node.host.slot) not in listed.stdout


async def test_packets_wait(node: Driver) -> None:
    """As long as they are told to, there and back."""
    ready, started = await node.run()
    await node.http(started.container_id, "/")
    wait = DisturbTraffic(
        id="n.2", pod=ready.pod, action="delay", addresses=(f"{ready.ip}/32",), latency=0.1
    )

    before = subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout
    await disturbed(node, wait)
    began = time.monotonic()
    slowly = await answers(node, started.container_id, seconds=5.0)
    took = time.monotonic() - began
    await mended(node, wait)
    after = subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout

    assert slowly
    assert took >= 0.4  # SYN and its answer, request and its answer
    assert after.count(b"NFQUEUE") == before.count(b"NFQUEUE")
    assert await answers(node, started.container_id)


async def test_bytes_come_slowly(node: Driver) -> None:
    """Through both ends of the pod's interface."""
    ready, _started = await node.run()
    slow = DisturbTraffic(
        id="n.3", pod=ready.pod, action="limit", addresses=(f"{ready.ip}/32",), rate=65536
    )

    def shaped() -> int:
        listed = subprocess.run(["tc", "qdisc"], capture_output=True, text=True, check=True)
        return listed.stdout.count("tbf")

    before = shaped()
    await disturbed(node, slow)
    during = shaped()
    await mended(node, slow)

    assert (during, shaped()) == (before + 1, before)

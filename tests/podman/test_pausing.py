"""Pause processes made by the helper: their namespaces, and what is left when something fails."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.adapters.podman.pausing import PauseMaker
from engine.adapters.podman.processes import has_marker, on_exit
from engine.errors import AdapterError

pytestmark = [pytest.mark.podman, pytest.mark.xdist_group("podman"), pytest.mark.asyncio]

NUMBER = os.getpid() % 0xFFFF
PLACE = {"ip": f"198.51.{100 + (NUMBER & 1)}.{NUMBER % 250 + 1}", "interface": f"kvtest{NUMBER:x}"}
NETWORK = {
    "kinds": ["net", "uts", "ipc"],
    "hostname": "web-0",
    "sysctls": {"net.ipv4.ip_unprivileged_port_start": "7"},
    "environment": {"WHAT": "test"},
    **PLACE,
}


@pytest_asyncio.fixture
async def maker() -> AsyncIterator[PauseMaker]:
    """One whose processes can find catatonit."""
    path = f"{os.environ['PATH']}:/usr/libexec/podman"
    maker = PauseMaker(environment={"PATH": path, "WHOSE": "ours"})
    yield maker
    maker.close()


async def end(pid: int) -> None:
    """Kill process *pid* and wait until it has ended."""
    ended = asyncio.Event()
    on_exit(pid, ended.set)
    os.kill(pid, signal.SIGKILL)
    await ended.wait()


def inside(pid: int, *command: str) -> str:
    """What *command* says in the namespaces of process *pid*."""
    entering = ["nsenter", "-t", str(pid), "-n", "-u", *command]
    return subprocess.run(entering, capture_output=True, text=True, check=True).stdout


async def test_the_pod_has_a_name_settings_and_a_network(maker: PauseMaker) -> None:
    """And the machine has the way to it."""
    pid = await maker.make(NETWORK)

    assert inside(pid, "cat", "/proc/sys/kernel/hostname") == "web-0\n"
    assert inside(pid, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start") == "7\n"
    assert f"inet {PLACE['ip']}/32" in inside(pid, "ip", "addr", "show", "eth0")
    assert "default via 169.254.1.1" in inside(pid, "ip", "route")
    routes = inside(os.getpid(), "ip", "route")
    assert f"{PLACE['ip']} dev {PLACE['interface']}" in routes
    assert has_marker(pid, b"WHOSE=ours")
    await end(pid)


async def test_an_address_can_be_given_away_at_once(maker: PauseMaker) -> None:
    """The kernel takes its time to remove the interface of the one before."""
    for _ in range(5):
        await end(await maker.make(NETWORK))


async def test_the_processes_of_a_pod_can_be_shared(maker: PauseMaker) -> None:
    """The pause process is then the first of a namespace of its own."""
    pid = await maker.make({"kinds": ["ipc", "pid"], "environment": {}})

    assert status(pid)["NSpid"] == 1
    await end(pid)


def status(pid: int) -> dict[str, int]:
    """The last number in every line that the kernel says of process *pid*."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = ((line.partition(":")[0], line.split()[-1]) for line in lines)
    return {name: int(word) for name, word in found if word.isdigit()}


async def test_what_the_kernel_refuses_is_named(maker: PauseMaker) -> None:
    """The setting, and why."""
    with pytest.raises(AdapterError, match=r"sysctl net\.bad=1: No such file or directory"):
        await maker.make({**NETWORK, "sysctls": {"net.bad": "1"}})


async def test_a_helper_that_was_killed_is_started_again(maker: PauseMaker) -> None:
    """What it made before stays."""
    first = await maker.make({"kinds": ["ipc"], "environment": {}})
    await end(status(first)["PPid"])

    second = await maker.make({"kinds": ["ipc"], "environment": {}})

    for pid in (first, second):
        assert has_marker(pid, b"WHOSE=ours")
        await end(pid)

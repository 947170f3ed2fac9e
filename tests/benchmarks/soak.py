"""Pods that start and stop for a long time: whether anything of them stays behind.

    python -m tests.benchmarks.soak [--simulated STARTS] [--real STARTS] [--churn COUNT]
        [--seconds MOST]

The issue's figures are 1,000,000 simulated and 10,000 real starts; the defaults are what a coffee
allows. Other objects come and go on simulated nodes (`--churn` of each kind, three times). What
grows is told for two halves: caches fill in the first, a leak grows in both. Every other real pod
has limits, so that it has cgroups of its own. What is counted: memory (also of the Podman service),
file descriptors, threads, containers, networks, links, routes, mounts, processes, cgroups, files.
The result is kept as JSON.
"""

import argparse
import asyncio
import gc
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.processes import has_marker
from engine.adapters.podman.records import marker, memory_folder
from engine.adapters.podman.service import PodmanService
from engine.api.pod import Pod
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.cri.commands import Resources
from engine.kubelet.pod_state import ContainerWork, PodState
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from tests.benchmarks.churn import BRIEF, KINDS, churn, forget_events
from tests.benchmarks.harness import Measurement, report
from tests.benchmarks.levels import count_row, growth_rows, level, resident
from tests.benchmarks.pods import Pods
from tests.builders import make_pod
from tui.commands.serve import settle_memory

BATCH = 200
AT_ONCE = 4
LOOK_EVERY = 100 * AT_ONCE
SATURATED = 40_000
WARM = 500
ENOUGH = 2_000
LIMITS = Resources(cpu_limit=500, memory_limit=64 << 20)


def simulated(starts: int, *, seconds: float = math.inf) -> Iterator[Measurement]:
    """Start and delete pods on four simulated nodes; no more of them after *seconds*."""
    # History is kept on purpose, so here only a little of it.
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(4)), retention=BRIEF)
    cluster.start()
    cluster.run_for(5.0)
    settle_memory()  # as `kubarium serve` does: a sixth of the time went into looking for cycles

    def run(count: int, offset: int, *, until: float = math.inf) -> int:
        for first in range(0, count, BATCH):
            if time.monotonic() > until:
                return first
            names = [f"pod-{offset + first + number}" for number in range(BATCH)]
            cluster.apply(*(make_pod(name) for name in names))
            cluster.run_for(30.0)
            for name in names:
                cluster.admin.delete(Pod, name, namespace="default", grace_period_seconds=1)
            cluster.run_for(30.0)
            forget_events(cluster)
        return count

    begun = time.monotonic()
    run(min(starts // 2, SATURATED), 0, until=begun + seconds / 3)
    before, alive_before, total = level(), alive(), starts - min(starts // 2, SATURATED)
    first = run(total // 2, starts, until=begun + seconds * 2 / 3)
    between = level()
    second = run(total - total // 2, 2 * starts, until=begun + seconds)
    after = level()
    left = len(cluster.list(Pod))
    kept = sum(len(node.runtime.list_sandboxes()) for node in cluster.nodes.values())
    yield count_row("simulated: pods and sandboxes left", left + kept)
    yield count_row(
        "simulated: open files more than before", after.descriptors - before.descriptors
    )
    yield count_row("simulated: objects of pods more than before", alive() - alive_before)
    # The caches of Events are full after some thousand pods; before that they only grow.
    is_long = starts >= SATURATED
    yield from growth_rows(
        "simulated",
        (before, between, after),
        (first, second),
        most=128.0 if is_long else None,
        most_blocks=0.5 if is_long else None,
    )


def alive() -> int:
    """How many objects there are of the kinds that a pod is made of."""
    gc.collect()
    kinds = (Pod, PodState, ContainerWork, SimulatedContainer, SimulatedSandbox)
    return sum(isinstance(item, kinds) for item in gc.get_objects())


def host_things(host: PodmanHost, made: set[str]) -> dict[str, int]:
    """What the machine has of all that pods are made of; *made* are ids of pods and containers."""
    commands = {
        "links": ["ip", "-o", "link"],
        "routes": ["ip", "route"],
        "processes": ["pgrep", "-f", str(host.state)],
        "networks": ["podman", "--url", host.service.url, "network", "ls", "-q"],
        "containers": ["podman", "--url", host.service.url, "ps", "-a", "-q"],
        "pods": ["podman", "--url", host.service.url, "pod", "ps", "-q"],
    }
    found = {}
    for name, command in commands.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        mark = host.slot.veth_prefix if command[0] == "ip" else ""
        found[name] = sum(mark in line for line in done.stdout.splitlines())
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found["mounts"] = sum(str(host.state) in line for line in mounts)
    found["open files"] = len(list(Path("/proc/self/fd").iterdir()))
    found["threads"] = len(list(Path("/proc/self/task").iterdir()))
    whose = marker(host.state)
    pids = (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    found["pause processes"] = sum(has_marker(pid, whose) for pid in pids if pid != os.getpid())
    found["cgroups"] = len(made & with_cgroups())
    for name, folder in {
        "files of pods": host.state / "nodes",
        "files in memory": memory_folder(host.state),
        "files of Podman": host.state / "run",
        "files of Podman's storage": host.state / "storage" / "overlay-containers",
        "temporary files": host.state / "tmp",
    }.items():
        found[name] = sum(1 for _ in folder.rglob("*"))
    return found


def with_cgroups() -> set[str]:
    """The ids of pods and containers that have a cgroup."""
    # Not by a glob: those of other clusters go while one looks.
    walked = (Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup"))
    return {
        folder.name.removeprefix("libpod-")
        for folder in walked
        if folder.parent.name == "libpod_parent"
    }


async def real(starts: int, *, seconds: float = math.inf) -> list[Measurement]:
    """Start and remove pods on Podman, four at a time; no more of them after *seconds*."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kv") as folder:
        host = PodmanHost(instance="kubarium-soak", state=Path(folder) / "state")
        await host.start()
        assert host.images_ready is not None
        await host.images_ready
        ways, made = Pods(host), set[str]()

        async def run(count: int, name: str, until: float) -> int:
            for first in range(0, count, AT_ONCE):
                if time.monotonic() > until:
                    return first
                names = [f"{name}-{first + number}" for number in range(AT_ONCE)]
                limits = [Resources(), LIMITS] * (AT_ONCE // 2)
                await asyncio.gather(*map(ways.ours, names, limits))
                made.update(ways.sandboxes.values(), ways.driver.runtime.machine.containers.by_id)
                await asyncio.gather(*map(ways.remove_ours, names))
                if first % LOOK_EVERY == 0:
                    made.intersection_update(with_cgroups())  # or it would grow itself
            return count

        await run(min(starts // 4, WARM), "warm", begun + seconds / 4)
        await asyncio.sleep(1.0)
        before, levels = host_things(host, made), [level()]
        assert isinstance(host.service, PodmanService)
        process = host.service.process
        served_before = resident(process.pid) if process else 0
        counts = []
        for half, share in (("first", 5 / 8), ("second", 1.0)):
            counts.append(await run(starts // 2, half, begun + seconds * share))
            await asyncio.sleep(1.0)
            levels.append(level())
        after = host_things(host, made)
        served = resident(process.pid) - served_before if process else 0
        rows = [
            count_row(
                f"real: {name} more than before",
                after[name] - before[name],
                # Idle connections to Podman come and go.
                most=AT_ONCE if name == "open files" else 0,
            )
            for name in before
        ]
        rows += growth_rows(
            "real",
            (levels[0], levels[1], levels[2]),
            (counts[0], counts[1]),
            most=1024.0 if counts[1] >= ENOUGH else None,
            most_blocks=2.0 if counts[1] >= ENOUGH else None,
        )
        rows.append(
            Measurement(
                name="real: memory of the Podman service per start",
                unit="bytes",
                ours=served / max(1, sum(counts)),
                target=None,
                higher_is_better=False,
            )
        )
        await host.stop()
    return rows


def main() -> int:
    """Soak and print; 1 if something leaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulated", type=int, default=2_000)
    parser.add_argument("--real", type=int, default=200)
    parser.add_argument("--churn", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=math.inf, help="of each, at most")
    options = parser.parse_args()
    seconds = options.seconds
    rows = list(simulated(options.simulated, seconds=seconds)) if options.simulated else []
    for kind in KINDS if options.churn else ():
        rows += churn(kind, options.churn)
    if options.real:
        rows += asyncio.run(real(options.real, seconds=seconds))
    return 0 if report("Soak: starts and stops", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Many pods on real containers: how soon 50 are Ready, and what 200 cost that only run.

The peer starts the same pods by bare Podman calls, as many at once as suits this machine best.

    python -m tests.benchmarks.kubelet [--pods N] [--idle N]
"""

import argparse
import asyncio
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.adapters.podman.host import PodmanHost
from tests.benchmarks.harness import Measurement, report
from tests.benchmarks.live import PORT, ask, cpu_seconds, running, wait_for_nodes
from tests.benchmarks.pods import Pods, measure
from tui.kubeconfig import read_kubeconfig

DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/hello"
TASKS = 4
IDLE_SECONDS = 30.0


class Looker:
    """Looks at the deployment over one connection, so that looking costs the server little."""

    def __init__(self) -> None:
        context = read_kubeconfig(Path(os.environ["KUBECONFIG"])).tls()
        assert isinstance(context, ssl.SSLContext)
        self.connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)

    def ready(self) -> int:
        """How many of its pods are Ready."""
        self.connection.request("GET", DEPLOYMENT)
        status: dict[str, Any] = json.load(self.connection.getresponse()).get("status", {})
        return int(status.get("readyReplicas", 0))


def scale(looker: Looker, replicas: int, *, seconds: float = 120.0) -> float:
    """Have so many pods; the seconds until all of them are Ready."""
    begun = time.perf_counter()
    ask(DEPLOYMENT, {"spec": {"replicas": replicas}})
    while (found := looker.ready()) != replicas:
        assert time.perf_counter() - begun < seconds, f"{found} of {replicas} are ready"
        time.sleep(0.1)
    return time.perf_counter() - begun


async def bare_rate(pods: int) -> float:
    """Pods a second that the runtime starts by itself."""
    with tempfile.TemporaryDirectory(prefix="kv") as folder:
        host = PodmanHost(instance="kubarium-bench", state=Path(folder) / "state")
        await host.start()
        assert host.images_ready is not None
        await host.images_ready
        ways = Pods(host)
        seconds = await measure(ways.bare, ways.remove_bare, kind="bare", pods=pods, at_once=TASKS)
        await host.stop()
    return 1 / seconds


def measurements(pods: int, idle: int) -> Iterator[Measurement]:
    """All rows."""
    peer = asyncio.run(bare_rate(pods))
    with running(
        "serve", "--runtime", "podman", "--demo", "--nodes", "2", stdout=subprocess.DEVNULL
    ) as process:
        wait_for_nodes(3)
        looker = Looker()
        scale(looker, 1)
        time.sleep(3.0)
        before = cpu_seconds(process.pid)
        seconds = scale(looker, 1 + pods)
        spent = cpu_seconds(process.pid) - before
        yield Measurement(
            name=f"{pods} pods from apply to Ready",
            unit="pods/s",
            ours=pods / seconds,
            peer=peer,
            target=0.9,
        )
        yield Measurement(
            name="engine CPU per started pod, all parts",
            unit="ms",
            ours=1000 * spent / pods,
            target=3.0,
            higher_is_better=False,
        )
        scale(looker, idle, seconds=300.0)
        time.sleep(10.0)
        before = cpu_seconds(process.pid)
        time.sleep(IDLE_SECONDS)
        share = 100 * (cpu_seconds(process.pid) - before) / IDLE_SECONDS
        yield Measurement(
            name=f"{idle} running pods, the whole process",
            unit="% core",
            ours=share,
            target=5.0,
            higher_is_better=False,
        )


def main() -> int:
    """Measure and print; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--idle", type=int, default=200)
    options = parser.parse_args()
    rows = list(measurements(options.pods, options.idle))
    return 0 if report("Kubelet: many real pods", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Many pods on real containers: how soon 50 are Ready, and what 50 and 200 cost that only run.

The peer starts the same pods by bare Podman calls, as many at once as suits this machine best, in
turn with ours. The pods have no probes: what runs in them is the same on both sides.

    python -m tests.benchmarks.kubelet [--pods N] [--idle N]
"""

import argparse
import asyncio
import http.client
import json
import os
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.podman.host import PodmanHost
from tests.benchmarks.harness import Measurement, report
from tests.benchmarks.live import PORT, URL, ask, cpu_seconds, cpu_times, running, wait_for_nodes
from tests.benchmarks.pods import Pods, measure
from tests.podman.driver import DEMO
from tui.commands.serve import event_loop
from tui.kubeconfig import read_kubeconfig

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
DEPLOYMENT = f"{DEPLOYMENTS}/plain"
TASKS = 4
ROUNDS = 3
SETTLE_SECONDS = 10.0
IDLE_SECONDS = 30.0
LOOK_SECONDS = 0.2


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


def deploy() -> None:
    """Create the deployment, with no pod yet."""
    labels = {"app": "plain"}
    pod = {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "web", "image": DEMO}],
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "plain"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    context = read_kubeconfig(Path(os.environ["KUBECONFIG"])).tls()
    assert isinstance(context, ssl.SSLContext)
    request = urllib.request.Request(
        f"{URL}{DEPLOYMENTS}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, context=context).close()


def scale(looker: Looker, replicas: int, *, seconds: float = 120.0) -> float:
    """Have so many pods; the seconds until all of them are Ready."""
    begun = time.perf_counter()
    ask(DEPLOYMENT, {"spec": {"replicas": replicas}})
    while (found := looker.ready()) != replicas:
        assert time.perf_counter() - begun < seconds, f"{found} of {replicas} are ready"
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - begun


@attrs.frozen
class Alone:
    """What the Podman adapter does without a cluster around it, beside bare calls.

    *bare* is the rate of those in pods a second; *cpu* what the adapter's process takes for a pod,
    in ms.
    """

    bare: float
    cpu: float


async def alone(pods: int) -> Alone:
    """Start pods by bare calls, then by the adapter, which is warm by then."""
    with tempfile.TemporaryDirectory(prefix="kv") as folder:
        host = PodmanHost(instance="kubarium-bench", state=Path(folder) / "state")
        await host.start()
        assert host.images_ready is not None
        await host.images_ready
        ways = Pods(host)
        seconds = await measure(ways.bare, ways.remove_bare, kind="bare", pods=pods, at_once=TASKS)
        await measure(ways.ours, ways.remove_ours, kind="warm", pods=TASKS, at_once=TASKS)
        names = [f"ours-{number}" for number in range(pods)]
        before = time.process_time()
        for name in names:
            await ways.ours(name)
        cpu = time.process_time() - before
        await asyncio.gather(*map(ways.remove_ours, names))
        await host.stop()
    return Alone(1 / seconds, 1000 * cpu / pods)


def measurements(pods: int, idle: int) -> Iterator[Measurement]:
    """All rows."""
    with running(
        "serve", "--runtime", "podman", "--nodes", "2", stdout=subprocess.DEVNULL
    ) as served:
        wait_for_nodes(served, 3)
        deploy()
        looker = Looker()
        scale(looker, 1)
        peers, ours, adapter = list[float](), list[float](), list[float]()
        user, system = list[float](), list[float]()
        for _ in range(ROUNDS):
            with asyncio.Runner(loop_factory=event_loop) as runner:
                found = runner.run(alone(pods))
            peers.append(found.bare)
            adapter.append(found.cpu)
            begun = cpu_times(served.pid)
            ours.append(pods / scale(looker, 1 + pods, seconds=300.0))
            ended = cpu_times(served.pid)
            user.append(1000 * (ended[0] - begun[0]) / pods)
            system.append(1000 * (ended[1] - begun[1]) / pods)
            scale(looker, 1)
            time.sleep(SETTLE_SECONDS)
        spent = [sum(both) for both in zip(user, system, strict=True)]
        yield Measurement(
            name=f"{pods} pods from apply to Ready",
            unit="pods/s",
            ours=statistics.median(ours),
            peer=statistics.median(peers),
            target=0.9,
            samples={"ours": ours, "peer": peers},
        )
        yield Measurement(
            name="engine CPU per started pod, all parts",
            unit="ms",
            ours=statistics.median(spent),
            target=3.0,
            higher_is_better=False,
            samples={"ours": spent},
        )
        for part, samples in (
            ("of that in user mode", user),
            ("of that in the kernel", system),
            ("the Podman adapter by itself", adapter),
        ):
            yield Measurement(
                name=f"  {part}",
                unit="ms",
                ours=statistics.median(samples),
                higher_is_better=False,
                samples={"ours": samples},
            )
        for count in sorted({pods, idle}):
            scale(looker, count, seconds=300.0)
            time.sleep(SETTLE_SECONDS)
            before = cpu_seconds(served.pid)
            time.sleep(IDLE_SECONDS)
            share = 100 * (cpu_seconds(served.pid) - before) / IDLE_SECONDS
            yield Measurement(
                name=f"{count} running pods, the whole process",
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

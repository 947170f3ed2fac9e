"""The whole cluster: how fast it starts and what a simulated one costs."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.api.apps import Deployment
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.scenario.loader import parse_scenario
from engine.scenario.player import Player
from engine.scenario.view import ClusterView
from tests.benchmarks.harness import Measurement, compare, report
from tests.builders import make_deployment


def cold_start(runtime: str) -> tuple[float, float]:
    """CPU seconds of `kubarium serve` until it says it is ready, and wall seconds until then.

    As installed: with its bytecode beside it, whatever the environment says of writing that.
    """
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).parent / "kubarium"),
            "serve",
            "--nodes",
            "3",
            "--runtime",
            runtime,
            "--listen",
            "127.0.0.1:0",
            "--kubeconfig",
            f"{folder}/kubeconfig",
        ]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        for line in process.stdout:
            if "API at" in line:
                break
        wall = time.perf_counter() - began
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        cpu = (int(fields[11]) + int(fields[12])) / ticks
        process.terminate()
        process.wait(timeout=60)
    return cpu, wall


def simulated_run(*, nodes: int, pods: int, seconds: float) -> float:
    """CPU seconds for *seconds* of a cluster that starts, and runs *pods* pods."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(nodes)))
    cluster.start()
    cluster.run_for(5.0)
    for number in range(10):
        cluster.apply(make_deployment(f"web-{number}", replicas=pods // 10, cpu=50))
    cluster.run_for(seconds - 5.0)
    after = resource.getrusage(resource.RUSAGE_SELF)
    available = sum(found.status.available_replicas for found in cluster.list(Deployment))
    assert available == pods, f"{available} of {pods} pods are available"
    cluster.stop()
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


SCENARIO = """
format = "kubarium.scenario/1"
id = "bench"
title = "200 pods are updated while a node is down"
[[step]]
do = "kubectl"
run = "create deployment web --image=localhost/kubarium/demo:v1 --replicas=200"
[[step]]
do = "wait"
until = {rollout = "deployment/web"}
timeout = "300s"
[[step]]
do = "fault"
fault = "node.crash"
target = {nodes = "node-3"}
for = "90s"
[[step]]
do = "kubectl"
run = "set image deployment/web *=localhost/kubarium/demo:v2"
[[step]]
do = "wait"
until = {rollout = "deployment/web", faults_active = 0}
timeout = "600s"
[[step]]
do = "sleep"
seconds = "300s"
"""


def scenario_speed() -> float:
    """Virtual seconds per CPU second of a scenario with 20 nodes and 200 pods."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(20)))
    cluster.start()
    cluster.run_for(5.0)
    client = cluster.client("scenario", groups=("system:masters",))
    player = Player(parse_scenario(SCENARIO), client, ClusterView(client, lambda _u, _d: None))
    before, began = time.process_time(), cluster.loop.now
    player.start()
    while not player.is_done:
        cluster.run_for(1.0)
    took = time.process_time() - before
    assert not player.message, player.message
    passed = cluster.loop.now - began
    cluster.stop()
    return passed / took


def measurements() -> Iterator[Measurement]:
    """All rows, each as soon as it is measured."""
    yield compare(
        "serve, 3 simulated nodes, until kubectl is answered",
        "CPU s",
        lambda: cold_start("simulated")[0],
        target=1.0,
        higher_is_better=False,
    )
    yield compare(
        "a scenario of 20 nodes and 200 pods: virtual seconds",
        "s/s",
        scenario_speed,
        runs=3,
        target=100.0,
    )
    yield compare(
        "100 s of 50 nodes and 1,500 pods",
        "CPU s",
        lambda: simulated_run(nodes=50, pods=1500, seconds=100.0),
        runs=3,
        target=5.0,
        higher_is_better=False,
    )


def main() -> int:
    """Measure, print the table; the exit code says whether all targets are reached."""
    return 0 if report("Cluster: start and simulation", list(measurements())) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""A large cluster in one process: what 5,000 nodes and 150,000 pods cost, and a zone that fails.

    python -m tests.benchmarks.scale [--nodes N] [--pods N] [--zone-seconds S]

Everything runs in virtual time on one core; a moment that costs more CPU than it lasts is one in
which a cluster at speed 1 would fall behind its clock.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from engine.api.apps import Deployment
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.benchmarks.harness import Measurement, report
from tests.builders import make_deployment

ZONES = 5
FAILED = "zone-1"
PER_DEPLOYMENT = 10_000
STEADY_SECONDS = 60.0
LIMIT = 3600.0


def make_cluster(nodes: int) -> Cluster:
    """So many nodes in five zones, settled, with the memory settings of `kubarium serve`."""
    made = make_nodes(nodes, has_control_plane=False)
    zoned = tuple(
        attrs.evolve(node, zone=f"zone-{number % ZONES}") for number, node in enumerate(made)
    )
    cluster = Cluster(config=ClusterConfig(nodes=zoned))
    cluster.start()
    cluster.run_for(30.0)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return cluster


def resident() -> float:
    """GiB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**30


def available(cluster: Cluster) -> int:
    """Pods of all deployments that are available."""
    return sum(found.status.available_replicas for found in cluster.list(Deployment))


def scale_up(cluster: Cluster, name: str, pods: int) -> float:
    """CPU seconds until a new Deployment of so many pods is available."""
    deployment = make_deployment(name, replicas=pods, cpu=10)
    template = deployment.spec.template
    # The documented five minutes on an unreachable node, not the builder's five seconds.
    template = attrs.evolve(template, spec=attrs.evolve(template.spec, tolerations=()))
    deployment = attrs.evolve(deployment, spec=attrs.evolve(deployment.spec, template=template))
    before, began, until = available(cluster), time.process_time(), cluster.loop.now + LIMIT
    cluster.apply(deployment)
    while available(cluster) < before + pods:
        cluster.run_for(1.0)
        if cluster.loop.now > until:
            sys.exit(f"{name}: {available(cluster) - before} of {pods} pods after an hour")
    return time.process_time() - began


def steady(cluster: Cluster) -> float:
    """Cores that a cluster takes in which nothing happens, at speed 1."""
    cluster.run_for(30.0)
    began = time.process_time()
    cluster.run_for(STEADY_SECONDS)
    return (time.process_time() - began) / STEADY_SECONDS


@attrs.frozen
class ZoneFailure:
    """What a failed zone came to.

    Attributes:
        noticed: seconds until all of its nodes were Unknown.
        tainted: how many of them were tainted NoExecute in the time that was given.
        back: how many of its pods ran elsewhere by then.
        dearest: CPU seconds a second in the dearest ten seconds.
        mean: the same over all of the time.
    """

    noticed: float
    tainted: int
    back: int
    dearest: float
    mean: float


def fail_zone(cluster: Cluster, seconds: int) -> ZoneFailure:
    """Cut the power of a zone and watch for so many seconds."""
    down = [node for node in cluster.nodes.values() if node.config.zone == FAILED]
    names = {node.config.name for node in down}
    for node in down:
        node.link.cut()
        node.runtime.power_off()
        node.kubelet.stop()
    noticed, costs, lowest = 0.0, [], available(cluster)
    for second in range(1, seconds + 1):
        began = time.process_time()
        cluster.run_for(1.0)
        costs.append(time.process_time() - began)
        if not noticed and second % 5 == 0:
            nodes = [node for node in cluster.list(Node) if node.metadata.name in names]
            if all(_is_unknown(node) for node in nodes):
                noticed = float(second)
        lowest = min(lowest, available(cluster)) if second % 30 == 0 else lowest
    tainted = sum(
        any(taint.effect == "NoExecute" for taint in node.spec.taints)
        for node in cluster.list(Node)
        if node.metadata.name in names
    )
    windows = [sum(costs[at : at + 10]) for at in range(len(costs) - 9)]
    return ZoneFailure(
        noticed,
        tainted,
        available(cluster) - lowest,
        max(windows) / 10,
        sum(costs) / len(costs),
    )


def _is_unknown(node: Node) -> bool:
    ready = condition_of(node.status.conditions, "Ready")
    return ready is not None and ready.status == "Unknown"


def measurements(nodes: int, pods: int, zone_seconds: int) -> Iterator[Measurement]:
    """All rows, each as soon as it is measured."""
    cluster = make_cluster(nodes)
    first = min(pods, PER_DEPLOYMENT)
    yield _at_most(f"a Deployment 0 to {first:,} on {nodes:,} nodes", "CPU s", 60.0,
                   scale_up(cluster, "first", first))  # fmt: skip
    for number in range((pods - first) // PER_DEPLOYMENT):
        scale_up(cluster, f"more-{number}", PER_DEPLOYMENT)
        print(f"  {available(cluster):,} pods, {resident():.2f} GiB", file=sys.stderr, flush=True)
    yield _at_most(f"{nodes:,} nodes, {available(cluster):,} pods, nothing happens", "cores", 0.5,
                   steady(cluster))  # fmt: skip
    yield _at_most("memory of the process then", "GiB", 6.0, resident())
    found = fail_zone(cluster, zone_seconds)
    yield _at_most(f"a zone of {nodes // ZONES:,} nodes fails: noticed after", "s", 75.0,
                   found.noticed or float(zone_seconds))  # fmt: skip
    expected = max(0.0, zone_seconds - found.noticed) * 0.1
    yield Measurement(name=f"nodes tainted after {zone_seconds} s (0.1 a second)", unit="nodes",
                      ours=float(found.tainted), target=0.9 * expected)  # fmt: skip
    yield Measurement(name="pods running elsewhere by then", unit="pods", ours=float(found.back))
    yield _at_most("cores in its dearest ten seconds", "cores", 1.0, found.dearest)
    yield _at_most("cores on average", "cores", 0.5, found.mean)


def _at_most(name: str, unit: str, target: float, ours: float) -> Measurement:
    return Measurement(name=name, unit=unit, ours=ours, target=target, higher_is_better=False)


def main() -> int:
    """Measure, print the table; the exit code says whether all targets are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--zone-seconds", type=int, default=600)
    options = parser.parse_args()
    rows = []
    for row in measurements(options.nodes, options.pods, options.zone_seconds):
        print(f"  {row.name}: {row.ours:.3g} {row.unit}", file=sys.stderr, flush=True)
        rows.append(row)
    return 0 if report("Scale: one process", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())

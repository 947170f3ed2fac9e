"""How fast pods get their nodes: queue, filters, scores, choice, decision and assumption.

No API server takes part: what is measured is the scheduler itself, on one core.

    python -m tests.benchmarks.scheduler [--nodes N] [--runs N]
"""

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable

from engine.api.codec import decode_as
from engine.api.node import Node
from engine.api.pod import Pod
from engine.scheduler.configuration import ProfileSettings
from engine.scheduler.decider import Decider
from engine.scheduler.decision import DecisionLog
from engine.scheduler.node_table import NodeTable
from engine.scheduler.nominator import Nominator
from engine.scheduler.pod_info import pod_info
from engine.scheduler.queue import QueuedPod, SchedulingQueue
from engine.scheduler.volume_view import VolumeView
from tests.benchmarks.harness import Measurement, compare, report

ZONES = 10
Make = Callable[[int], Pod]


def node(number: int) -> Node:
    """A node of 32 cores in one of the zones."""
    name = f"node-{number}"
    labels = {
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": f"zone-{number % ZONES}",
        "disk": "ssd" if number % 3 else "hdd",
    }
    room = {"cpu": "32", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return decode_as(
        Node,
        {
            "metadata": {"name": name, "uid": name, "labels": labels},
            "status": {"allocatable": room},
        },
    )


def a_pod(number: int, *, cpu: int = 100, memory: int = 256, **spec: object) -> Pod:
    """A pod with requests."""
    requests = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
    container = {"name": "c", "image": "app", "resources": {"requests": requests}}
    return decode_as(
        Pod,
        {
            "metadata": {
                "name": f"pod-{number}",
                "namespace": "default",
                "uid": f"uid-{number}",
                "labels": {"app": "web"},
            },
            "spec": {"containers": [container], **spec},
        },
    )


def alike(number: int) -> Pod:
    """One template."""
    return a_pod(number)


def apart(number: int) -> Pod:
    """Anti-affinity: no two on one node."""
    term = {
        "labelSelector": {"matchLabels": {"app": "web"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return a_pod(number, affinity={"podAntiAffinity": required})


def spread(number: int) -> Pod:
    """Topology spread over zones, and softly over nodes."""
    selector = {"matchLabels": {"app": "web"}}
    constraints = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": action,
            "labelSelector": selector,
        }
        for key, action in (
            ("topology.kubernetes.io/zone", "DoNotSchedule"),
            ("kubernetes.io/hostname", "ScheduleAnyway"),
        )
    ]
    return a_pod(number, topologySpreadConstraints=constraints)


def different(number: int) -> Pod:
    """Every pod of its own size."""
    return a_pod(number, cpu=10 + number % 977, memory=64 + number % 499)


def rate(make: Make, *, nodes: int, pods: int) -> float:
    """Pods placed per second of CPU; no more of them than nodes if no two may share one."""
    if make is apart:
        pods = min(pods, nodes)
    table = NodeTable()
    for number in range(nodes):
        table.put_node(node(number))
    decider = Decider(table, Nominator(), random.Random(1))
    profile = ProfileSettings().make(VolumeView())
    queue, decisions = SchedulingQueue(), DecisionLog()
    made = [make(number) for number in range(pods)]
    gc.collect()
    begun = time.process_time()
    for pod in made:
        queue.add(QueuedPod(pod.key, 0, 0.0))
    by_key = {pod.key: pod for pod in made}
    while (queued := queue.pop()) is not None:
        info = pod_info(by_key[queued.key])
        decision = decider.decide(info, profile, attempt=1, now=0.0)
        assert decision.chosen, decision.message
        decisions.add(decision)
        table.place(info, decision.chosen)
        table.trim_log()
    return pods / (time.process_time() - begun)


def main(nodes: int, runs: int) -> int:
    """Run all and print the table; 1 if a target is missed."""
    cases: tuple[tuple[str, Make, int, int], ...] = (
        ("pods of one template", alike, 5000, 5000),
        ("pods with anti-affinity", apart, 2000, 1000),
        ("pods with topology spread", spread, 2000, 1000),
        ("every pod different", different, 1000, 500),
    )
    found: list[Measurement] = [
        compare(
            f"{name}, {nodes:,} nodes",
            "pods/s",
            lambda make=make, pods=pods: rate(make, nodes=nodes, pods=pods),  # type: ignore[misc]
            runs=runs,
            target=target,
        )
        for name, make, pods, target in cases
    ]
    for name, make, pods, _ in cases:
        few = rate(make, nodes=nodes // 10, pods=pods // 5)
        many = rate(make, nodes=nodes, pods=pods // 5)
        found.append(
            Measurement(
                name=f"{name}: cost at 10 times the nodes",
                unit="times",
                ours=few / many,
                target=10.0,
                higher_is_better=False,
            )
        )
    return int(not report("Scheduler: placing pods", found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    sys.exit(main(arguments.nodes, arguments.runs))

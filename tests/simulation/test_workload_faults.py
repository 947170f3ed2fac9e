"""Jobs and sets keep their promises while nodes, pods, links and controllers fail."""

import random
from collections import Counter
from typing import Any

import pytest

from engine.api.batch import Job
from engine.api.codec import decode
from engine.api.kubarium import FaultTarget
from engine.api.meta import is_true
from engine.api.pod import Pod
from engine.api.stateful import DaemonSet, StatefulSet
from engine.apiserver.errors import ApiError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.controllers.job.indexes import parse_indexes
from engine.faults.controls import make_fault

COMPLETIONS = 8


def _workload(kind: str, name: str, script: str, **spec: Any) -> Any:
    labels = {"app": name}
    template: dict[str, Any] = {
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", script]}],
        }
    }
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        group = "batch/v1"
    else:
        template["metadata"] = {"labels": labels}
        spec["selector"] = {"matchLabels": labels}
        group = "apps/v1"
    metadata = {"name": name, "namespace": "default"}
    body = {"apiVersion": group, "kind": kind, "metadata": metadata}
    return decode({**body, "spec": {**spec, "template": template}})


def _disturb(cluster: Cluster, chance: random.Random, number: int) -> None:
    """One fault of those that go away by themselves."""
    kind = chance.choice(["partition", "kill", "cut", "crash", "delete"])
    node = chance.choice(["node-1", "node-2", "node-3"])
    pods = sorted(pod.metadata.name for pod in cluster.list(Pod, namespace="default"))
    name, seconds = f"fault-{number}", chance.uniform(2.0, 60.0)
    if kind == "partition":
        target = FaultTarget(nodes=(node,))
        cluster.apply(make_fault(name, "node.partition", target, duration=seconds))
    elif kind == "crash":
        cluster.apply(make_fault(name, "node.crash", FaultTarget(nodes=(node,)), duration=seconds))
    elif kind == "cut":
        target = FaultTarget(component="controller-manager")
        cluster.apply(make_fault(name, "link.cut", target, duration=seconds))
    elif pods and kind == "kill":
        target = FaultTarget(namespace="default", pods=(chance.choice(pods),))
        cluster.apply(make_fault(name, "container.kill", target))
    elif pods:
        cluster.admin.delete(Pod, chance.choice(pods), namespace="default")


def _check(cluster: Cluster) -> None:
    """What holds at every moment."""
    job = cluster.get(Job, "count", namespace="default")
    indexes = parse_indexes(job.status.completed_indexes, COMPLETIONS)
    assert job.status.succeeded == len(indexes) <= COMPLETIONS
    assert not (
        is_true(job.status.conditions, "Complete") and is_true(job.status.conditions, "Failed")
    )
    if is_true(job.status.conditions, "Complete"):
        assert len(indexes) == COMPLETIONS
    pods = cluster.list(Pod, namespace="default")
    daemons = Counter(
        pod.spec.node_name
        for pod in pods
        if pod.metadata.name.startswith("agent-")
        and pod.spec.node_name
        and pod.metadata.deletion_timestamp is None
    )
    assert all(count == 1 for count in daemons.values())
    numbers = [p.metadata.name for p in pods if p.metadata.name.startswith("web-")]
    assert set(numbers) <= {"web-0", "web-1", "web-2"}


@pytest.mark.parametrize("seed", range(1, 5))
def test_promises_hold_while_things_fail(seed: int) -> None:
    """Every index is counted once, no number is there twice, no node has two daemon pods.

    Once the faults are over, the Job completes and the sets are whole again.
    """
    chance = random.Random(seed)
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(3), seed=seed))
    cluster.start()
    cluster.run_for(15.0)
    spec = {"completions": COMPLETIONS, "parallelism": 3, "completionMode": "Indexed"}
    cluster.apply(
        _workload("Job", "count", "sleep 8", backoffLimit=1000, **spec),
        _workload("StatefulSet", "web", "sleep 100000", replicas=3, serviceName="web"),
        _workload("DaemonSet", "agent", "sleep 100000"),
    )

    for number in range(12):
        try:
            _disturb(cluster, chance, number)
        except ApiError:
            continue
        for _ in range(20):
            cluster.run_for(0.5)
            _check(cluster)
    cluster.injector.recover_all()
    for _ in range(150):
        cluster.run_for(10.0)
        _check(cluster)

    assert is_true(cluster.get(Job, "count", namespace="default").status.conditions, "Complete")
    web = cluster.get(StatefulSet, "web", namespace="default").status
    assert (web.replicas, web.ready_replicas) == (3, 3)
    agent = cluster.get(DaemonSet, "agent", namespace="default").status
    assert agent.number_available == agent.desired_number_scheduled == 3
    cluster.stop()

"""A wrong clock on a node: what is dated by it, what is judged by it, and what is not."""

from typing import Any

import pytest

from engine.api.batch import CronJob, Job
from engine.api.codec import decode
from engine.api.coordination import Lease
from engine.api.events import Event
from engine.api.frozen import FrozenDict
from engine.api.kubarium import FaultTarget
from engine.api.meta import condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.server import ApiServer
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.faults.controls import make_fault
from tests.builders import make_pod

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def alone() -> Cluster:
    """One worker."""
    nodes = make_nodes(1)
    cluster = Cluster(config=ClusterConfig(nodes=nodes, has_component_pods=True))
    cluster.start()
    cluster.run_for(20.0)
    return cluster


def skew(cluster: Cluster, node: str, offset: float, *, seconds: float | None = None) -> None:
    """Let the clock of *node* be wrong from now on."""
    target, params = FaultTarget(nodes=(node,)), FrozenDict(offset=offset)
    cluster.apply(make_fault("skew", "clock.skew", target, params=params, duration=seconds))
    cluster.run_for(1.0)


def test_a_kubelet_dates_by_its_own_clock(alone: Cluster) -> None:
    """Its Lease, its node's conditions, its pods' states and its events; nobody else's."""
    skew(alone, "node-1", HOUR)
    alone.apply(make_pod("web"))
    alone.run_for(20.0)

    pod, node = alone.get(Pod, "web", namespace="default"), alone.get(Node, "node-1")
    later = pytest.approx(alone.loop.now + HOUR, abs=60)
    running = pod.status.container_statuses[0].state.running
    ready = condition_of(pod.status.conditions, "Ready")
    heartbeat = condition_of(node.status.conditions, "Ready")
    assert running is not None
    assert ready is not None
    assert heartbeat is not None
    assert [running.started_at, pod.status.start_time] == [later, later]
    assert [ready.last_transition_time, heartbeat.last_heartbeat_time] == [later, later]
    lease = alone.get(Lease, "node-1", namespace="kube-node-lease")
    assert lease.spec.renew_time == later
    by_kubelet = {e.source.component: e.last_timestamp for e in alone.list(Event)}
    assert by_kubelet["kubelet"] == later
    assert by_kubelet["default-scheduler"] == pytest.approx(alone.loop.now, abs=60)
    assert pod.metadata.creation_timestamp == pytest.approx(alone.loop.now, abs=60)


def test_the_clock_is_right_again_afterwards(alone: Cluster) -> None:
    """What was dated stays as it was dated."""
    skew(alone, "node-1", HOUR, seconds=60.0)
    alone.apply(make_pod("web"))
    alone.run_for(20.0)
    began = alone.get(Pod, "web", namespace="default").status.container_statuses[0].state
    alone.run_for(120.0)

    after = alone.get(Pod, "web", namespace="default").status.container_statuses[0].state
    assert after == began
    node = condition_of(alone.get(Node, "node-1").status.conditions, "Ready")
    assert node is not None
    assert node.last_heartbeat_time == pytest.approx(alone.loop.now, abs=400)
    alone.apply(make_pod("late"))
    alone.run_for(10.0)
    late = alone.get(Pod, "late", namespace="default").status.start_time
    assert late == pytest.approx(alone.loop.now, abs=60)


@pytest.mark.parametrize(("offset", "is_trusted"), [(-2 * DAY, False), (-HOUR, True), (DAY, True)])
def test_a_certificate_counts_by_the_nodes_clock(
    alone: Cluster, offset: float, is_trusted: bool
) -> None:
    """With one that is not valid yet its kubelet cannot talk to the API server."""
    skew(alone, "node-1", offset, seconds=100.0)
    alone.run_for(90.0)

    ready = condition_of(alone.get(Node, "node-1").status.conditions, "Ready")
    assert ready is not None
    assert (ready.status == "True") is is_trusted
    alone.run_for(60.0)
    ready = condition_of(alone.get(Node, "node-1").status.conditions, "Ready")
    assert ready is not None
    assert ready.status == "True"


def test_a_kubelet_that_is_ahead_renews_its_tokens(
    alone: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its clock they are too old; it asks for new ones, not more often than it may."""
    alone.apply(make_pod("web"))
    alone.run_for(10.0)
    issued: list[str] = []
    real = ApiServer.create_token

    def count(self: ApiServer, name: str, **more: Any) -> Any:
        issued.append(name)
        return real(self, name, **more)

    monkeypatch.setattr(ApiServer, "create_token", count)
    skew(alone, "node-1", 2 * HOUR)
    alone.run_for(4 * HOUR)

    assert 1 <= len(issued) <= 4 * HOUR / 10


def test_cron_jobs_are_due_by_the_clock_of_the_controllers(alone: Cluster) -> None:
    """A control plane that is a day ahead makes today what is due tomorrow."""
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
    }
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "yearly", "namespace": "default"},
        "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": template}}},
    }
    alone.apply(decode(body))
    alone.run_for(60.0)
    before = len(alone.list(Job, namespace="default"))

    skew(alone, "control-plane", DAY)
    alone.admin.patch(CronJob, "yearly", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
    alone.run_for(30.0)

    assert before == 0
    assert len(alone.list(Job, namespace="default")) == 1
    created = alone.list(Job, namespace="default")[0].metadata.creation_timestamp
    assert created == pytest.approx(alone.loop.now + DAY, abs=120)

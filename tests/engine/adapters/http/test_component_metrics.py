"""Scheduler, controllers and kubelets tell their figures under the names scrapers know."""

from prometheus_client.core import Metric

from engine.adapters.http.component_metrics import ComponentMetrics
from engine.adapters.http.process_metrics import ProcessMetrics
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_pod


def values(metrics: list[Metric]) -> dict[str, float]:
    """Sample name with labels, and its value."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def test_figures_follow_what_happens() -> None:
    """A pod that runs, and one that fits nowhere, are seen by every component."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.scheduler.attempts.stopwatch = iter(range(1000)).__next__
    cluster.start()
    cluster.run_for(10.0)
    cluster.apply(make_pod("runs"), make_pod("waits", cpu=1_000_000))
    cluster.run_for(10.0)
    figures = ProcessMetrics(
        scheduler=cluster.scheduler,
        manager=cluster.manager,
        proxier=cluster.proxier,
        electors=cluster.electors,
        store=cluster.store,
        nodes=cluster.nodes,
    )
    found = values([*ComponentMetrics(cluster.scheduler, cluster.manager)(), *figures()])
    cluster.stop()

    assert found["scheduler_pending_pods unschedulable"] == 1
    assert found["scheduler_schedule_attempts_total scheduled default-scheduler"] == 1
    assert found["scheduler_schedule_attempts_total unschedulable default-scheduler"] >= 1
    assert found["scheduler_pod_scheduling_sli_duration_seconds_count"] == 1
    took = "scheduler_scheduling_attempt_duration_seconds"
    assert found[f"{took}_count scheduled default-scheduler"] == 1
    assert found[f"{took}_sum scheduled default-scheduler"] == 1.0
    assert found["leader_election_master_status kube-scheduler"] == 1
    assert found["running_managed_controllers deployment-controller kube-controller-manager"] == 1
    assert found["kubelet_active_pods node-1"] >= 1
    assert found["scheduler_preemption_attempts_total"] >= 1
    assert found["scheduler_preemption_victims_count"] == 0
    assert found["scheduler_unschedulable_pods NodeResourcesFit default-scheduler"] == 1
    assert found["workqueue_depth deployment"] == 0
    assert found["workqueue_adds_total endpointslice"] >= 0
    assert sum(value for name, value in found.items() if "kubelet_running_pods" in name) == 1

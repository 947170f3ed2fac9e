"""metrics.k8s.io: who is measured, what is said of them, and what history is kept."""

import pytest

from engine.api.kubarium import UsageSeries
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from engine.apiserver.errors import NotFoundError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.cri.commands import PodIdentity
from engine.cri.status import ContainerUsage
from engine.metrics.series import RECENT, Sample, Series
from engine.metrics.source import FORGET, Measured
from engine.simulation.console.web import Site, answer
from engine.simulation.runtime import SimulatedRuntime
from engine.simulation.streams import Busy, Holding
from tests.builders import make_deployment

POD = PodIdentity(namespace="default", name="web", uid="u1")


@pytest.fixture
def cluster() -> Cluster:
    """Two nodes with two pods that have run for a minute."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    made.start()
    made.run_for(5.0)
    made.apply(make_deployment("web", replicas=2, cpu=100))
    made.run_for(60.0)
    return made


def test_pods_have_metrics_with_their_labels(cluster: Cluster) -> None:
    """Each running pod is measured by container, and can be selected by its labels."""
    found = cluster.admin.list(PodMetrics, namespace="default", label_selector="app=web").items

    assert len(found) == 2
    assert [one.containers[0].name for one in found] == ["web", "web"]
    assert all(0 < parse_millis(one.containers[0].usage["cpu"]) < 100 for one in found)
    assert not cluster.admin.list(PodMetrics, label_selector="app=other").items


def test_a_node_uses_what_its_pods_use(cluster: Cluster) -> None:
    """The figures of nodes are the sums of those of pods."""
    pods = sum(parse_millis(c.usage["cpu"]) for p in cluster.list(PodMetrics) for c in p.containers)

    nodes = sum(parse_millis(node.usage["cpu"]) for node in cluster.list(NodeMetrics))

    assert nodes == pods


def test_a_young_pod_has_no_metrics_yet(cluster: Cluster) -> None:
    """Nothing is said of a container before it has run for a while."""
    cluster.apply(make_deployment("new", replicas=1))
    cluster.run_for(3.0)
    name = next(p.metadata.name for p in cluster.list(Pod) if p.metadata.labels["app"] == "new")

    with pytest.raises(NotFoundError):
        cluster.get(PodMetrics, name, namespace="default")


def test_a_node_out_of_reach_has_no_metrics(cluster: Cluster) -> None:
    """Whom nobody can ask says nothing, nor is anything said of its pods."""
    cluster.nodes["node-1"].link.cut()

    assert [node.metadata.name for node in cluster.list(NodeMetrics)] == ["control-plane", "node-2"]
    pods = {pod.metadata.name: pod.spec.node_name for pod in cluster.list(Pod)}
    assert {pods[one.metadata.name] for one in cluster.list(PodMetrics)} == {"node-2"}


def test_history_is_told_by_container(cluster: Cluster) -> None:
    """The last minutes of a pod and of a node can be read as lists."""
    pod = cluster.list(Pod)[0]

    series = cluster.get(UsageSeries, pod.metadata.name, namespace="default").status
    node = cluster.get(UsageSeries, "node.node-1", namespace="kube-system").status

    assert len(series["recent"]["cpu"]) == len(series["containers"]["web"]["cpu"]) >= 3
    assert len(node["recent"]["memory"]) >= 4


def test_work_shows_in_the_figures(cluster: Cluster) -> None:
    """CPU spent on requests is used in the window after it, and not later."""
    pod = cluster.list(Pod)[0]
    runtime = cluster.nodes[pod.spec.node_name].runtime
    before = parse_millis(
        cluster.get(PodMetrics, pod.metadata.name, namespace="default").containers[0].usage["cpu"]
    )
    for _ in range(30):
        cluster.run_for(1.0)
        runtime.work(pod.metadata.uid, 200.0)  # type: ignore[attr-defined]  # simulated
    during = cluster.get(PodMetrics, pod.metadata.name, namespace="default").containers[0].usage
    cluster.run_for(60.0)
    after = cluster.get(PodMetrics, pod.metadata.name, namespace="default").containers[0].usage

    assert parse_millis(during["cpu"]) > 150 + before
    assert parse_millis(after["cpu"]) < 50


def test_memory_of_a_series_is_bounded() -> None:
    """However long a container runs, a quarter of an hour and a day in outline are kept."""
    series = Series()

    for at in range(0, 200_000, 5):
        series.add(Sample(float(at), at, 1))

    assert len(list(series.recent)) == RECENT
    assert len(list(series.coarse)) == 288
    assert next(series.recent.newest()).cpu == 199_995


def test_measured_rates_are_means_of_a_window() -> None:
    """One busy moment does not count as a busy quarter of a minute."""
    source = Measured()
    for at, cpu in ((5.0, 0), (10.0, 300), (15.0, 0)):
        source.report(at, [ContainerUsage(pod=POD, name="web", cpu=cpu, memory=10)])

    assert source.usage_of("u1", now=16.0)["web"].cpu == 100


def test_who_is_measured_no_more_is_forgotten() -> None:
    """A container that has gone leaves nothing behind."""
    source = Measured()
    source.report(0.0, [ContainerUsage(pod=POD, name="web", cpu=5, memory=10)])

    source.report(FORGET + 1, [])

    assert source.history("u1", now=100.0, is_coarse=False) == {}


def test_requests_for_cpu_and_memory_are_obeyed(cluster: Cluster) -> None:
    """/cpu and /memory of a simulated demo server show in its figures."""
    pod = cluster.list(Pod)[0]
    runtime = cluster.nodes[pod.spec.node_name].runtime
    assert isinstance(runtime, SimulatedRuntime)
    container = pod.status.container_statuses[0].container_id.rpartition("://")[2]
    site = Site(
        pod="web",
        version="v1",
        is_demo=True,
        work=lambda seconds, cores: runtime.carry_out(
            Busy(container_id=container, seconds=seconds, cores=cores)
        ),
        hold=lambda count: runtime.carry_out(Holding(container_id=container, bytes=count)),
    )

    said = [
        answer(path, site)[0] for path in ("/cpu?seconds=60&workers=2", "/memory?bytes=99999999")
    ]
    cluster.run_for(45.0)
    usage = cluster.get(PodMetrics, pod.metadata.name, namespace="default").containers[0].usage

    assert said == [202, 200]
    assert parse_millis(usage["cpu"]) > 1900
    assert parse_int(usage["memory"]) > 99_000_000
    assert answer("/cpu?seconds=many", site)[0] == 400

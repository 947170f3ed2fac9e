"""Requests are counted under names that we chose, not under those that clients invent."""

from engine.adapters.http.limits import InFlight, Limits
from engine.adapters.http.metrics import ServerMetrics
from engine.adapters.http.routes import parse_target
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes


def test_what_is_not_served_is_counted_under_one_name() -> None:
    """A client that asks for a thousand invented things adds one line to the figures."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    metrics = ServerMetrics(cluster.server, InFlight(Limits()))

    for number in range(1000):
        path = f"/api/v1/namespaces/default/pods/web/invented-{number}"
        target = parse_target(path, cluster.server.scheme)
        assert target is not None
        metrics.observe("GET", target, 404, 0.0)
        metrics.observe(f"INVENT{number}", target, 405, 0.0)

    counts = [
        line for line in metrics.text().decode().splitlines() if "apiserver_request_total{" in line
    ]
    assert [line.rpartition(" ")[2] for line in counts] == ["1000.0", "1000.0"]
    assert all('subresource="other"' in line for line in counts)


def test_what_is_served_keeps_its_name() -> None:
    """Scrapers ask for logs and statuses by name."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    metrics = ServerMetrics(cluster.server, InFlight(Limits()))
    target = parse_target("/api/v1/namespaces/default/pods/web/log", cluster.server.scheme)
    assert target is not None

    metrics.observe("GET", target, 200, 0.0)

    assert 'subresource="log"' in metrics.text().decode()

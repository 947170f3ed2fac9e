"""Load objects on a simulated cluster: requests follow the rules, use CPU, fail where nobody is."""

from typing import Any

from engine.api.codec import encode
from engine.api.load import Load
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.load.histogram import Histogram
from engine.scenario.actions import apply_yaml

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "localhost/kubarium/demo:v1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def _cluster() -> Cluster:
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    cluster.start()
    cluster.run_for(5.0)
    apply_yaml(cluster.admin, WEB, "default")
    cluster.run_for(20.0)
    return cluster


def _load(cluster: Cluster, spec: str) -> None:
    text = f"apiVersion: kubarium.dev/v1\nkind: Load\nmetadata: {{name: l}}\nspec: {{{spec}}}"
    apply_yaml(cluster.admin, text, "default")


def _status(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = encode(cluster.get(Load, "l", namespace="default"))["status"]
    return found


def test_requests_are_spread_and_measured() -> None:
    """Each endpoint gets its share, the latency is known, the load ends at its time."""
    cluster = _cluster()

    _load(cluster, "service: web, rate: 20, durationSeconds: 10")
    cluster.run_for(15.0)

    status = _status(cluster)
    assert status["phase"] == "Done"
    assert status["requests"] in range(195, 201)
    assert status["errors"] == 0
    counts = [endpoint["requests"] for endpoint in status["endpoints"]]
    assert len(counts) == 2
    assert abs(counts[0] - counts[1]) <= 2
    assert 0 < status["latency"]["p50"] <= status["latency"]["p99"]


def test_more_than_the_pods_can_take_waits_and_fails() -> None:
    """Latency rises first, then requests time out."""
    cluster = _cluster()

    _load(cluster, "service: web, rate: 900, durationSeconds: 30, timeoutSeconds: 2")
    cluster.run_for(35.0)

    status = _status(cluster)
    assert status["reasons"].get("timeout", 0) > 0
    assert status["latency"]["p99"] > 1000


def test_a_service_that_is_not_there_refuses() -> None:
    """Without an endpoint every request is an error; without a service nothing is sent."""
    cluster = _cluster()

    _load(cluster, "service: nobody, rate: 10, durationSeconds: 3")
    cluster.run_for(6.0)

    assert _status(cluster)["reasons"] == {"connection refused": _status(cluster)["requests"]}


def test_a_wrong_load_says_what_is_wrong() -> None:
    """The status names the field."""
    cluster = _cluster()

    _load(cluster, "service: web, pattern: zigzag")
    cluster.run_for(3.0)

    assert _status(cluster)["phase"] == "Failed"
    assert "zigzag" in _status(cluster)["message"]


def test_deleting_a_load_ends_it() -> None:
    """Nothing is sent any more, and nothing is left to report."""
    cluster = _cluster()
    _load(cluster, "service: web, rate: 10")
    cluster.run_for(5.0)

    cluster.admin.delete(Load, "l", namespace="default")
    cluster.run_for(5.0)

    assert cluster.list(Load) == ()


def test_percentiles_are_exact_to_four_percent() -> None:
    """However many latencies there are."""
    histogram = Histogram()
    for number in range(1, 1001):
        histogram.add(number / 1000)

    assert abs(histogram.percentile(0.5) - 0.5) < 0.02
    assert abs(histogram.percentile(0.99) - 0.99) < 0.04
    assert histogram.max == 1.0

"""kubectl top, kubectl autoscale and the metrics APIs, with the newest kubectl."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.served import Served

pytestmark = [pytest.mark.kubectl, pytest.mark.timeout(240)]

OBJECTS = """
apiVersion: kubarium.dev/v1
kind: Metric
metadata: {name: queue}
spec: {metric: queue_length, labels: {queue: orders}, value: "42"}
---
apiVersion: kubarium.dev/v1
kind: Metric
metadata: {name: rate}
spec:
  metric: http_requests
  describedObject: {kind: Pod}
  selector: {matchLabels: {app: hello}}
  value: "60"
  shared: true
---
apiVersion: kubarium.dev/v1
kind: Load
metadata: {name: customers}
spec: {service: hello, rate: 20, cpuMillis: 10}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo on simulated containers, ten times as fast, with traffic and metrics."""
    folder = tmp_path_factory.mktemp("autoscaling")
    server = Served.start(folder, "--demo", "--speed", "10", runtime="simulated")
    server.kubectl("rollout", "status", "deployment/hello", "--timeout=30s")
    server.kubectl("apply", "-f", "-", stdin=OBJECTS)
    yield server
    errors = server.stop()
    assert "Traceback" not in errors


def eventually(served: Served, *command: str, has: str) -> str:
    """The output of a command once it contains *has*; at most 40 seconds."""
    until = time.monotonic() + 40.0
    while True:
        try:
            found = served.kubectl(*command)
        except AssertionError as error:
            found = str(error)
        if has in found or time.monotonic() > until:
            assert has in found
            return found
        time.sleep(0.3)


def raw(served: Served, path: str) -> Any:
    """What a path answers."""
    return json.loads(served.kubectl("get", "--raw", path))


def test_top_shows_what_is_used(served: Served) -> None:
    """Pods, containers and nodes, with numbers."""
    pods = eventually(served, "top", "pods", has="hello-")
    containers = served.kubectl("top", "pods", "--containers")
    nodes = served.kubectl("top", "nodes")

    assert "CPU(cores)" in pods
    assert " web " in containers
    assert {line.split()[0] for line in nodes.splitlines()[1:]} >= {"node-1", "node-2", "node-3"}


def test_metrics_of_pods_are_a_table(served: Served) -> None:
    """The columns of metrics-server; selected by label."""
    eventually(served, "top", "pods", has="hello-")
    table = served.kubectl("get", "pods.metrics.k8s.io", "-l", "app=hello")
    none = served.kubectl("get", "podmetrics", "-l", "app=none", "-o", "name")

    assert table.splitlines()[0].split() == ["NAME", "CPU", "MEMORY", "WINDOW"]
    assert none.strip() == ""


def test_autoscale_follows_traffic(served: Served) -> None:
    """Made with one command, seen in its columns, explained by describe."""
    eventually(served, "top", "pods", has="hello-")
    served.kubectl("autoscale", "deployment", "hello", "--cpu-percent=50", "--min=2", "--max=6")

    table = eventually(served, "get", "hpa", "hello", has="%/50%")
    described = eventually(served, "describe", "hpa", "hello", has="SuccessfulRescale")

    assert "Deployment/hello" in table
    assert "cpu: " in table
    assert "ValidMetricFound" in described
    assert "the HPA was able to successfully calculate a replica count" in described


def test_custom_and_external_metrics_are_served(served: Served) -> None:
    """As an adapter would: lists of values, and what there is."""
    external = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue_length"
    custom = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/http_requests"

    (queue,) = raw(served, f"{external}?labelSelector=queue%3Dorders")["items"]
    values = raw(served, custom)["items"]
    known = raw(served, "/apis/custom.metrics.k8s.io/v1beta2")["resources"]

    assert (queue["metricName"], queue["value"]) == ("queue_length", "42")
    assert {one["describedObject"]["kind"] for one in values} == {"Pod"}
    assert [one["name"] for one in known] == ["pods/http_requests"]

"""The metrics APIs are found by clients that look what there is."""

from typing import Any

import orjson
import pytest

from engine.adapters.http.documents import Documents
from engine.api.autoscaling_v2 import CrossVersionObjectReference
from engine.api.core import Namespace
from engine.api.kubarium import Metric, MetricSpec
from engine.api.meta import ObjectMeta
from engine.apiserver.discovery import aggregated_content_type
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

REQUEST = RequestInfo(user="test")


@pytest.fixture
def server() -> ApiServer:
    """A server without any metric."""
    loop = Loop(now=1_700_000_000.0)
    made = ApiServer(loop, Store(loop), RandomStreams(3))
    made.create(Namespace(metadata=ObjectMeta(name="default")), request=REQUEST)
    return made


def told(server: ApiServer, name: str, described: CrossVersionObjectReference | None) -> None:
    """Tell a metric called *name*."""
    spec = MetricSpec(metric=name, value="1", described_object=described)
    made = Metric(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)
    server.create(made, request=REQUEST)


def answer(documents: Documents, path: str, accept: str = "") -> Any:
    """The document at *path*."""
    found = documents.answer(path, accept, {})
    assert found is not None
    return orjson.loads(found.body)


def test_the_groups_are_listed_with_their_versions(server: ApiServer) -> None:
    """Beside those of objects."""
    documents = Documents(server)

    groups = {one["name"]: one for one in answer(documents, "/apis")["groups"]}

    assert groups["custom.metrics.k8s.io"]["preferredVersion"]["version"] == "v1beta2"
    assert groups["external.metrics.k8s.io"]["versions"][0]["version"] == "v1beta1"
    assert "/apis/external.metrics.k8s.io/v1beta1" in answer(documents, "/")["paths"]


def test_metrics_are_discovered_as_they_are_told(server: ApiServer) -> None:
    """The aggregated document follows them."""
    documents = Documents(server)
    accept = aggregated_content_type("v2")
    answer(documents, "/apis", accept)
    told(server, "queue", None)
    told(server, "requests", CrossVersionObjectReference(kind="Pod", name="x", api_version="v1"))

    items = answer(documents, "/apis", accept)["items"]

    resources = {item["metadata"]["name"]: item["versions"][0]["resources"] for item in items}
    (external,) = resources["external.metrics.k8s.io"]
    (custom,) = resources["custom.metrics.k8s.io"]
    assert (external["resource"], external["verbs"]) == ("queue", ["get"])
    assert (custom["resource"], custom["subresources"][0]["subresource"]) == ("pods", "requests")

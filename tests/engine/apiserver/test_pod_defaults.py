"""What is filled in when a pod says what it takes as a whole."""

from typing import Any

import pytest

from engine.api.codec import decode, encode
from engine.api.pod import Pod
from engine.apiserver.defaults import default_pod


@pytest.mark.parametrize(
    ("whole", "asked", "requests"),
    [
        pytest.param({"limits": {"cpu": "1"}}, {}, {"cpu": "1"}, id="as the limits"),
        pytest.param(
            {"limits": {"cpu": "1", "memory": "64Mi"}},
            {"cpu": "100m"},
            {"cpu": "100m", "memory": "64Mi"},
            id="as its containers, where they ask",
        ),
        pytest.param({"requests": {"cpu": "2"}}, {}, {"cpu": "2"}, id="without limits nothing"),
    ],
)
def test_limits_of_a_pod_bring_its_requests(
    whole: dict[str, Any], asked: dict[str, str], requests: dict[str, str]
) -> None:
    """The scheduler then counts what the pod asks as a whole."""
    container = {"name": "c", "image": "x", "resources": {"requests": asked}}
    spec = {"resources": whole, "containers": [container]}
    pod = decode({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert isinstance(pod, Pod)

    assert encode(default_pod(pod))["spec"]["resources"]["requests"] == requests


def test_a_grpc_probe_names_its_service() -> None:
    """The empty one unless it names another; clients rely on it being there."""
    probes = {
        "livenessProbe": {"grpc": {"port": 1}},
        "readinessProbe": {"grpc": {"port": 1, "service": "db"}},
    }
    container = {"name": "c", "image": "x", **probes}
    spec = {"containers": [container]}
    pod = decode({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert isinstance(pod, Pod)

    (found,) = encode(default_pod(pod))["spec"]["containers"]

    assert found["livenessProbe"]["grpc"]["service"] == ""
    assert found["readinessProbe"]["grpc"]["service"] == "db"

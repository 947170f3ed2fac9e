"""Quality of service and other pure parts of a pod's status."""

import pytest

from engine.api.codec import decode
from engine.api.pod import Pod
from engine.api.qos import qos_class
from engine.cri.commands import PodIdentity
from engine.kubelet.container_status import NodeFacts
from engine.kubelet.pod_state import PodState
from engine.kubelet.pod_status import compute_status

BOTH = {"cpu": "100m", "memory": "64Mi"}


def make_pod(**resources: object) -> Pod:
    """A pod of one container."""
    container = {"name": "main", "image": "x", "resources": resources}
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default", "uid": "u"},
            "spec": {"containers": [container]},
            "status": {
                "conditions": [{"type": "PodScheduled", "status": "True"}],
                "nominatedNodeName": "other",
            },
        }
    )
    assert isinstance(pod, Pod)
    return pod


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param({}, "BestEffort", id="nothing"),
        pytest.param({"requests": {"cpu": "0"}}, "BestEffort", id="zero"),
        pytest.param({"requests": BOTH}, "Burstable", id="requests"),
        pytest.param({"limits": BOTH}, "Guaranteed", id="limits-are-requests"),
        pytest.param({"limits": BOTH, "requests": {"cpu": "0.1"}}, "Guaranteed", id="same-value"),
        pytest.param({"limits": BOTH, "requests": {"cpu": "50m"}}, "Burstable", id="below-limit"),
    ],
)
def test_quality_of_service(resources: dict[str, object], expected: str) -> None:
    """The class follows from requests and limits of CPU and memory."""
    assert qos_class(make_pod(**resources).spec) == expected


def test_what_others_wrote_stays() -> None:
    """Conditions and fields that are not the kubelet's are carried over."""
    pod = make_pod()
    state = PodState(identity=PodIdentity(namespace="default", name="web", uid="u"))

    status = compute_status(pod, state, node=NodeFacts(), now=100.7)

    assert status.conditions[-1].type == "PodScheduled"
    assert status.nominated_node_name == "other"


def test_status_is_stable() -> None:
    """Computed again from its own result, later, the status is the same."""
    pod = make_pod()
    state = PodState(identity=PodIdentity(namespace="default", name="web", uid="u"))
    first = compute_status(pod, state, node=NodeFacts(), now=100.7)
    again = Pod(metadata=pod.metadata, spec=pod.spec, status=first)

    assert compute_status(again, state, node=NodeFacts(), now=200.0) == first


def test_the_class_follows_the_resources_of_the_pod_as_a_whole() -> None:
    """Where a pod has resources of its own, those of its containers do not count."""
    limits = {"cpu": "1", "memory": "1Gi"}
    spec = {"resources": {"limits": limits}, "containers": [{"name": "a", "image": "demo"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    pod = decode(body)

    assert isinstance(pod, Pod)
    assert qos_class(pod.spec) == "Guaranteed"

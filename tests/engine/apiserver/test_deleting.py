"""What deleting and evicting promise."""

import attrs
import pytest

from engine.api.codec import decode
from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import (
    ConflictError,
    NotFoundError,
    TooManyRequestsError,
)
from engine.apiserver.request import DeleteOptions, RequestInfo
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.objects import make_deployment, make_pod

MERGE = "application/merge-patch+json"


def test_a_running_pod_ends_gracefully(server: ApiServer, request_info: RequestInfo) -> None:
    """Deletion only marks it; the kubelet's deletion without grace takes it away."""
    server.create(make_pod(node="node-1"), request=request_info)

    marked = server.delete(Pod, "web", namespace="default", request=request_info)
    gone = server.delete(
        Pod,
        "web",
        namespace="default",
        options=DeleteOptions(grace_period_seconds=0),
        request=request_info,
    )

    assert marked is not None
    assert marked.metadata.deletion_timestamp == Time(1_700_000_030)
    assert gone is None
    with pytest.raises(NotFoundError):
        server.get(Pod, "web", namespace="default", request=request_info)


def test_a_pod_without_a_node_goes_at_once(server: ApiServer, request_info: RequestInfo) -> None:
    """Nobody has to end it."""
    server.create(make_pod(), request=request_info)

    assert server.delete(Pod, "web", namespace="default", request=request_info) is None


def test_finalizers_hold_what_is_deleted(server: ApiServer, request_info: RequestInfo) -> None:
    """The object goes when the last finalizer is taken away, and not before."""
    obj = ConfigMap(
        metadata=ObjectMeta(name="held", namespace="default", finalizers=("example.com/x",))
    )
    server.create(obj, request=request_info)

    held = server.delete(ConfigMap, "held", namespace="default", request=request_info)
    assert held is not None
    server.update(
        attrs.evolve(held, metadata=attrs.evolve(held.metadata, finalizers=())),
        request=request_info,
    )

    with pytest.raises(NotFoundError):
        server.get(ConfigMap, "held", namespace="default", request=request_info)


def test_foreground_deletion_leaves_the_object_to_the_collector(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """It stays with the finalizer that the garbage collector removes."""
    server.create(make_deployment(), request=request_info)

    left = server.delete(
        type(make_deployment()),
        "web",
        namespace="default",
        options=DeleteOptions(propagation_policy="Foreground"),
        request=request_info,
    )

    assert left is not None
    assert left.metadata.finalizers == ("foregroundDeletion",)


def test_a_precondition_that_does_not_hold_refuses(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Deleting another incarnation than the one meant is a conflict."""
    server.create(make_pod(), request=request_info)

    with pytest.raises(ConflictError, match="UID in the precondition"):
        server.delete(
            Pod,
            "web",
            namespace="default",
            options=DeleteOptions(uid="other"),
            request=request_info,
        )


def test_an_eviction_respects_the_budget(server: ApiServer, request_info: RequestInfo) -> None:
    """Without a disruption to spend the pod stays, and the caller is told to try again."""
    made = server.create(make_pod(node="node-1", app="web"), request=request_info)
    running = attrs.evolve(made, status=attrs.evolve(made.status, phase="Running"))
    server.update(running, subresource="status", request=request_info)
    server.create(
        decode(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            }
        ),
        request=request_info,
    )

    with pytest.raises(TooManyRequestsError):
        server.evict("web", namespace="default", request=request_info)

    pod = server.get(Pod, "web", namespace="default", request=request_info)
    assert pod.metadata.deletion_timestamp is None


def test_an_eviction_says_so_in_the_status_of_the_pod(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The condition is there before the pod goes; a dry run leaves none."""
    server.create(make_pod(node="node-1"), request=request_info)

    server.evict("web", namespace="default", request=request_info, dry_run=True)
    before = server.get(Pod, "web", namespace="default", request=request_info)
    server.evict("web", namespace="default", request=request_info)

    after = server.get(Pod, "web", namespace="default", request=request_info)
    assert before.status.conditions == ()
    assert after.metadata.deletion_timestamp is not None
    (condition,) = after.status.conditions
    assert (condition.type, condition.status) == ("DisruptionTarget", "True")
    assert condition.reason == "EvictionByEvictionAPI"
    assert condition.message == "Eviction API: evicting"

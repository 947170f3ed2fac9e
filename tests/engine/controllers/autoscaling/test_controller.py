"""The autoscaler on a cluster: what it scales, what it says, what it does when it cannot tell."""

from typing import Any

import pytest

from engine.api.apps import Deployment
from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.codec import decode
from engine.api.events import Event
from engine.api.kubarium import Metric
from engine.api.load import Load
from engine.api.meta import condition_of
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_deployment, make_service

CPU: dict[str, Any] = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
}


@pytest.fixture
def cluster() -> Cluster:
    """A cluster with the deployment and the service ``web``; its one pod requests 100m."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(3)))
    made.start()
    made.run_for(5.0)
    made.apply(make_deployment("web", replicas=1, cpu=100), make_service("web"))
    made.run_for(40.0)
    return made


def autoscale(cluster: Cluster, *metrics: dict[str, Any], name: str = "web", **spec: Any) -> None:
    """Make an autoscaler for ``web``, from 1 to 5, that shrinks at once."""
    given = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": list(metrics or (CPU,)),
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    } | spec
    document = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "default"},
        "spec": given,
    }
    cluster.apply(decode(document))


def tell(cluster: Cluster, name: str, **spec: Any) -> None:
    """Write a Metric."""
    document = {
        "apiVersion": "kubarium.dev/v1",
        "kind": "Metric",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }
    cluster.apply(decode(document))


def found(cluster: Cluster, name: str = "web") -> HorizontalPodAutoscaler:
    """The autoscaler."""
    return cluster.get(HorizontalPodAutoscaler, name, namespace="default")


def replicas(cluster: Cluster) -> int:
    """How many replicas ``web`` should have."""
    return cluster.get(Deployment, "web", namespace="default").spec.replicas or 0


def highest(cluster: Cluster, *, seconds: int) -> int:
    """The most replicas that ``web`` is asked to have in the next *seconds*."""
    most = replicas(cluster)
    for _ in range(seconds // 5):
        cluster.run_for(5.0)
        most = max(most, replicas(cluster))
    return most


def reason(cluster: Cluster, condition: str, name: str = "web") -> str:
    """Status and reason of a condition."""
    one = condition_of(found(cluster, name).status.conditions, condition)
    return "" if one is None else f"{one.status} {one.reason}"


def events(cluster: Cluster) -> dict[str, str]:
    """Messages of the autoscaler's events by reason."""
    return {
        event.reason: event.message
        for event in cluster.list(Event)
        if event.involved_object.kind == "HorizontalPodAutoscaler"
    }


def test_traffic_is_followed_up_and_down(cluster: Cluster) -> None:
    """Requests use CPU, replicas come; without requests they go."""
    autoscale(cluster)
    load = {
        "apiVersion": "kubarium.dev/v1",
        "kind": "Load",
        "metadata": {"name": "customers", "namespace": "default"},
        "spec": {"service": "web", "rate": 20, "cpuMillis": 10},
    }
    cluster.apply(decode(load))
    # 200m of use against 60% of 100m come to 3.3 pods: what is measured decides how often the
    # number goes back to 3 for a while, and in which seconds.
    peak = highest(cluster, seconds=180)
    cluster.admin.delete(Load, "customers", namespace="default")
    cluster.run_for(120.0)

    assert peak in (4, 5)
    assert replicas(cluster) == 1
    said = [e.message for e in cluster.list(Event) if e.reason == "SuccessfulRescale"]
    above = "reason: cpu resource utilization (percentage of request) above target"
    assert any(message.endswith(above) for message in said)
    assert "New size: 1; reason: All metrics below target" in said


def test_the_status_tells_what_was_seen(cluster: Cluster) -> None:
    """Present values, the wish, and conditions in Kubernetes' words."""
    autoscale(cluster)
    cluster.run_for(20.0)

    status = found(cluster).status
    current = status.current_metrics[0].resource
    assert current is not None
    assert current.current.average_utilization is not None
    assert (status.current_replicas, status.desired_replicas) == (1, 1)
    assert reason(cluster, "AbleToScale") == "True ReadyForNewScale"
    assert reason(cluster, "ScalingActive") == "True ValidMetricFound"
    assert {one.type: one.message for one in status.conditions if one.type != "ScalingLimited"} == {
        "AbleToScale": "recommended size matches current size",
        "ScalingActive": "the HPA was able to successfully calculate a replica count from cpu "
        "resource utilization (percentage of request)",
    }
    assert reason(cluster, "ScalingLimited") in (
        "False DesiredWithinRange",
        "True TooFewReplicas",
    )


def test_bounds_are_kept_without_metrics(cluster: Cluster) -> None:
    """Fewer than the fewest, more than the most: that needs no figures."""
    autoscale(cluster, minReplicas=3)
    cluster.run_for(20.0)
    few = replicas(cluster)
    patch = {"spec": {"replicas": 9}}
    cluster.admin.patch(Deployment, "web", patch, namespace="default")
    cluster.run_for(16.0)

    assert (few, replicas(cluster)) == (3, 5)
    said = [e.message for e in cluster.list(Event) if e.reason == "SuccessfulRescale"]
    assert "New size: 3; reason: Current number of replicas below Spec.MinReplicas" in said
    assert "New size: 5; reason: Current number of replicas above Spec.MaxReplicas" in said


def test_zero_replicas_switch_it_off(cluster: Cluster) -> None:
    """What somebody has scaled to nothing stays at nothing."""
    cluster.admin.patch(Deployment, "web", {"spec": {"replicas": 0}}, namespace="default")
    autoscale(cluster)
    cluster.run_for(20.0)

    assert replicas(cluster) == 0
    assert reason(cluster, "ScalingActive") == "False ScalingDisabled"


def test_a_target_that_is_not_there(cluster: Cluster) -> None:
    """FailedGetScale, as condition and event."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}
    autoscale(cluster, scaleTargetRef=target)
    cluster.run_for(20.0)

    assert reason(cluster, "AbleToScale") == "False FailedGetScale"
    assert events(cluster)["FailedGetScale"] == 'deployments/scale.apps "none" not found'


def test_without_requests_there_is_no_percentage(cluster: Cluster) -> None:
    """The message names the container and the pod."""
    cluster.apply(make_deployment("bare", replicas=1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "bare"}
    autoscale(cluster, name="bare", scaleTargetRef=target)
    cluster.run_for(40.0)

    assert reason(cluster, "ScalingActive", "bare") == "False FailedGetResourceMetric"
    message = events(cluster)["FailedComputeMetricsReplicas"]
    assert "missing request for cpu in container web of Pod bare-" in message
    assert message.startswith("invalid metrics (1 invalid out of 1), first error is: ")


def test_two_for_the_same_pods_do_nothing(cluster: Cluster) -> None:
    """Autoscalers that would fight say so instead."""
    autoscale(cluster)
    autoscale(cluster, name="other")
    cluster.run_for(50.0)

    assert reason(cluster, "ScalingActive") == "False AmbiguousSelector"
    assert "controlled by multiple HPAs" in events(cluster)["AmbiguousSelector"]


def test_container_resource(cluster: Cluster) -> None:
    """One container of each pod is looked at."""
    target = {"type": "Utilization", "averageUtilization": 60}
    source = {"name": "cpu", "container": "web", "target": target}
    autoscale(cluster, {"type": "ContainerResource", "containerResource": source})
    cluster.run_for(20.0)

    current = found(cluster).status.current_metrics[0].container_resource
    assert current is not None
    assert current.container == "web"


def test_pods_metric_of_a_shared_value(cluster: Cluster) -> None:
    """60 requests a second, at most 20 for each pod, make three pods."""
    tell(
        cluster,
        "requests",
        metric="http_requests",
        describedObject={"kind": "Pod"},
        selector={"matchLabels": {"app": "web"}},
        value="60",
        shared=True,
    )
    target = {"type": "AverageValue", "averageValue": "20"}
    autoscale(
        cluster, {"type": "Pods", "pods": {"metric": {"name": "http_requests"}, "target": target}}
    )
    cluster.run_for(60.0)

    current = found(cluster).status.current_metrics[0].pods
    assert replicas(cluster) == 3
    assert current is not None
    assert current.current.average_value == "20"


def test_object_metric(cluster: Cluster) -> None:
    """A value of one object against a target."""
    tell(
        cluster,
        "rate",
        metric="hits",
        describedObject={"apiVersion": "v1", "kind": "Service", "name": "web"},
        value="30",
    )
    described = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    source = {
        "metric": {"name": "hits"},
        "describedObject": described,
        "target": {"type": "Value", "value": "10"},
    }
    autoscale(cluster, {"type": "Object", "object": source})
    cluster.run_for(16.0)

    assert replicas(cluster) == 3
    message = events(cluster)["SuccessfulRescale"]
    assert message == "New size: 3; reason: Service metric hits above target"


def test_external_metric_of_a_selector(cluster: Cluster) -> None:
    """The series that are selected are added up and shared among the pods."""
    for queue, value in (("orders", "70"), ("mail", "500")):
        tell(cluster, queue, metric="queue_length", labels={"queue": queue}, value=value)
    metric = {"name": "queue_length", "selector": {"matchLabels": {"queue": "orders"}}}
    target = {"type": "AverageValue", "averageValue": "20"}
    autoscale(cluster, {"type": "External", "external": {"metric": metric, "target": target}})
    cluster.run_for(40.0)

    assert replicas(cluster) == 4


def test_the_highest_of_several_metrics_wins(cluster: Cluster) -> None:
    """CPU asks for one replica, the queue for four."""
    tell(cluster, "queue", metric="queue_length", value="40")
    target = {"type": "Value", "value": "10"}
    external = {"metric": {"name": "queue_length"}, "target": target}
    autoscale(cluster, CPU, {"type": "External", "external": external})
    cluster.run_for(20.0)

    assert replicas(cluster) == 4


def test_a_metric_that_fails_forbids_shrinking(cluster: Cluster) -> None:
    """Growing goes on, shrinking waits until everything is known."""
    cluster.admin.patch(Deployment, "web", {"spec": {"replicas": 3}}, namespace="default")
    cluster.run_for(40.0)
    missing = {"metric": {"name": "nothing"}, "target": {"type": "Value", "value": "10"}}
    autoscale(cluster, CPU, {"type": "External", "external": missing})
    cluster.run_for(40.0)
    before = replicas(cluster)
    tell(cluster, "nothing", metric="nothing", value="1")
    cluster.run_for(40.0)

    assert before == 3
    assert replicas(cluster) == 2 or replicas(cluster) == 1
    assert (
        "unable to get external metric default/nothing/nil"
        in (events(cluster)["FailedGetExternalMetric"])
    )


def test_metrics_of_ours_can_be_listed(cluster: Cluster) -> None:
    """A Metric is an object as any other."""
    tell(cluster, "queue", metric="queue_length", value="40")

    assert [one.spec.metric for one in cluster.list(Metric)] == ["queue_length"]

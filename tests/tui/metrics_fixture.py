"""An autoscaler of the demo's cache, and what its pods have used."""

from collections.abc import Iterable
from math import sin
from typing import Any

from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.codec import decode_as, format_time
from engine.api.frozen import FrozenDict, freeze
from engine.api.kubarium import UsageSeries
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Time


def metrics_objects(nodes: Iterable[Node], pods: Iterable[Pod], now: float) -> list[ApiObject]:
    """The autoscaler, and figures of every node and running pod."""
    found: list[ApiObject] = [_autoscaler(now)]
    for number, node in enumerate(nodes):
        usage = FrozenDict({"cpu": f"{310 + number * 45}m", "memory": f"{700 + number * 90}Mi"})
        found.append(
            NodeMetrics(
                metadata=ObjectMeta(name=node.metadata.name),
                timestamp=Time(now - 7),
                window="15s",
                usage=usage,
            )
        )
    for number, pod in enumerate(pods):
        if pod.status.phase != "Running":
            continue
        meta = ObjectMeta(name=pod.metadata.name, namespace=pod.metadata.namespace)
        cpu = [40 + round(20 * sin(step / 5 + number)) for step in range(60)]
        series = {"seconds": 15, "cpu": cpu, "memory": [(20 + number) * 2**20] * 60}
        found.append(UsageSeries(metadata=meta, status=freeze({"recent": series})))
        usage = FrozenDict({"cpu": f"{cpu[-1]}m", "memory": f"{20 + number}Mi"})
        found.append(
            PodMetrics(
                metadata=meta,
                timestamp=Time(now - 7),
                window="15s",
                containers=(ContainerMetrics(name="web", usage=usage),),
            )
        )
    return found


def _autoscaler(now: float) -> HorizontalPodAutoscaler:
    def condition(type_: str, status: str, reason: str, message: str) -> dict[str, Any]:
        return {"type": type_, "status": status, "reason": reason, "message": message}

    calculated = (
        "the HPA was able to successfully calculate a replica count from cpu resource utilization "
        "(percentage of request)"
    )
    document: dict[str, Any] = {
        "metadata": {"name": "cache", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cache"},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 60},
                    },
                }
            ],
        },
        "status": {
            "currentReplicas": 3,
            "desiredReplicas": 5,
            "lastScaleTime": format_time(now - 4),
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "current": {"averageUtilization": 97, "averageValue": "48m"},
                    },
                }
            ],
            "conditions": [
                condition(
                    "AbleToScale",
                    "True",
                    "SucceededRescale",
                    "the HPA controller was able to update the target scale to 5",
                ),
                condition("ScalingActive", "True", "ValidMetricFound", calculated),
                condition(
                    "ScalingLimited",
                    "False",
                    "DesiredWithinRange",
                    "the desired count is within the acceptable range",
                ),
            ],
        },
    }
    return decode_as(HorizontalPodAutoscaler, document)

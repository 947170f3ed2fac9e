"""Objects for tests: each builder takes only what the test is about."""

from collections.abc import Mapping

from engine.api.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    RollingUpdateDeployment,
)
from engine.api.container import Container, HTTPGetAction, Probe, ResourceRequirements, Toleration
from engine.api.core import Service, ServicePort, ServiceSpec
from engine.api.frozen import FrozenDict
from engine.api.meta import LabelSelector, ObjectMeta
from engine.api.pod import Pod, PodSpec, PodTemplateSpec

DEMO = "localhost/kubarium/demo:v1"

QUICK_TOLERATIONS = tuple(
    Toleration(
        key=f"node.kubernetes.io/{state}",
        operator="Exists",
        effect="NoExecute",
        toleration_seconds=5,
    )
    for state in ("unreachable", "not-ready")
)


def make_pod_spec(
    *, image: str = DEMO, cpu: int = 0, memory: int = 0, is_probed: bool = False
) -> PodSpec:
    """One container; *cpu* in millicores and *memory* in bytes are its requests."""
    requests = {}
    if cpu:
        requests["cpu"] = f"{cpu}m"
    if memory:
        requests["memory"] = str(memory)
    probe = Probe(http_get=HTTPGetAction(path="/readyz", port=8080), period_seconds=1)
    return PodSpec(
        containers=(
            Container(
                name="web",
                image=image,
                resources=ResourceRequirements(requests=FrozenDict(requests)),
                readiness_probe=probe if is_probed else None,
            ),
        ),
        tolerations=QUICK_TOLERATIONS,
        termination_grace_period_seconds=1,
    )


def make_pod(
    name: str,
    *,
    namespace: str = "default",
    image: str = DEMO,
    cpu: int = 0,
    labels: Mapping[str, str] | None = None,
) -> Pod:
    """A pod of one container."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, labels=FrozenDict(labels or {})),
        spec=make_pod_spec(image=image, cpu=cpu),
    )


def make_deployment(
    name: str,
    *,
    replicas: int = 3,
    image: str = DEMO,
    cpu: int = 0,
    max_surge: int | str | None = None,
    max_unavailable: int | str | None = None,
    strategy: str = "RollingUpdate",
    is_probed: bool = False,
) -> Deployment:
    """A deployment whose pods carry ``app: NAME``."""
    labels = FrozenDict({"app": name})
    rolling = None
    if strategy == "RollingUpdate" and (max_surge is not None or max_unavailable is not None):
        rolling = RollingUpdateDeployment(max_surge=max_surge, max_unavailable=max_unavailable)
    return Deployment(
        metadata=ObjectMeta(name=name, namespace="default", labels=labels),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels),
                spec=make_pod_spec(image=image, cpu=cpu, is_probed=is_probed),
            ),
            strategy=DeploymentStrategy(type=strategy, rolling_update=rolling),
        ),
    )


def make_service(name: str, *, port: int = 80, target_port: int | str = 8080) -> Service:
    """A service for the pods that carry ``app: NAME``."""
    return Service(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=ServiceSpec(
            selector=FrozenDict({"app": name}),
            ports=(ServicePort(port=port, target_port=target_port),),
        ),
    )

"""Deployments and ReplicaSets with only the numbers that a decision looks at."""

from engine.api.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.wire import IntOrString, Time
from engine.controllers.deployment.revisions import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    REVISION,
    ReplicaSets,
)

NO_STATUS = DeploymentStatus()


def a_deployment(
    replicas: int,
    *,
    surge: IntOrString = 0,
    unavailable: IntOrString = 0,
    kind: str = "RollingUpdate",
    deadline: int | None = 600,
    history: int | None = 10,
    status: DeploymentStatus = NO_STATUS,
) -> Deployment:
    """A Deployment called web."""
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    return Deployment(
        metadata=ObjectMeta(name="web", namespace="default", uid="web-uid", generation=1),
        spec=DeploymentSpec(
            replicas=replicas,
            strategy=DeploymentStrategy(
                type=kind, rolling_update=rolling if kind == "RollingUpdate" else None
            ),
            progress_deadline_seconds=deadline,
            revision_history_limit=history,
        ),
        status=status,
    )


def a_set(
    name: str,
    replicas: int,
    *,
    available: int | None = None,
    age: float = 0.0,
    desired: int | None = None,
    maximum: int | None = None,
    revision: int = 0,
) -> ReplicaSet:
    """A ReplicaSet, *age* seconds old at time 1000, with all pods available unless told."""
    annotations = {}
    if desired is not None:
        annotations[DESIRED_REPLICAS] = str(desired)
    if maximum is not None:
        annotations[MAX_REPLICAS] = str(maximum)
    if revision:
        annotations[REVISION] = str(revision)
    ready = replicas if available is None else available
    return ReplicaSet(
        metadata=ObjectMeta(
            name=name,
            namespace="default",
            creation_timestamp=Time(1000.0 - age),
            annotations=FrozenDict(annotations),
        ),
        spec=ReplicaSetSpec(replicas=replicas),
        status=ReplicaSetStatus(replicas=replicas, ready_replicas=ready, available_replicas=ready),
    )


def sets(new: ReplicaSet | None, *old: ReplicaSet) -> ReplicaSets:
    """A new ReplicaSet and old ones."""
    return ReplicaSets(new, old)

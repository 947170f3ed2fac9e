"""apps/v1: Deployment and ReplicaSet."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LabelSelector
from engine.api.pod import PodTemplateSpec
from engine.api.wire import IntOrString, Json, wire


@attrs.frozen(kw_only=True)
class RollingUpdateDeployment:
    """How far a rolling update may go above and below the wanted number of pods."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DeploymentStrategy:
    """RollingUpdate or Recreate."""

    type: str = ""
    rolling_update: RollingUpdateDeployment | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DeploymentSpec:
    """How many pods of which template, and how to get from one template to the next."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec = PodTemplateSpec()
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None
    paused: bool = False
    progress_deadline_seconds: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DeploymentStatus:
    """What the deployment controller last saw."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    terminating_replicas: int | None = None
    conditions: tuple[Condition, ...] = ()
    collision_count: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Deployment(ApiObject):
    """Pods of one template, updated in steps, with a history to go back to."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "Deployment"

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = wire(always=True, default=DeploymentStatus())


@attrs.frozen(kw_only=True)
class ReplicaSetSpec:
    """How many pods of which template."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec = PodTemplateSpec()
    min_ready_seconds: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ReplicaSetStatus:
    """What the replica set controller last saw."""

    replicas: int = wire(always=True, default=0)
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ReplicaSet(ApiObject):
    """A wanted number of equal pods."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "ReplicaSet"

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = wire(always=True, default=ReplicaSetStatus())

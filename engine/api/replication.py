"""core/v1: ReplicationController and PodTemplate."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition
from engine.api.pod import PodTemplateSpec
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class ReplicationControllerSpec:
    """How many pods of which template; the selector is a plain map of labels."""

    replicas: int | None = None
    min_ready_seconds: int = 0
    selector: FrozenDict[str, str] = EMPTY
    template: PodTemplateSpec | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ReplicationControllerStatus:
    """What the replication controller last saw."""

    replicas: int = wire(always=True, default=0)
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ReplicationController(ApiObject):
    """A wanted number of equal pods: what came before ReplicaSet."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ReplicationController"

    spec: ReplicationControllerSpec = wire(always=True, default=ReplicationControllerSpec())
    status: ReplicationControllerStatus = wire(always=True, default=ReplicationControllerStatus())


@attrs.frozen(kw_only=True)
class PodTemplate(ApiObject):
    """A template on its own, for controllers of others to use."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "PodTemplate"

    template: PodTemplateSpec = wire(always=True, default=PodTemplateSpec())

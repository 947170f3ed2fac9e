"""policy/v1: PodDisruptionBudget and Eviction."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector, StandardCondition
from engine.api.wire import IntOrString, Json, Time, wire


@attrs.frozen(kw_only=True)
class PodDisruptionBudgetSpec:
    """How many of the selected pods must stay, or may go, at once."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodDisruptionBudgetStatus:
    """How many disruptions are allowed now."""

    observed_generation: int = 0
    disruptions_allowed: int = wire(always=True, default=0)
    current_healthy: int = wire(always=True, default=0)
    desired_healthy: int = wire(always=True, default=0)
    expected_pods: int = wire(always=True, default=0)
    disrupted_pods: FrozenDict[str, Time] = EMPTY
    conditions: tuple[StandardCondition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodDisruptionBudget(ApiObject):
    """A promise not to evict too many pods of one application at once."""

    API_VERSION: ClassVar[str] = "policy/v1"
    KIND: ClassVar[str] = "PodDisruptionBudget"

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = wire(always=True, default=PodDisruptionBudgetStatus())

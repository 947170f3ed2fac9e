"""autoscaling/v1: Scale, the view of an object that has a number of replicas."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class ScaleSpec:
    """How many replicas are wanted."""

    replicas: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ScaleStatus:
    """How many replicas there are, and what selects their pods."""

    replicas: int = wire(always=True, default=0)
    selector: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Scale(ApiObject):
    """The number of replicas of some object, whatever its kind."""

    API_VERSION: ClassVar[str] = "autoscaling/v1"
    KIND: ClassVar[str] = "Scale"

    spec: ScaleSpec = wire(always=True, default=ScaleSpec())
    status: ScaleStatus = wire(always=True, default=ScaleStatus())

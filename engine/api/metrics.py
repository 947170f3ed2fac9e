"""metrics.k8s.io/v1beta1: what pods and nodes use at present. Worked out, never stored."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class ContainerMetrics:
    """Use of one container: quantities of cpu and memory."""

    name: str
    usage: FrozenDict[str, str] = wire(always=True, default=EMPTY)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodMetrics(ApiObject):
    """What the containers of the pod of the same name used in the *window* before *timestamp*."""

    API_VERSION: ClassVar[str] = "metrics.k8s.io/v1beta1"
    KIND: ClassVar[str] = "PodMetrics"

    timestamp: Time | None = None
    window: str = wire(always=True, default="")
    containers: tuple[ContainerMetrics, ...] = wire(always=True, default=())


@attrs.frozen(kw_only=True)
class NodeMetrics(ApiObject):
    """What the pods of the node of the same name used in the *window* before *timestamp*."""

    API_VERSION: ClassVar[str] = "metrics.k8s.io/v1beta1"
    KIND: ClassVar[str] = "NodeMetrics"

    timestamp: Time | None = None
    window: str = wire(always=True, default="")
    usage: FrozenDict[str, str] = wire(always=True, default=EMPTY)

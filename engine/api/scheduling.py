"""scheduling.k8s.io/v1 and node.k8s.io/v1: PriorityClass and RuntimeClass."""

from typing import ClassVar

import attrs

from engine.api.container import Toleration
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, wire

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The priority classes of the cluster's own parts, and their values."""


@attrs.frozen(kw_only=True)
class PriorityClass(ApiObject):
    """A name for a priority. Higher values go first and may preempt lower ones."""

    API_VERSION: ClassVar[str] = "scheduling.k8s.io/v1"
    KIND: ClassVar[str] = "PriorityClass"

    value: int = wire(always=True, default=0)
    global_default: bool = False
    description: str = ""
    preemption_policy: str | None = None


@attrs.frozen(kw_only=True)
class Overhead:
    """What the runtime itself takes for each pod."""

    pod_fixed: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class RuntimeScheduling:
    """Which nodes have the runtime."""

    node_selector: FrozenDict[str, str] = EMPTY
    tolerations: tuple[Toleration, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class RuntimeClass(ApiObject):
    """A container runtime that pods can ask for by name."""

    API_VERSION: ClassVar[str] = "node.k8s.io/v1"
    KIND: ClassVar[str] = "RuntimeClass"

    handler: str = wire(always=True, default="")
    overhead: Overhead | None = None
    scheduling: RuntimeScheduling | None = None

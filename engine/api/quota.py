"""core/v1: ResourceQuota and LimitRange."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class ScopedResourceSelectorRequirement:
    """One scope: In, NotIn, Exists or DoesNotExist, with values for PriorityClass."""

    scope_name: str = wire(always=True, default="")
    operator: str = wire(always=True, default="")
    values: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ScopeSelector:
    """Scopes that must all hold."""

    match_expressions: tuple[ScopedResourceSelectorRequirement, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ResourceQuotaSpec:
    """What a namespace may use at most (quantities by resource), and of which objects."""

    hard: FrozenDict[str, str] = EMPTY
    scopes: tuple[str, ...] = ()
    scope_selector: ScopeSelector | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ResourceQuotaStatus:
    """The bounds that are enforced, and what is used of them."""

    hard: FrozenDict[str, str] = EMPTY
    used: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ResourceQuota(ApiObject):
    """Bounds on all objects of a namespace together."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ResourceQuota"

    spec: ResourceQuotaSpec = wire(always=True, default=ResourceQuotaSpec())
    status: ResourceQuotaStatus = wire(always=True, default=ResourceQuotaStatus())


@attrs.frozen(kw_only=True)
class LimitRangeItem:
    """Bounds and defaults for one type: Container, Pod or PersistentVolumeClaim."""

    type: str = wire(always=True, default="")
    max: FrozenDict[str, str] = EMPTY
    min: FrozenDict[str, str] = EMPTY
    default: FrozenDict[str, str] = EMPTY
    default_request: FrozenDict[str, str] = EMPTY
    max_limit_request_ratio: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class LimitRangeSpec:
    """Bounds and defaults by type."""

    limits: tuple[LimitRangeItem, ...] = wire(always=True, default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class LimitRange(ApiObject):
    """Bounds on each single object of a namespace, and what it gets if it asks for nothing."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "LimitRange"

    spec: LimitRangeSpec = wire(always=True, default=LimitRangeSpec())

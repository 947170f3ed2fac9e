"""discovery.k8s.io/v1: EndpointSlice."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, ObjectReference
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class EndpointConditions:
    """Whether an endpoint may get traffic."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Endpoint:
    """One backend of a service."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = wire(always=True, default=EndpointConditions())
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    zone: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SlicePort:
    """One port of all endpoints of a slice."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None
    app_protocol: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EndpointSlice(ApiObject):
    """Up to a hundred endpoints of a service."""

    API_VERSION: ClassVar[str] = "discovery.k8s.io/v1"
    KIND: ClassVar[str] = "EndpointSlice"

    address_type: str = wire(always=True, default="IPv4")
    endpoints: tuple[Endpoint, ...] = wire(always=True, default=())
    ports: tuple[SlicePort, ...] = ()

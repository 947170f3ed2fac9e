"""coordination.k8s.io/v1: Lease."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, MicroTime


@attrs.frozen(kw_only=True)
class LeaseSpec:
    """Who holds it since when, and for how long without a renewal."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: MicroTime | None = None
    renew_time: MicroTime | None = None
    lease_transitions: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Lease(ApiObject):
    """A heartbeat or a claim to leadership."""

    API_VERSION: ClassVar[str] = "coordination.k8s.io/v1"
    KIND: ClassVar[str] = "Lease"

    spec: LeaseSpec = LeaseSpec()

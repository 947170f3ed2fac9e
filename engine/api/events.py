"""core/v1 Event: what a user of the cluster would want to have seen."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, ObjectReference
from engine.api.wire import Json, MicroTime, Time, wire


@attrs.frozen(kw_only=True)
class EventSource:
    """Which component on which node saw it."""

    component: str = ""
    host: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Event(ApiObject):
    """Something that happened to an object, counted when it happens again."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Event"

    involved_object: ObjectReference = wire(always=True, default=ObjectReference())
    reason: str = ""
    message: str = ""
    source: EventSource = wire(always=True, default=EventSource())
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: MicroTime | None = None
    count: int = 0
    type: str = ""
    action: str = ""
    reporting_component: str = wire(always=True, default="")
    reporting_instance: str = wire(always=True, default="")

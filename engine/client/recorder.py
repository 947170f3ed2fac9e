"""Records Events, and counts them up when the same thing happens again.

Source: client-go tools/record, kubernetes v1.34.
"""

from collections import OrderedDict

import attrs

from engine.api.events import Event, EventSource
from engine.api.evolution import evolve
from engine.api.meta import ApiObject, ObjectMeta, ObjectReference
from engine.api.wire import Time
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.event_correlation import EventCorrelator
from engine.kernel.rng import Stream


@attrs.frozen(eq=False)
class _Written:
    """What is kept of an Event that was written, to count it up: thousands are."""

    name: str
    version: str
    about_version: str
    count: int
    first: Time | None


@attrs.define(eq=False, repr=False)
class EventRecorder:
    """Writes Events about objects in the name of one component.

    An Event that cannot be written is dropped: Events are for people, nothing depends on them.
    So is one about an object that has had too many, and many that differ in their message alone
    become one.
    """

    client: Client
    component: str
    stream: Stream
    host: str = ""
    keep: int = 4096
    _known: OrderedDict[tuple[str, ...], _Written] = attrs.field(factory=OrderedDict, init=False)
    _correlator: EventCorrelator = attrs.field(factory=EventCorrelator, init=False)
    _source: EventSource = attrs.field(init=False)
    _last_stamp: int = attrs.field(default=0, init=False)
    # What Events say of the object they are about: several in a row are about the same.
    _about: tuple[str, str, str] = attrs.field(default=("", "", ""), init=False)
    _involved: ObjectReference = attrs.field(factory=ObjectReference, init=False)

    def __attrs_post_init__(self) -> None:
        self._source = EventSource(component=self.component, host=self.host)

    def normal(self, obj: ApiObject, reason: str, message: str, *, field_path: str = "") -> None:
        """Something went as it should."""
        self._record(obj, "Normal", reason, message, field_path)

    def warning(self, obj: ApiObject, reason: str, message: str, *, field_path: str = "") -> None:
        """Something a user should look at."""
        self._record(obj, "Warning", reason, message, field_path)

    def _record(
        self, obj: ApiObject, type_: str, reason: str, message: str, field_path: str
    ) -> None:
        now = Time(float(int(self.client.link.now)))
        about = (obj.KIND, obj.metadata.uid, obj.key)
        about = self._about = self._about if self._about == about else about
        group = (*about, type_, reason, field_path)
        message, stands_for_group = self._correlator.combined(group, message, now=now)
        known_as = group if stands_for_group else (*group, message)
        if self._correlator.is_spam(about, now=now):
            return
        known = self._known.get(known_as)
        try:
            if known is not None:
                event = self._new(obj, type_, reason, message, field_path, now, name=known.name)
                event = self.client.update(_repeated(event, known))
            else:
                name = f"{obj.metadata.name}.{self._stamp():016x}"
                event = self._new(obj, type_, reason, message, field_path, now, name=name)
                event = self.client.create(event)
        except ApiError:
            self._known.pop(known_as, None)
            return
        self._known[known_as] = _Written(
            event.metadata.name,
            event.metadata.resource_version,
            event.involved_object.resource_version,
            event.count,
            event.first_timestamp,
        )
        self._known.move_to_end(known_as)
        while len(self._known) > self.keep:
            self._known.popitem(last=False)

    def _stamp(self) -> int:
        """What the names of Events end with, so that by name they are in the order they were made.

        Nanoseconds, the last 16 bits by chance: others write of the same objects.
        """
        self._last_stamp = max(self._last_stamp + 1, int(self.client.link.now * 1e9) >> 16)
        return self._last_stamp << 16 | self.stream.getrandbits(16)

    def _new(
        self,
        obj: ApiObject,
        type_: str,
        reason: str,
        message: str,
        field_path: str,
        now: Time,
        *,
        name: str,
    ) -> Event:
        meta = obj.metadata
        involved = ObjectReference(
            kind=obj.KIND,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            api_version=obj.API_VERSION,
            resource_version=meta.resource_version,
            field_path=field_path,
        )
        involved = self._involved = self._involved if self._involved == involved else involved
        return Event(
            metadata=ObjectMeta(name=name, namespace=meta.namespace or "default"),
            involved_object=involved,
            reason=reason,
            message=message,
            source=self._source,
            first_timestamp=now,
            last_timestamp=now,
            count=1,
            type=type_,
            reporting_component=self.component,
            reporting_instance=self.host,
        )


def _repeated(event: Event, known: _Written) -> Event:
    """*event* as what was written before, counted up."""
    meta = evolve(event.metadata, resource_version=known.version)
    about = evolve(event.involved_object, resource_version=known.about_version)
    return evolve(
        event,
        metadata=meta,
        involved_object=about,
        count=known.count + 1,
        first_timestamp=known.first,
    )

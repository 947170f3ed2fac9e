"""Objects as JSON, made once per revision for the disk, for lists and for every watcher."""

import threading

import attrs

from engine.api.codec import encode_json
from engine.api.events import Event
from engine.api.meta import ApiObject

_KEPT_BYTES = 64 * 2**20
# Events are most of what is written, and are read when they are new or not at all.
_KEPT_EVENT_BYTES = 4 * 2**20


@attrs.define(eq=False)
class _Shelf:
    """At most *room* bytes; what came first goes first."""

    room: int
    by_uid: dict[str, tuple[ApiObject, bytes]] = attrs.field(factory=dict, init=False)
    size: int = attrs.field(default=0, init=False)

    def put(self, uid: str, obj: ApiObject, data: bytes) -> None:
        """Keep *data* in place of what there is of that object."""
        self.drop(uid)
        self.by_uid[uid] = (obj, data)
        self.size += len(data)
        while self.size > self.room:
            self.drop(next(iter(self.by_uid)))

    def drop(self, uid: str) -> None:
        """Keep nothing of that object."""
        found = self.by_uid.pop(uid, None)
        if found is not None:
            self.size -= len(found[1])


@attrs.define(eq=False)
class EncodedObjects:
    """The JSON of the newest revision of each object that somebody wanted to have.

    Promises:
        * an object is encoded at most once while it is the newest of its kind and name and fits;
        * at most *keep* bytes are kept, and *keep_events* of Events; what was encoded first goes
          first;
        * any thread may ask: the one that writes to disk often asks first.
    """

    keep: int = _KEPT_BYTES
    keep_events: int = _KEPT_EVENT_BYTES
    _objects: _Shelf = attrs.field(init=False)
    _events: _Shelf = attrs.field(init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._objects, self._events = _Shelf(self.keep), _Shelf(self.keep_events)

    def json(self, obj: ApiObject) -> bytes:
        """*obj* as JSON."""
        shelf = self._events if isinstance(obj, Event) else self._objects
        uid = obj.metadata.uid
        found = shelf.by_uid.get(uid)
        if found is not None and found[0] is obj:
            return found[1]
        data = encode_json(obj)
        if uid and (found is None or found[0].revision <= obj.revision):
            with self._lock:
                shelf.put(uid, obj, data)
        return data

    def forget(self, uid: str) -> None:
        """Keep nothing of a deleted object."""
        with self._lock:
            self._objects.drop(uid)
            self._events.drop(uid)

"""Objects as JSON, made once per revision for the disk, for lists and for every watcher."""

import threading

import attrs

from engine.api.codec import encode_json
from engine.api.meta import ApiObject

_KEPT_BYTES = 64 * 2**20


@attrs.define(eq=False)
class EncodedObjects:
    """The JSON of the newest revision of each object that somebody wanted to have.

    Promises:
        * an object is encoded at most once while it is the newest of its kind and name and fits;
        * at most *keep* bytes are kept; what was encoded first goes first;
        * any thread may ask: the one that writes to disk often asks first.
    """

    keep: int = _KEPT_BYTES
    _by_uid: dict[str, tuple[ApiObject, bytes]] = attrs.field(factory=dict, init=False)
    _size: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def json(self, obj: ApiObject) -> bytes:
        """*obj* as JSON."""
        uid = obj.metadata.uid
        found = self._by_uid.get(uid)
        if found is not None and found[0] is obj:
            return found[1]
        data = encode_json(obj)
        if uid and (found is None or found[0].revision <= obj.revision):
            self._put(uid, obj, data)
        return data

    def forget(self, uid: str) -> None:
        """Keep nothing of a deleted object."""
        with self._lock:
            self._drop(uid)

    def _put(self, uid: str, obj: ApiObject, data: bytes) -> None:
        with self._lock:
            self._drop(uid)
            self._by_uid[uid] = (obj, data)
            self._size += len(data)
            while self._size > self.keep:
                self._drop(next(iter(self._by_uid)))

    def _drop(self, uid: str) -> None:
        found = self._by_uid.pop(uid, None)
        if found is not None:
            self._size -= len(found[1])

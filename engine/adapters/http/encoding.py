"""Objects as bytes: each encoded once per revision, lists joined from what is encoded."""

from collections.abc import Sequence
from typing import Any

import attrs
import orjson
import yaml

from engine.adapters.http.negotiation import Form
from engine.api.codec import encode, encode_json
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.errors import ApiError
from engine.apiserver.request import ObjectList, WatchEvent
from engine.apiserver.table import table, table_of

_KEPT = 50_000


@attrs.define(eq=False)
class Encoder:
    """Turns answers into bytes.

    Promises:
        * an object is encoded as JSON at most once while it stays the newest of its kind and name;
        * what it keeps is bounded by the number of live objects and by a fixed limit.
    """

    _by_uid: dict[str, tuple[ApiObject, bytes]] = attrs.field(factory=dict, init=False)
    _event: WatchEvent | None = attrs.field(default=None, init=False)
    _lines: dict[tuple[Form, str], bytes] = attrs.field(factory=dict, init=False)

    def json(self, obj: ApiObject) -> bytes:
        """*obj* as JSON."""
        uid = obj.metadata.uid
        found = self._by_uid.get(uid)
        if found is not None and found[0] is obj:
            return found[1]
        data = encode_json(obj)
        if uid:
            if len(self._by_uid) >= _KEPT:
                del self._by_uid[next(iter(self._by_uid))]
            self._by_uid[uid] = (obj, data)
        return data

    def forget(self, uid: str) -> None:
        """Keep nothing of a deleted object."""
        self._by_uid.pop(uid, None)

    def object(
        self, obj: ApiObject, resource: Resource, form: Form, now: float, include: str
    ) -> bytes:
        """One object in the form asked for."""
        if form.shape == "Table":
            return self._dump(table_of(resource, obj, now=now, include=include), form)
        if form.shape:
            return self._dump(partial_metadata(obj, form.version), form)
        return self._dump(encode(obj), form) if form.is_yaml else self.json(obj)

    def list(
        self, found: ObjectList[Any], resource: Resource, form: Form, now: float, include: str
    ) -> bytes:
        """A list in the form asked for."""
        metadata: dict[str, Any] = {"resourceVersion": str(found.revision)}
        if found.continue_token:
            metadata["continue"] = found.continue_token
        if found.remaining:
            metadata["remainingItemCount"] = found.remaining
        if form.shape == "Table":
            rows = table(resource, found.items, now=now, include=include)
            return self._dump({**rows, "metadata": metadata}, form)
        if form.shape:
            return self._dump(
                {
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": f"meta.k8s.io/{form.version}",
                    "metadata": metadata,
                    "items": [partial_metadata(obj, form.version) for obj in found.items],
                },
                form,
            )
        head = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
        }
        if form.is_yaml:
            return self._dump({**head, "items": [encode(obj) for obj in found.items]}, form)
        return self._joined(head, found.items)

    def _joined(self, head: dict[str, Any], items: Sequence[ApiObject]) -> bytes:
        opened = orjson.dumps(head)[:-1] + b',"items":['
        return opened + b",".join([self.json(obj) for obj in items]) + b"]}\n"

    def event(
        self, event: WatchEvent, resource: Resource, form: Form, now: float, include: str
    ) -> bytes:
        """One line of a watch, the same bytes for every watcher of the same form."""
        if event is not self._event:
            self._event, self._lines = event, {}
        line = self._lines.get((form, include))
        if line is not None:
            return line
        obj: Any = event.obj
        if isinstance(obj, ApiError):
            body = orjson.dumps(obj.status())
        elif event.type == "BOOKMARK" and form.shape == "Table":
            body = orjson.dumps(
                {**table(resource, (), now=now), "metadata": encode(obj)["metadata"]}
            )
        else:
            body = self.object(obj, resource, form, now, include)
        line = b'{"type":"' + event.type.encode() + b'","object":' + body.rstrip() + b"}\n"
        if event.type == "DELETED":
            self.forget(obj.metadata.uid)
        self._lines[form, include] = line
        return line

    def _dump(self, value: Any, form: Form) -> bytes:
        if form.is_yaml:
            text = yaml.dump(
                orjson.loads(orjson.dumps(value)), Dumper=yaml.CSafeDumper, default_flow_style=False
            )
            return str(text).encode()
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def partial_metadata(obj: ApiObject, version: str = "v1") -> dict[str, Any]:
    """The metadata of *obj* and nothing else."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": encode(obj)["metadata"],
    }

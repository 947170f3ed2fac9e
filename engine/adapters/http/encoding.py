"""Objects as bytes: each encoded once per revision, lists joined from what is encoded."""

from collections.abc import Sequence
from typing import Any

import attrs
import orjson
import yaml

from engine.adapters.encoded import EncodedObjects
from engine.adapters.http.negotiation import Form
from engine.api.codec import encode, encode_part
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.errors import ApiError
from engine.apiserver.request import ObjectList, WatchEvent
from engine.apiserver.table import row_of, table, table_of


@attrs.define(eq=False)
class Encoder:
    """Turns answers into bytes.

    Promises:
        * an object is encoded as JSON at most once while it stays the newest of its kind and name;
        * a line of a watch is made once, however many watchers get it.
    """

    objects: EncodedObjects = attrs.field(factory=EncodedObjects)
    _event: WatchEvent | None = attrs.field(default=None, init=False)
    _lines: dict[tuple[Form, str], bytes] = attrs.field(factory=dict, init=False)

    def json(self, obj: ApiObject) -> bytes:
        """*obj* as JSON."""
        return self.objects.json(obj)

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
            head = {**table(resource, (), now=now, include=include), "metadata": metadata}
            rows = (row_of(resource, obj, now=now, include=include) for obj in found.items)
            if form.is_yaml:
                return self._dump({**head, "rows": list(rows)}, form)
            del head["rows"]
            return _joined(head, "rows", [orjson.dumps(row) for row in rows])
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
        return _joined(head, "items", [self.json(obj) for obj in found.items])

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
                {**table(resource, (), now=now), "metadata": encode_part(obj.metadata)}
            )
        else:
            body = self.object(obj, resource, form, now, include)
        line = b'{"type":"' + event.type.encode() + b'","object":' + body.rstrip() + b"}\n"
        if event.type == "DELETED":
            self.objects.forget(obj.metadata.uid)
        self._lines[form, include] = line
        return line

    def _dump(self, value: Any, form: Form) -> bytes:
        if form.is_yaml:
            text = yaml.dump(
                orjson.loads(orjson.dumps(value)), Dumper=yaml.CSafeDumper, default_flow_style=False
            )
            return str(text).encode()
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _joined(head: dict[str, Any], name: str, parts: Sequence[bytes]) -> bytes:
    """*head* with one more field, a list whose items are encoded already."""
    opened = orjson.dumps(head)[:-1] + f',"{name}":['.encode()
    return b"".join((opened, b",".join(parts), b"]}\n"))


def partial_metadata(obj: ApiObject, version: str = "v1") -> dict[str, Any]:
    """The metadata of *obj* and nothing else."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": encode_part(obj.metadata),
    }

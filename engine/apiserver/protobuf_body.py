"""Request bodies in Kubernetes' protobuf form, as the JSON values they stand for.

The wire carries numbers; ``protobuf_fields.json`` names them per type (a table in place of a name
is a part that JSON writes inline), and the schema says how each field is encoded. Zero values,
which Go writes out for everything that is no pointer, are left away as JSON leaves them away.

Source: generated.proto of k8s.io/api and k8s.io/apimachinery, v0.33; runtime/serializer/protobuf.
"""

import base64
import functools
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.definitions import REF_PREFIX, published
from engine.apiserver.schema.node import Node, Shape, build

MAGIC = b"k8s\x00"

_MALFORMED = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, OSError,
    struct.error,
)  # fmt: skip

# Pointers in Go: where they are written at all, zero is what was meant.
_MEANT = frozenset(
    {
        "replicas", "minReplicas", "completions", "parallelism", "backoffLimit", "runAsUser",
        "runAsGroup", "fsGroup", "defaultMode", "mode", "terminationGracePeriodSeconds",
        "activeDeadlineSeconds", "ttlSecondsAfterFinished", "gracePeriodSeconds",
        "revisionHistoryLimit", "progressDeadlineSeconds", "startingDeadlineSeconds",
        "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "tolerationSeconds",
        "storageClassName", "automountServiceAccountToken", "enableServiceLinks", "suspend",
        "readOnlyRootFilesystem", "allowPrivilegeEscalation", "optional", "immutable", "privileged",
        "runAsNonRoot", "hostUsers", "shareProcessNamespace", "blockOwnerDeletion", "controller",
        "orphanDependents", "allocateLoadBalancerNodePorts", "allowVolumeExpansion",
        "setHostnameAsFQDN", "manualSelector", "ready", "serving", "terminating", "allowed",
    }
)  # fmt: skip


def read_protobuf(data: bytes) -> dict[str, Any]:
    """The object in *data*, with its apiVersion and kind.

    Raises:
        BadRequestError: not this form, a kind that is not known, or nested too deeply.
    """
    if not data.startswith(MAGIC):
        raise BadRequestError("the body is not in the protobuf form of Kubernetes")
    try:
        envelope = dict(_fields(data[len(MAGIC) :]))
        names = dict(_fields(envelope.get(1, b"")))
        api_version, kind = names.get(1, b"").decode(), names.get(2, b"").decode()
        group, _, version = api_version.rpartition("/")
        name = published().of_kind(group, version, kind)
        if name is None or name not in _tables():
            raise BadRequestError(f'no kind "{kind}" of version "{api_version}" in protobuf form')
        node = build({"$ref": REF_PREFIX + name}, published())
        value = _object(envelope.get(2, b""), node)
    except _MALFORMED as error:
        raise BadRequestError(f"the body is not proper protobuf: {error}") from error
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error
    return {**value, "apiVersion": api_version, "kind": kind}


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    path = Path(__file__).with_name("protobuf_fields.json")
    tables: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
    return tables


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The numbers and raw values of a message: integers, or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        match tag & 7:
            case 0:
                value, place = _varint(message, place)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, place = _varint(message, place)
            case 5:
                size = 4
            case other:
                raise ValueError(f"wire type {other}")
        if place + size > len(message):
            raise ValueError("a field is cut short")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _object(message: bytes, node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    _fill(value, message, node, _tables().get(node.name, {}))
    return value


def _fill(value: dict[str, Any], message: bytes, node: Node, table: Mapping[str, Any]) -> None:
    for number, raw in _fields(message):
        name = table.get(str(number))
        if isinstance(name, dict):
            _fill(value, raw, node, name)
            continue
        part = None if name is None else node.fields.get(name)
        if part is None or name is None:
            continue
        if part.shape == "list":
            value.setdefault(name, []).append(_item(raw, part))
        elif part.shape == "map":
            entry = dict(_fields(raw))
            value.setdefault(name, {})[entry.get(1, b"").decode()] = _item(entry.get(2, b""), part)
        else:
            decoded = _value(raw, part)
            is_zero = decoded is None or decoded in ("", 0)
            if not is_zero or (name in _MEANT and decoded is not None):
                value[name] = decoded


def _item(raw: Any, node: Node) -> Any:
    """An item of a list or a value of a map; a list in a map is a message with a list in it."""
    if node.item is None:
        return json.loads(dict(_fields(raw)).get(1, b"null"))
    if node.item.shape == "list":
        return [_item(one, node.item) for _, one in _fields(raw)]
    return _value(raw, node.item)


def _value(raw: Any, node: Node) -> Any:
    return _object(raw, node) if node.shape == "object" else _DECODERS[node.shape](raw)


def _integer(raw: int) -> int:
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _time(raw: bytes) -> str | None:
    parts = dict(_fields(raw))
    if not parts:
        return None
    seconds, nanos = _integer(parts.get(1, 0)), parts.get(2, 0)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{nanos // 1000:06d}Z" if nanos else f"{moment}Z"


def _int_or_string(raw: bytes) -> int | str:
    parts = dict(_fields(raw))
    if parts.get(1, 0):
        text: str = parts.get(3, b"").decode()
        return text
    return _integer(parts.get(2, 0))


def _json(raw: bytes) -> Any:
    content = dict(_fields(raw)).get(1, b"")
    return json.loads(content) if content else None


_DECODERS: dict[Shape, Callable[[Any], Any]] = {
    "string": bytes.decode,
    "integer": _integer,
    "boolean": bool,
    "number": lambda raw: struct.unpack("<d", raw)[0],
    "quantity": lambda raw: dict(_fields(raw)).get(1, b"").decode(),
    "int-or-string": _int_or_string,
    "time": _time,
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "any": _json,
}

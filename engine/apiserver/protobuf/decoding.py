"""Kubernetes' protobuf form of objects as plain values; kubectl sends some of its objects so.

The numbers of the fields are data (`fields.json`, made by scripts/protobuf_fields.py); which
messages are written inline in JSON is told by the published schema.
"""

import base64
import functools
import struct
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import orjson

from engine.api.codec import format_micro_time, format_time
from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.definitions import published

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

_MAGIC = b"k8s\x00"
_MACHINERY = "k8s.io.apimachinery.pkg."
_META = f"{_MACHINERY}apis.meta.v1."
_UNKNOWN = f"{_MACHINERY}runtime.Unknown"
_DEEPEST = 100
_GROUPS = {
    "": "k8s.io.api.core",
    "apiextensions.k8s.io": "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions",
}
_RAW = (f"{_META}FieldsV1", f"{_MACHINERY}runtime.RawExtension")
# Protobuf writes these out even when they are not set, and JSON does not.
_FLAGS = frozenset(
    {
        "externalID", "globalDefault", "hostIPC", "hostNetwork", "hostPID", "paused",
        "publishNotReadyAddresses", "readOnly", "stdin", "stdinOnce", "tty", "unschedulable",
    }
)  # fmt: skip

# What reading a message as another one, or no message at all, runs into.
_MALFORMED = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, OSError,
    struct.error,
)  # fmt: skip

Fields = dict[str, list[Any]]

_SCALARS: dict[str, Callable[[Any], Any]] = {
    "s": lambda raw: raw.decode(),
    "i": lambda raw: raw - 2**64 if raw >= 2**63 else raw,
    "b": bool,
    "y": lambda raw: base64.b64encode(raw).decode(),
    "d": lambda raw: struct.unpack("<d", raw)[0],
    "f": lambda raw: struct.unpack("<f", raw)[0],
}


def decode_protobuf(data: bytes) -> dict[str, Any]:
    """The object in *data*, as its JSON would decode.

    Raises:
        BadRequestError: *data* is no such object, or of a kind whose fields are not known.
    """
    if not data.startswith(_MAGIC):
        raise BadRequestError("the body is not a Kubernetes protobuf object")
    try:
        envelope = _message(_UNKNOWN, data[len(_MAGIC) :], 0)
        types = envelope.get("typeMeta") or {}
        api_version, kind = str(types.get("apiVersion", "")), str(types.get("kind", ""))
        raw = base64.b64decode(envelope.get("raw", ""))
        value = _message(_message_of(api_version, kind), raw, 0)
    except _MALFORMED as error:
        raise BadRequestError(f"the body is not a Kubernetes protobuf object: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **value}


@functools.cache
def _table() -> dict[str, Fields]:
    text = resources.files(__package__).joinpath("fields.json").read_bytes()
    table: dict[str, Fields] = orjson.loads(text)
    return table


def _message_of(api_version: str, kind: str) -> str:
    """The name of the message of a kind.

    Raises:
        BadRequestError: there is none.
    """
    group, _, version = api_version.rpartition("/")
    package = _GROUPS.get(group) or f"k8s.io.api.{group.partition('.')[0]}"
    for name in (f"{package}.{version}.{kind}", f"{_META}{kind}"):
        if name in _table():
            return name
    raise BadRequestError(f'no kind "{kind}" is known in protobuf for version "{api_version}"')


@functools.cache
def _inlined(message: str) -> frozenset[str]:
    """The fields of *message* whose content JSON writes into the message itself."""
    definition = published().by_name.get(message.replace("k8s.io.", "io.k8s.", 1))
    if definition is None or "properties" not in definition:
        return frozenset()
    shown = definition["properties"]
    return frozenset(
        name for name, kind, _ in _table()[message].values() if len(kind) > 1 and name not in shown
    )


def _message(name: str, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise BadRequestError("the object is nested too deeply")
    known = _table()[name]
    inlined = _inlined(name)
    value: dict[str, Any] = {}
    for number, raw in _fields(data):
        field = known.get(str(number))
        if field is None:
            continue
        key, kind, is_repeated = field
        part = _value(kind, raw, depth + 1)
        # A map's entries are messages inside the message; ManagedFieldsEntry is none of them.
        if is_repeated and kind.endswith("Entry") and kind.startswith(f"{name}."):
            value.setdefault(key, {})[part.get("key", "")] = part.get("value", "")
        elif is_repeated:
            value.setdefault(key, []).append(part)
        elif key in inlined:
            value.update(part)
        elif part is not None and part != "" and not (part is False and key in _FLAGS):
            value[key] = part
    return value


def _value(kind: str, raw: Any, depth: int) -> Any:
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar(raw)
    content = _message(kind, raw, depth)
    name = kind.rpartition(".")[2]
    if name in ("Time", "MicroTime") and kind.startswith(_META):
        return _time(content, is_micro=name == "MicroTime")
    if name == "Quantity":
        return content.get("string", "0")
    if name == "IntOrString":
        return content.get("strVal", "") if content.get("type") else content.get("intVal", 0)
    if kind in _RAW or name == "JSON":
        text = base64.b64decode(content.get("Raw") or content.get("raw") or "")
        return orjson.loads(text) if text else None
    if name in ("ExtraValue", "Verbs"):
        return content.get("items", [])
    return content


def _time(content: dict[str, Any], *, is_micro: bool) -> str | None:
    if not content:
        return None
    seconds = content.get("seconds", 0)
    if is_micro:
        return format_micro_time(seconds + content.get("nanos", 0) / 1e9)
    return format_time(seconds)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: numbers and raw values."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown wire type")
        if at + size > end:
            raise ValueError("cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at *at*, and where the next thing begins."""
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number is too long")

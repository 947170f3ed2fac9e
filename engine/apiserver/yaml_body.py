"""YAML text as JSON values, read event by event so that no text can exhaust stack or memory.

Values are those of JSON: a date stays the string it was written as, keys are strings.
"""

import math
from collections.abc import Hashable, Iterator
from typing import Any

import attrs
import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.checker import MOST, Finding
from engine.apiserver.schema.path import field, item

MAX_DEPTH = 500
MAX_VALUES = 1_000_000
"""How many values a text may amount to, counting what an alias stands for each time it is used."""

_TAG = "tag:yaml.org,2002:"
_NO_KEY: Any = object()
_MERGE: Any = object()


def read_yaml(data: bytes) -> tuple[Any, tuple[Finding, ...]]:
    """The one document in *data*, and the keys that it names twice. No text is null.

    Raises:
        BadRequestError: not YAML, several documents, or more than the limits allow.
    """
    reader = _Reader()
    try:
        loader = yaml.CSafeLoader(data)
        try:
            while loader.check_event():
                reader.take(loader.get_event())
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise BadRequestError(f"the body is not YAML: {error}") from error
    return reader.root, tuple(reader.repeated)


@attrs.define(eq=False)
class _Open:
    """A map or list whose end has not come yet."""

    value: Any
    path: str
    anchor: str
    count_before: int
    key: Any = _NO_KEY
    merged: list[dict[str, Any]] = attrs.field(factory=list)


@attrs.define(eq=False)
class _Reader:
    """Builds the document from the parser's events."""

    root: Any = None
    repeated: list[Finding] = attrs.field(factory=list)
    _documents: int = 0
    _count: int = 0
    _stack: list[_Open] = attrs.field(factory=list)
    _anchors: dict[str, tuple[Any, int]] = attrs.field(factory=dict)
    _resolver: Any = attrs.field(factory=yaml.resolver.Resolver)

    def take(self, event: Any) -> None:
        """Carry on with one event."""
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise BadRequestError("the body holds more than one YAML document")
            case ScalarEvent():
                self._take_scalar(event)
            case MappingStartEvent():
                self._open({}, event.anchor)
            case SequenceStartEvent():
                self._open([], event.anchor)
            case MappingEndEvent() | SequenceEndEvent():
                self._close()
            case AliasEvent():
                if event.anchor not in self._anchors:
                    raise BadRequestError(f"the body refers to *{event.anchor}, which is not there")
                self._add(*self._anchors[event.anchor])

    def _take_scalar(self, event: ScalarEvent) -> None:
        value = self._scalar(event)
        self._add(_MERGE if value is _MERGE and self._awaits_key() else _text(value), 1)
        if event.anchor:
            self._anchors[event.anchor] = (_text(value), 1)

    def _open(self, value: Any, anchor: str | None) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise BadRequestError(f"the body is nested more than {MAX_DEPTH} deep")
        before = self._count
        path = self._add(value, 1)
        self._stack.append(_Open(value, path, anchor or "", before))

    def _awaits_key(self) -> bool:
        parent = self._stack[-1] if self._stack else None
        return parent is not None and isinstance(parent.value, dict) and parent.key is _NO_KEY

    def _close(self) -> None:
        closed = self._stack.pop()
        for source in _maps(closed.merged, closed.path):
            self._count += len(source)
            for key, value in source.items():
                closed.value.setdefault(key, value)
        if closed.anchor:
            self._anchors[closed.anchor] = (closed.value, self._count - closed.count_before)

    def _add(self, value: Any, count: int) -> str:
        """Put *value* where it belongs; returns its path."""
        self._count += count
        if self._count > MAX_VALUES:
            raise BadRequestError(f"the body amounts to more than {MAX_VALUES} values")
        if not self._stack:
            self.root = value
            return ""
        parent = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
            return item(parent.path, len(parent.value) - 1)
        if parent.key is _NO_KEY:
            parent.key = value if value is _MERGE else _key(value)
            return parent.path
        key, parent.key = parent.key, _NO_KEY
        if key is _MERGE:
            parent.merged.append(value)
            return parent.path
        path = field(parent.path, key)
        if key in parent.value and len(self.repeated) < MOST:
            self.repeated.append(Finding("duplicate", path, f'duplicate field "{path}"'))
        parent.value[key] = value
        return path

    def _scalar(self, event: ScalarEvent) -> Any:
        text: str = event.value
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.nodes.ScalarNode, text, event.implicit)
        kind = str(tag).removeprefix(_TAG)
        try:
            return _VALUES[kind](text) if kind in _VALUES else text
        except (ValueError, OverflowError) as error:
            raise BadRequestError(f"the body has {text[:40]!r} where a {kind} belongs") from error


def _maps(merged: list[Any], path: str) -> Iterator[dict[str, Any]]:
    """The maps that merge keys bring in; each may bring one or a list of them."""
    for value in merged:
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise BadRequestError(f"{path}: only maps can be merged with <<")
            yield source


def _text(value: Any) -> Any:
    return "<<" if value is _MERGE else value


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Hashable) or value is None:
        raise BadRequestError("the body has a key that is no string")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if digits.startswith("0") and digits[1:].isdigit():
        return sign * int(digits, 8)
    if ":" in digits:
        raise ValueError(text)
    return sign * int(digits, 0)


def _float(text: str) -> float:
    if ":" in text:
        raise ValueError(text)
    number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_VALUES: dict[str, Any] = {
    "null": lambda _: None,
    "merge": lambda _: _MERGE,
    "bool": lambda text: text.lower() in ("y", "yes", "true", "on"),
    "int": _integer,
    "float": _float,
}

"""Says what in a wire-form object does not fit its schema, by path and with a hint.

Looks at names and types only; whether values make sense is for validation to say.
"""

import binascii
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Literal

import attrs

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.go_words import complaint
from engine.apiserver.schema.hint import closest
from engine.apiserver.schema.node import Node, Shape
from engine.apiserver.schema.path import field, item

MOST = 100
"""How many findings are reported; who has more will come again."""

Fault = Literal["unknown", "duplicate", "type", "required"]
Test = Callable[[Any], bool]

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)

_EXPECTED: dict[Shape, str] = {
    "object": "a map of fields",
    "map": "a map",
    "list": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "quantity": 'a quantity such as "500m" or "1Gi"',
    "int-or-string": "an integer or a string",
    "time": 'a time such as "2026-01-02T15:04:05Z"',
    "bytes": "a base64 string",
}
# Written required in the schema because Go always writes them out; a client may leave them away.
_OPTIONAL = frozenset(
    {
        "apiGroup", "audiences", "drivers", "endpoints", "limits", "lun", "metadata", "revision",
        "status", "value",
    }
)  # fmt: skip


@attrs.frozen
class Finding:
    """One thing that does not fit.

    Attributes:
        fault: ``unknown`` and ``duplicate`` fields are what fieldValidation decides about; a wrong
            ``type`` can never be read; a ``required`` field that is missing makes it invalid.
        path: where, such as ``spec.containers[0].imagge``.
        message: the sentence Kubernetes says, without its surroundings.
        hint: the field that was probably meant, or empty.
        go: what Go's decoder says of a wrong type.
    """

    fault: Fault
    path: str
    message: str
    hint: str = ""
    go: str = ""

    def __str__(self) -> str:
        return f'{self.message} (did you mean "{self.hint}"?)' if self.hint else self.message


def check(value: Any, node: Node) -> list[Finding]:
    """What in *value* does not fit *node*, in the order of the document; `MOST` at most.

    The usual case, nothing, is told by tests compiled once per node; only a value that does not
    fit is walked for paths.

    Raises:
        BadRequestError: *value* is nested too deeply to be read.
    """
    try:
        return [] if passes(node)(value) else list(islice(_walk(value, node, "", node.name), MOST))
    except RecursionError as error:
        raise BadRequestError("the object is nested too deeply") from error


def passes(node: Node) -> Test:
    """The compiled test whether a value fits *node*."""
    test = _tests(node)
    return test if callable(test) else _exactly(test)


def _exactly(kind: type) -> Test:
    return lambda value: value is None or type(value) is kind


@functools.cache
def _tests(node: Node) -> Any:
    """What tells whether a value fits: a plain type where that is all, else a function."""
    match node.shape:
        case "string":
            return str
        case "boolean":
            return bool
        case "object":
            return _object_test(node)
        case "map":
            return _map_test(node)
        case "list":
            return _list_test(node)
    return functools.partial(_leaf_fits, node)


def _object_test(node: Node) -> Test:
    tests: dict[str, Any] = {}
    missing = object()
    required = _required(node)
    keeps_unknown = node.keeps_unknown

    def test(value: Any) -> bool:
        if not isinstance(value, dict):
            return value is None
        for key, part in value.items():
            expected = tests.get(key, missing)
            if expected is missing:
                part_node = node.fields.get(key)
                if part_node is None:
                    if keeps_unknown:
                        continue
                    return False
                expected = tests[key] = None if part_node.shape == "any" else _tests(part_node)
            if type(part) is expected or expected is None:
                continue
            # A null is looked at again by who reads: it is no value of its own.
            if part is None or type(expected) is type or not expected(part):
                return False
        return all(value.get(name) is not None for name in required)

    return test


def _list_test(node: Node) -> Test:
    fits = _all_fit(node.item)

    def test(value: Any) -> bool:
        return fits(value) if isinstance(value, list | tuple) else value is None

    return test


def _map_test(node: Node) -> Test:
    fits = _all_fit(node.item)

    def test(value: Any) -> bool:
        return fits(value.values()) if isinstance(value, dict) else value is None

    return test


def _all_fit(node: Node | None) -> Callable[[Iterable[Any]], bool]:
    expected = None if node is None or node.shape == "any" else _tests(node)

    def test(parts: Iterable[Any]) -> bool:
        if expected is None:
            return True
        for part in parts:
            if type(part) is expected:
                continue
            if part is None or type(expected) is type or not expected(part):
                return False
        return True

    return test


def _leaf_fits(node: Node, value: Any) -> bool:
    if value is None or node.shape == "any":
        return True
    if node.shape == "integer":
        return _is_integer(value, _INT32 if node.raw.get("format") == "int32" else _INT64)
    return _LEAVES[node.shape](value)


def _is_integer(value: Any, allowed: range) -> bool:
    return type(value) is int and value in allowed


def _is_base64(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        binascii.a2b_base64(value.replace("\n", "").replace("\r", ""), strict_mode=True)
    except ValueError:
        return False
    return True


_LEAVES: dict[Shape, Test] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "number": lambda value: type(value) in (int, float),
    "quantity": lambda value: (
        type(value) in (int, float) or (type(value) is str and bool(_QUANTITY.fullmatch(value)))
    ),
    "int-or-string": lambda value: type(value) is str or _is_integer(value, _INT32),
    "time": lambda value: type(value) is str and bool(_TIME.fullmatch(value)),
    "bytes": _is_base64,
}


@functools.cache
def _required(node: Node) -> tuple[str, ...]:
    """The required fields that a client cannot leave to their zero value."""
    return tuple(
        name
        for name in node.required
        if name not in _OPTIONAL and node.fields[name].shape != "boolean"
    )


def _walk(value: Any, node: Node, path: str, owner: str) -> Iterator[Finding]:
    if value is None or node.shape == "any":
        return
    if node.shape == "object" and isinstance(value, dict):
        yield from _walk_object(value, node, path)
    elif node.shape == "map" and isinstance(value, dict):
        if node.item is not None:
            for key, part in value.items():
                yield from _walk(part, node.item, item(path, key), owner)
    elif node.shape == "list" and isinstance(value, list | tuple):
        if node.item is not None:
            for index, part in enumerate(value):
                yield from _walk(part, node.item, item(path, index), owner)
    elif node.shape in ("object", "map", "list") or not _leaf_fits(node, value):
        said = f"{path}: expected {expected(node)}, found {_found(value)}"
        yield Finding("type", path, said, go=complaint(value, node, path, owner))


def _walk_object(value: dict[str, Any], node: Node, path: str) -> Iterator[Finding]:
    for key, part in value.items():
        place = field(path, key)
        part_node = node.fields.get(key)
        if part_node is not None:
            # Status is written by components that say what they know; nothing there is demanded.
            demanding = path or key != "status"
            for finding in _walk(part, part_node, place, node.name):
                if demanding or finding.fault != "required":
                    yield finding
        elif not node.keeps_unknown:
            hint = closest(str(key), node.fields)
            yield Finding("unknown", place, f'unknown field "{place}"', hint)
    for name in _required(node):
        if value.get(name) is None:
            place = field(path, name)
            yield Finding("required", place, f"{place}: Required value")


def expected(node: Node) -> str:
    """What goes into a field, in words."""
    if node.shape == "integer" and node.raw.get("format") == "int32":
        return "an integer of 32 bits"
    return _EXPECTED.get(node.shape, "anything")


def _found(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "a map"
        case list():
            return "a list"
        case str():
            return f'the string "{value if len(value) <= 40 else value[:37] + "..."}"'
    return f"the number {value}"

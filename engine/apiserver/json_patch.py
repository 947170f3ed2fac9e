"""JSON patch (RFC 6902): a list of operations, carried out in order or not at all."""

import json
from collections.abc import Mapping
from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.errors import BadRequestError, InvalidError, TooLargeError
from engine.apiserver.jsonvalue import same

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024
"""How many bytes of JSON the copies of one patch may amount to; few can double a document often."""


class _FailedError(Exception):
    """An operation does not apply to the document."""


def json_patch(document: Any, operations: Any) -> Any:
    """*document* after all *operations*; neither is changed.

    Raises:
        BadRequestError: *operations* is no list of well-formed operations.
        TooLargeError: there are more than `MAX_OPERATIONS`, or copies beyond `MAX_COPIED`.
        InvalidError: a path does not exist, or a test does not hold.
    """
    if not isinstance(operations, list | tuple):
        raise BadRequestError("a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise TooLargeError(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, "
            f"got {len(operations)}"
        )
    document = thaw(document)
    copied = 0
    for index, operation in enumerate(operations):
        try:
            copied += _copied_size(document, operation)
            if copied > MAX_COPIED:
                raise TooLargeError(f"the copies of a JSON patch exceed {MAX_COPIED} bytes")
            document = _perform(document, operation)
        except _FailedError as error:
            message = f"operation {index} ({operation['op']} {operation['path']}): {error}"
            raise InvalidError(
                "the server rejected our request due to an error in our request: " + message
            ) from error
    return document


def _perform(document: Any, operation: Any) -> Any:
    if not isinstance(operation, Mapping):
        raise BadRequestError("an operation of a JSON patch is an object")
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(document, path, thaw(_value(operation)))
        case "remove":
            return _remove(document, path)[0]
        case "replace":
            return _replace(document, path, thaw(_value(operation)))
        case "move":
            return _move(document, _pointer(operation, "from"), path)
        case "copy":
            return _add(document, path, thaw(_get(document, _pointer(operation, "from"))))
        case "test":
            wanted = _value(operation)
            if not same(_get(document, path), wanted):
                raise _FailedError("the value is another one")
            return document
    raise BadRequestError(f"a JSON patch has no operation {operation.get('op')!r}")


def _copied_size(document: Any, operation: Any) -> int:
    if not isinstance(operation, Mapping) or operation.get("op") != "copy":
        return 0
    _pointer(operation, "path")
    return len(json.dumps(_get(document, _pointer(operation, "from"))))


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise BadRequestError(f"operation {operation['op']} of a JSON patch needs a value")
    return operation["value"]


def _pointer(operation: Mapping[str, Any], name: str) -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise BadRequestError(
            f"operation {operation.get('op')} of a JSON patch needs {name} as a JSON pointer, "
            f"found {text!r}"
        )
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document) - 1)]
        else:
            raise _FailedError(f"there is no {part!r}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        end = len(parent)
        parent.insert(end if path[-1] == "-" else _index(path[-1], end), value)
    else:
        raise _FailedError(f"there is nothing that could hold {path[-1]!r}")
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    _get(parent, path[-1:])
    key = path[-1] if isinstance(parent, dict) else int(path[-1])
    parent[key] = value
    return document


def _move(document: Any, source: list[str], path: list[str]) -> Any:
    if path[: len(source)] == source and path != source:
        raise _FailedError("a value cannot be moved into itself")
    document, moved = _remove(document, source)
    return _add(document, path, moved)


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    if not path:
        return None, document
    parent = _get(document, path[:-1])
    if isinstance(parent, dict) and path[-1] in parent:
        return document, parent.pop(path[-1])
    if isinstance(parent, list):
        return document, parent.pop(_index(path[-1], len(parent) - 1))
    raise _FailedError(f"there is no {path[-1]!r}")


def _index(text: str, last: int) -> int:
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0"):
        raise _FailedError(f"{text!r} is no index of a list")
    if len(text) > 9 or int(text) > last:
        raise _FailedError(f"index {text} is beyond the list's end")
    return int(text)

"""Finds fields that a document names twice, which a JSON decoder would silently merge into one."""

import json
from typing import Any

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.checker import MOST, Finding
from engine.apiserver.schema.path import field, item


class _Object(dict[str, Any]):
    """A decoded object that remembers which of its keys came more than once."""

    repeated: tuple[str, ...] = ()


def duplicates(body: bytes | str) -> list[Finding]:
    """The keys that occur twice in one object of the JSON document *body*; `MOST` at most.

    Raises:
        BadRequestError: *body* is no JSON, or nested too deeply to be read.
    """
    try:
        document = json.loads(body, object_pairs_hook=_remember)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    return _collect(document) if _is_open(document) else []


def _remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = _Object(pairs)
    if len(decoded) != len(pairs):
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for key, _ in pairs:
            if key in seen:
                twice[key] = None
            seen.add(key)
        decoded.repeated = tuple(twice)
    return decoded


def _collect(document: Any) -> list[Finding]:
    found: list[Finding] = []
    pending: list[tuple[str, Any]] = [("", document)]
    while pending and len(found) < MOST:
        path, value = pending.pop()
        if isinstance(value, _Object):
            found.extend(
                Finding("duplicate", field(path, key), f'duplicate field "{field(path, key)}"')
                for key in value.repeated
            )
            parts = [(field(path, key), part) for key, part in value.items() if _is_open(part)]
        else:
            parts = [(item(path, i), part) for i, part in enumerate(value) if _is_open(part)]
        pending.extend(reversed(parts))
    return found[:MOST]


def _is_open(value: Any) -> bool:
    return isinstance(value, _Object | list)

"""Finds fields that a document names twice, which a JSON decoder would silently merge into one."""

import json
from typing import Any

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.checker import Finding


class _Object(dict[str, Any]):
    """A decoded object that remembers which of its keys came more than once."""

    repeated: tuple[str, ...] = ()


def duplicates(body: bytes | str) -> list[Finding]:
    """The keys that occur twice in one object of the JSON document *body*, in order.

    Raises:
        BadRequestError: *body* is no JSON, or nested too deeply to be read.
    """
    try:
        document = json.loads(body, object_pairs_hook=_remember)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    return _collect(document)


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
    while pending:
        path, value = pending.pop()
        if isinstance(value, _Object):
            for key in value.repeated:
                place = f"{path}.{key}" if path else key
                found.append(Finding("duplicate", place, f'duplicate field "{place}"'))
            parts = [(f"{path}.{key}" if path else key, part) for key, part in value.items()]
            pending.extend(reversed(parts))
        elif isinstance(value, list):
            parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
            pending.extend(reversed(parts))
    return found

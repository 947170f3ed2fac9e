"""JSON values as plain Python: when two of them are the same."""

import json
from collections.abc import Hashable
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: ``1`` is ``1.0`` but not ``true``."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(part, other[key]) for key, part in one.items())
        )
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def identity(value: Any) -> Hashable:
    """A key of a dict that is equal for two values exactly if they are the `same` JSON."""
    if isinstance(value, dict | list | tuple):
        return "\0" + json.dumps(value, sort_keys=True)
    return (value,) if isinstance(value, bool) else value

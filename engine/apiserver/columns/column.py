"""A column of a table, and how ages and lists are written in its cells."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject

Cells = Callable[[Any, float], tuple[Any, ...]]

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


@attrs.frozen
class Column:
    """One column. Those of *priority* 1 are shown with ``-o wide`` only."""

    name: str
    type: str = "string"
    priority: int = 0
    description: str = ""
    format: str = ""


@attrs.frozen
class Columns:
    """The columns of a kind, and what makes the cells of an object at a given time."""

    columns: tuple[Column, ...]
    cells: Cells


def columns(*names: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Columns by name; a name that ends in ``#`` is a number."""
    return tuple([_column(name, 0) for name in names] + [_column(name, 1) for name in wide])


def _column(name: str, priority: int) -> Column:
    return Column(name.rstrip("#"), "integer" if name.endswith("#") else "string", priority)


def age(since: float | None, now: float) -> str:
    """The time since then, as kubectl writes it; ``<unknown>`` if there is no then."""
    return "<unknown>" if since is None else duration(now - since)


def duration(seconds: float) -> str:
    """A span of time with at most two units.

    Source: HumanDuration of k8s.io/apimachinery util/duration, kubernetes v1.34.
    """
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    total = max(total, 0)
    if total < 2 * _MINUTE:
        return f"{total}s"
    if total < 10 * _MINUTE:
        return _two(total // _MINUTE, "m", total % _MINUTE, "s")
    if total < 3 * _HOUR:
        return f"{total // _MINUTE}m"
    if total < 8 * _HOUR:
        return _two(total // _HOUR, "h", total % _HOUR // _MINUTE, "m")
    if total < 2 * _DAY:
        return f"{total // _HOUR}h"
    if total < 8 * _DAY:
        return _two(total // _DAY, "d", total % _DAY // _HOUR, "h")
    if total < 2 * _YEAR:
        return f"{total // _DAY}d"
    if total < 8 * _YEAR:
        return _two(total // _YEAR, "y", total % _YEAR // _DAY, "d")
    return f"{total // _YEAR}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def labels_text(labels: Mapping[str, str]) -> str:
    """``a=b,c=d`` in the order of keys, or ``<none>``."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"


def wire_parts(obj: ApiObject) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Spec and status of *obj* in their wire form; empty if it has none."""
    data = encode(obj)
    return data.get("spec", EMPTY), data.get("status", EMPTY)

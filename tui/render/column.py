"""One column of a table of objects, and those that every kind has."""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.meta import ApiObject
from tui.render.age import age
from tui.render.text import Tone

Value = Callable[[Any, float], str]


@attrs.frozen(kw_only=True)
class Column:
    """One column: its name, what it shows of an object at a time, its tone, its order.

    *is_wide* columns are shown on request, *is_spare* ones only where there is room.
    """

    name: str
    value: Value
    tone: Callable[[Any], Tone] = lambda _obj: ""
    sort: Callable[[Any], Any] | None = None
    is_right: bool = False
    is_wide: bool = False
    is_spare: bool = False

    @property
    def is_elastic(self) -> bool:
        """Whether this column gives way when there is too little room."""
        return self.name in ("NAME", "MESSAGE", "IMAGES", "SELECTOR", "OBJECT", "LABELS")


def _created(obj: ApiObject) -> float:
    return -(obj.metadata.creation_timestamp or 0.0)


NAME = Column(name="NAME", value=lambda o, _: o.metadata.name, sort=lambda o: o.metadata.name)
NAMESPACE = Column(
    name="NAMESPACE",
    value=lambda o, _: o.metadata.namespace,
    tone=lambda _: "dim",
    sort=lambda o: o.metadata.namespace,
)
AGE = Column(
    name="AGE",
    value=lambda o, now: age(o.metadata.creation_timestamp, now),
    tone=lambda _: "dim",
    sort=_created,
)
LABELS = Column(
    name="LABELS",
    value=lambda o, _: ",".join(f"{k}={v}" for k, v in o.metadata.labels.items()) or "<none>",
    tone=lambda _: "dim",
    is_wide=True,
)


def col(name: str, value: Callable[[Any], str], **more: Any) -> Column:
    """A column whose text does not change with time."""
    return Column(name=name, value=lambda obj, _now: value(obj), **more)


def number(name: str, value: Callable[[Any], int], **more: Any) -> Column:
    """A column of numbers."""
    return Column(
        name=name, value=lambda obj, _now: str(value(obj)), sort=value, is_right=True, **more
    )

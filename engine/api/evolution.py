"""Values with a few fields changed: `attrs.evolve` for API objects, at a fraction of its price.

A pod passes through a hundred changes on its way to Running. What attrs works out anew at each of
them, a class's fields, is worked out here once a class.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

Change = Callable[[Any, dict[str, Any]], Any]

_changes: dict[type[Any], Change] = {}


def evolve(obj: T, /, **changes: Any) -> T:
    """*obj* with other values for some of its fields; *obj* stays as it is.

    Raises:
        TypeError: the class has no such field.
    """
    cls = type(obj)
    change = _changes.get(cls)
    if change is None:
        change = _changes[cls] = _change_of(cls)
    evolved: T = change(obj, changes)
    return evolved


def _change_of(cls: type[Any]) -> Change:
    """How to change an object of *cls*: slot by slot if nothing but slots makes it up."""
    fields = attrs.fields(cls)
    is_plain = "__attrs_post_init__" not in dir(cls) and all(
        field.init
        and field.alias == field.name
        and field.converter is None
        and field.validator is None
        and hasattr(getattr(cls, field.name, None), "__set__")
        for field in fields
    )
    if not is_plain:
        return lambda obj, changes: attrs.evolve(obj, **changes)
    # Written out per class and compiled, as attrs does with initializers: a loop costs twice.
    names = [field.name for field in fields]
    setters = {name: getattr(cls, name).__set__ for name in names}
    known: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    lines = "".join(f"    set_{name}(new, obj.{name})\n" for name in names)
    found: dict[str, Any] = {}
    exec(  # noqa: S102 - the names are those of our own classes' fields
        f"def change(obj, changes):\n    new = make(cls)\n{lines}"
        "    for name, value in changes.items():\n"
        "        if name not in setters:\n"
        "            raise TypeError(f'{cls.__name__} has no field {name!r}')\n"
        "        setters[name](new, value)\n"
        "    return new\n",
        known | {"make": cls.__new__, "cls": cls, "setters": setters},
        found,
    )
    change: Change = found["change"]
    return change

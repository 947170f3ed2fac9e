"""How a field is named and shown on the wire. Read by the codec, written beside each field."""

from typing import Any, NewType

import attrs

Time = NewType("Time", float)
"""Epoch seconds; RFC 3339 with whole seconds on the wire (metav1.Time)."""

MicroTime = NewType("MicroTime", float)
"""Epoch seconds; RFC 3339 with microseconds on the wire (metav1.MicroTime)."""

Json = Any
"""A frozen JSON value that the engine carries and does not read."""

IntOrString = int | str
"""A number, or a percentage or name (intstr.IntOrString)."""

_NAME = "wire_name"
_ALWAYS = "wire_always"


def wire(
    name: str = "", *, always: bool = False, default: Any = attrs.NOTHING, factory: Any = None
) -> Any:
    """An attrs field whose wire form is not what the rule would give.

    Args:
        name: the name on the wire; empty for camelCase of the attribute's name.
        always: encode the field even when it holds its default.
        default: as in `attrs.field`.
        factory: as in `attrs.field`.
    """
    metadata = {_NAME: name, _ALWAYS: always}
    if factory is not None:
        return attrs.field(factory=factory, metadata=metadata)
    return attrs.field(default=default, metadata=metadata)


def wire_name(attribute: "attrs.Attribute[Any]") -> str:
    """The name of *attribute* on the wire."""
    given = attribute.metadata.get(_NAME)
    if given:
        return str(given)
    head, *rest = attribute.name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def is_always_encoded(attribute: "attrs.Attribute[Any]") -> bool:
    """Whether *attribute* is encoded even when it holds its default."""
    return bool(attribute.metadata.get(_ALWAYS, False))

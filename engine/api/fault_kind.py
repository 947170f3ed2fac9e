"""What describes a kind of fault: what it hits, and its parameters, which it reads and checks."""

import re
from collections.abc import Mapping
from typing import Literal

import attrs

from engine.api.quantity import parse_int

Hits = Literal["pods", "nodes", "component", "cluster"]
Value = float | int | str | bool

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)?$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@attrs.frozen(kw_only=True)
class Parameter:
    """One setting of a fault.

    *kind* is number, integer, duration (seconds, or text as ``250ms``), bytes (a quantity), text or
    choice. *least* and *most* bound it, both included.
    """

    name: str
    kind: Literal["number", "integer", "duration", "bytes", "text", "choice"]
    default: Value | None = None
    least: float = 0.0
    most: float = float("inf")
    choices: tuple[str, ...] = ()
    help: str = ""

    def read(self, given: object) -> Value:
        """*given* as the fault takes it: seconds, bytes, a number or text.

        Raises:
            ValueError: it is none; the message says what was expected.
        """
        match self.kind:
            case "text":
                if isinstance(given, str):
                    return given
                raise ValueError(f"must be text, not {given!r}")
            case "choice":
                if given not in self.choices:
                    raise ValueError(f"must be one of {', '.join(self.choices)}, not {given!r}")
                return str(given)
        return self._within(self._number(given), given)

    def _number(self, given: object) -> float:
        if self.kind == "duration" and isinstance(given, str):
            found = _DURATION.match(given)
            if found is None:
                raise ValueError(f"must be a time as 250ms, 2s or 1m, not {given!r}")
            return float(found[1]) * _UNITS[found[2] or "s"]
        if self.kind == "bytes" and isinstance(given, str):
            try:
                return parse_int(given)
            except ValueError:
                raise ValueError(f"must be a quantity as 64Mi, not {given!r}") from None
        if isinstance(given, str) and self.kind in ("number", "integer"):
            try:
                given = float(given)
            except ValueError:
                raise ValueError(f"must be a number, not {given!r}") from None
        if isinstance(given, int | float) and not isinstance(given, bool):
            return float(given)
        raise ValueError(f"must be a number, not {given!r}")

    def _within(self, number: float, given: object) -> Value:
        if not self.least <= number <= self.most:
            upper = "" if self.most == float("inf") else f" to {self.most:g}"
            raise ValueError(f"must be {self.least:g}{upper or ' or more'}, not {given!r}")
        if self.kind in ("integer", "bytes"):
            if number != int(number):
                raise ValueError(f"must be a whole number, not {given!r}")
            return int(number)
        return number


@attrs.frozen(kw_only=True)
class FaultKind:
    """One fault of the catalogue.

    *is_lasting* says that it goes on until it is undone; *default_duration* is how long, in
    seconds, when nobody says (None: until it is deleted).
    """

    name: str
    summary: str
    hits: Hits
    parameters: tuple[Parameter, ...] = ()
    is_lasting: bool = True
    default_duration: float | None = None
    needs_target: bool = True

    @property
    def family(self) -> str:
        """The part of the catalogue it is in."""
        return _FAMILIES.get(self.name.partition(".")[0], "control plane")

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((item for item in self.parameters if item.name == name), None)


_FAMILIES = {
    "pod": "pod",
    "container": "pod",
    "probe": "pod",
    "node": "node",
    "kubelet": "node",
    "clock": "node",
    "net": "network",
    "dns": "network",
    "stress": "stress",
    "disk": "stress",
    "image": "image",
    "load": "load",
}


def read_parameters(kind: FaultKind, given: Mapping[str, object]) -> dict[str, Value]:
    """All parameters of *kind* with what is *given*, which must be right; else its default."""
    found: dict[str, Value] = {}
    for parameter in kind.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is not None:
            found[parameter.name] = parameter.read(value)
    return found


def parameter_faults(kind: FaultKind, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with *given*: names of parameters and what was expected of each."""
    wrong = []
    known = [parameter.name for parameter in kind.parameters]
    for name in given:
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            wrong.append((name, f"{kind.name} has no parameter {name!r}; {there}"))
    for parameter in kind.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None:
            if parameter.name not in given and parameter.least > 0:
                wrong.append((parameter.name, f"is required: {parameter.help}"))
            continue
        try:
            parameter.read(value)
        except ValueError as error:
            wrong.append((parameter.name, str(error)))
    return wrong


def setting(name: str, kind: str, default: Value | None, help_: str, **more: object) -> Parameter:
    """A parameter; *help_* says it to people."""
    return Parameter(name=name, kind=kind, default=default, help=help_, **more)  # type: ignore[arg-type]


def kind(name: str, hits: Hits, summary: str, *parameters: Parameter, **more: object) -> FaultKind:
    """A kind of fault."""
    return FaultKind(name=name, summary=summary, hits=hits, parameters=parameters, **more)  # type: ignore[arg-type]

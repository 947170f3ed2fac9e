"""Label and field selectors: parsed once, matched often.

Source: labels.Parse and fields.ParseSelector of k8s.io/apimachinery, kubernetes v1.34.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import attrs

from engine.api.meta import LabelSelector

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"[-A-Za-z0-9_.]*"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*({_VALUE})$")
_COMPARE = re.compile(rf"^({_KEY})\s*([<>])\s*(-?\d+)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")


@attrs.frozen
class Requirement:
    """One condition on one label. *operator* is in, notin, exists, !, gt or lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether *labels* meet this condition."""
        value = labels.get(self.key)
        if self.operator == "in":
            return value is not None and value in self.values
        if self.operator == "notin":
            return value is None or value not in self.values
        if self.operator == "exists":
            return value is not None
        if self.operator == "!":
            return value is None
        if value is None or not re.fullmatch(r"-?\d+", value):
            return False
        limit = int(self.values[0])
        return int(value) > limit if self.operator == "gt" else int(value) < limit


@attrs.frozen
class Selector:
    """Conditions that must all be met. Without any, everything matches."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether *labels* meet all conditions."""
        for requirement in self.requirements:  # noqa: SIM110 - a generator costs twice as much
            if not requirement.matches(labels):
                return False
        return True

    @property
    def is_empty(self) -> bool:
        """Whether everything matches."""
        return not self.requirements


EVERYTHING = Selector()


@lru_cache(maxsize=1024)
def parse_selector(text: str) -> Selector:
    """A label selector as kubectl's ``-l`` takes it: ``app=web,tier in (a, b),!old``.

    Raises:
        ValueError: *text* is not a selector; the message shows the part that is wrong.
    """
    return Selector(tuple(_parse_requirement(part) for part in _split(text)))


@lru_cache(maxsize=4096)
def from_label_selector(selector: LabelSelector | None) -> Selector | None:
    """The conditions of a LabelSelector; None (which selects nothing) stays None.

    Raises:
        ValueError: an operator is unknown.
    """
    if selector is None:
        return None
    found = [Requirement(key, "in", (value,)) for key, value in selector.match_labels.items()]
    for expression in selector.match_expressions:
        operator = _OPERATORS.get(expression.operator)
        if operator is None:
            msg = f'"{expression.operator}" is not a valid label selector operator'
            raise ValueError(msg)
        found.append(Requirement(expression.key, operator, expression.values))
    return Selector(tuple(found))


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether *selector* selects an object with *labels*. None selects nothing."""
    parsed = from_label_selector(selector)
    return parsed is not None and parsed.matches(labels)


def format_selector(selector: LabelSelector | None) -> str:
    """The selector as text, as ``-l`` takes it; ``<none>`` if it is not set."""
    parsed = from_label_selector(selector)
    if parsed is None:
        return "<none>"
    parts = []
    for requirement in parsed.requirements:
        values = ",".join(requirement.values)
        if requirement.operator == "in" and len(requirement.values) == 1:
            parts.append(f"{requirement.key}={values}")
        elif requirement.operator in {"in", "notin"}:
            parts.append(f"{requirement.key} {requirement.operator} ({values})")
        else:
            parts.append(("!" if requirement.operator == "!" else "") + requirement.key)
    return ",".join(parts)


@attrs.frozen
class FieldRequirement:
    """One field by path, equal or not equal to a value."""

    path: str
    value: str
    is_equal: bool = True


@lru_cache(maxsize=1024)
def parse_field_selector(text: str) -> tuple[FieldRequirement, ...]:
    """A field selector: ``spec.nodeName=node-1,status.phase!=Running``.

    Raises:
        ValueError: *text* is not a field selector.
    """
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.match(r"^([\w.\[\]/-]+?)\s*(!=|==|=)\s*(.*)$", part)
        if match is None:
            msg = f"invalid field selector: {part!r} is not a path, = or !=, and a value"
            raise ValueError(msg)
        path, operator, value = match.groups()
        found.append(FieldRequirement(path, value, operator != "!="))
    return tuple(found)


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    if last or parts:
        parts.append(last)
    return parts


def _parse_requirement(part: str) -> Requirement:
    if match := _EXISTS.match(part):
        return Requirement(match[2], "!" if match[1] else "exists")
    if match := _EQUAL.match(part):
        return Requirement(match[1], "notin" if match[2] == "!=" else "in", (match[3],))
    if match := _SET.match(part):
        values = tuple(sorted(value.strip() for value in match[3].split(",")))
        return Requirement(match[1], match[2], values)
    if match := _COMPARE.match(part):
        return Requirement(match[1], "gt" if match[2] == ">" else "lt", (match[3],))
    msg = f"unable to parse requirement: {part!r} is not key=value, key in (…), key or !key"
    raise ValueError(msg)


def selector_text(selector: LabelSelector | None) -> str:
    """A selector as Go prints it."""
    if selector is None:
        return "nil"
    labels = "".join(
        f"{key}: {selector.match_labels[key]}," for key in sorted(selector.match_labels)
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        "MatchExpressions:[]LabelSelectorRequirement{},}"
    )

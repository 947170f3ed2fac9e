"""The JSONPath of printer columns, scale paths and selectable fields.

Source: k8s.io/client-go util/jsonpath, kubernetes v1.34; what may stand in a definition.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

Step = Callable[[Any], Iterator[Any]]

_TOKEN = re.compile(
    r"""
    \.\.(?P<deep>[A-Za-z0-9_\-]+)
  | \.(?P<name>(?:[^.\[\]\\]|\\.)+)
  | \[\s*\?\(\s*@\.?(?P<left>[^=!<>~]*?)\s*(?P<test>==|!=|<=|>=|<|>)\s*(?P<right>[^\]]*?)\s*\)\s*\]
  | \[\s*(?P<quoted>'[^']*'|"[^"]*")\s*\]
  | \[\s*(?P<star>\*)\s*\]
  | \[\s*(?P<slice>-?\d*:-?\d*)\s*\]
  | \[\s*(?P<index>-?\d+)\s*\]
    """,
    re.VERBOSE,
)


class PathError(ValueError):
    """The text is no JSONPath of the kind that definitions may hold."""


def find(value: Any, path: str) -> list[Any]:
    """Everything in *value* that *path* leads to; nothing where it leads nowhere.

    Raises:
        PathError: *path* cannot be read.
    """
    found = [value]
    for step in parse(path):
        found = [part for one in found for part in step(one)]
    return found


def first(value: Any, path: str) -> Any:
    """The first thing that *path* leads to, or None.

    Raises:
        PathError: *path* cannot be read.
    """
    found = find(value, path)
    return found[0] if found else None


def simple_names(path: str) -> tuple[str, ...]:
    """The field names of a path that has nothing but names: ``.spec.replicas``.

    Raises:
        PathError: it has something else.
    """
    names, at = [], 0
    while at < len(path):
        match = _TOKEN.match(path, at)
        if match is None or match["name"] is None or match["name"] == "*":
            raise PathError(path)
        names.append(_unescaped(match["name"]))
        at = match.end()
    if not names:
        raise PathError(path)
    return tuple(names)


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of *path*.

    Raises:
        PathError: it cannot be read.
    """
    steps, at = [], 0
    text = path if path.startswith((".", "[")) else "." + path
    if text == ".":
        return ()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise PathError(f"unrecognized character in {path!r} at {at}")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: "re.Match[str]") -> Step:
    if match["deep"] is not None:
        return lambda value, name=match["deep"]: _deep(value, name)  # type: ignore[misc]
    if match["name"] is not None:
        return _everything if match["name"] == "*" else _named(_unescaped(match["name"]))
    if match["quoted"] is not None:
        return _named(match["quoted"][1:-1])
    if match["star"] is not None:
        return _everything
    if match["index"] is not None:
        return _at(int(match["index"]))
    if match["slice"] is not None:
        low, _, high = match["slice"].partition(":")
        return _between(int(low) if low else None, int(high) if high else None)
    return _filtered(match["left"], match["test"], _literal(match["right"]))


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _named(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _at(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list | tuple) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _between(low: int | None, high: int | None) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list | tuple):
            yield from value[low:high]

    return step


def _everything(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _deep(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict) and name in value:
        yield value[name]
    for part in _everything(value):
        yield from _deep(part, name)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other),
    ">": lambda one, other: bool(one > other),
    "<=": lambda one, other: bool(one <= other),
    ">=": lambda one, other: bool(one >= other),
}


def _filtered(left: str, test: str, right: Any) -> Step:
    path = parse("." + left.lstrip(".")) if left else ()
    compare = _TESTS[test]

    def step(value: Any) -> Iterator[Any]:
        for item in _everything(value):
            found = [item]
            for one in path:
                found = [part for each in found for part in one(each)]
            try:
                if found and compare(found[0], right):
                    yield item
            except TypeError:
                continue

    return step


def _literal(text: str) -> Any:
    if text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError as error:
        raise PathError(f"unrecognized literal {text!r}") from error

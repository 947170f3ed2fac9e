"""Read-only mappings and JSON values, so that API objects can be shared without copying."""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that refuses every change and can be hashed if its values can.

    It is a real dict, so reading costs the same and JSON encoders take it as it is.
    """

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        msg = "a FrozenDict cannot be changed; build a new one"
        raise TypeError(msg)

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict says None; ours never changes
        return hash(frozenset(self.items()))

    def with_items(self, changes: Mapping[K, V]) -> "FrozenDict[K, V]":
        """A copy in which the keys of *changes* have new values."""
        return FrozenDict({**self, **changes})

    def without(self, *keys: K) -> "FrozenDict[K, V]":
        """A copy that lacks *keys*."""
        return FrozenDict({key: value for key, value in self.items() if key not in keys})

    def __copy__(self) -> "FrozenDict[K, V]":
        return self

    def __deepcopy__(self, memo: object) -> "FrozenDict[K, V]":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


EMPTY: FrozenDict[Any, Any] = FrozenDict()
"""The one empty mapping."""


def freeze(value: Any) -> Any:
    """A JSON value with every object a FrozenDict and every array a tuple."""
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, dict):
        return FrozenDict({key: freeze(item) for key, item in value.items()}) if value else EMPTY
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """The same JSON value as ordinary, changeable dicts and lists."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value

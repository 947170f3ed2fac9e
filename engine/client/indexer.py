"""A local cache of one kind's objects, with indexes. It stores references, never copies."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import attrs

from engine.api.meta import ApiObject

T = TypeVar("T", bound=ApiObject)

IndexFunction = Callable[[T], Iterable[str]]


@attrs.define(eq=False, repr=False)
class Indexer(Generic[T]):
    """Objects by key (``namespace/name``) and by any number of named indexes.

    Iteration and index look-ups are in the order in which keys came in, which is the same in
    every run of one seed.
    """

    _objects: dict[str, T] = attrs.field(factory=dict, init=False)
    _functions: dict[str, IndexFunction[T]] = attrs.field(factory=dict, init=False)
    _indexes: dict[str, dict[str, dict[str, T]]] = attrs.field(factory=dict, init=False)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Keep an index *name* under the values that *function* gives for each object."""
        self._functions[name] = function
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            for value in function(obj):
                self._indexes[name].setdefault(value, {})[key] = obj

    def has_index(self, name: str) -> bool:
        """Whether `add_index` was called with *name*."""
        return name in self._functions

    def put(self, obj: T) -> T | None:
        """Store *obj* and return what its key held before."""
        key = obj.key
        old = self._objects.get(key)
        self._objects[key] = obj
        for name, function in self._functions.items():
            index = self._indexes[name]
            new_values = tuple(function(obj))
            if old is not None:
                for value in function(old):
                    if value not in new_values:
                        self._drop(index, value, key)
            for value in new_values:
                index.setdefault(value, {})[key] = obj
        return old

    def remove(self, key: str) -> T | None:
        """Forget *key* and return what it held."""
        old = self._objects.pop(key, None)
        if old is not None:
            for name, function in self._functions.items():
                for value in function(old):
                    self._drop(self._indexes[name], value, key)
        return old

    def get(self, key: str) -> T | None:
        """The object under *key*, or None."""
        return self._objects.get(key)

    def by_index(self, name: str, value: str) -> tuple[T, ...]:
        """All objects for which the index function gave *value*."""
        found = self._indexes[name].get(value)
        return tuple(found.values()) if found else ()

    def count(self, name: str, value: str) -> int:
        """How many objects `by_index` would give."""
        return len(self._indexes[name].get(value, ()))

    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._objects.values()))

    @staticmethod
    def _drop(index: dict[str, dict[str, T]], value: str, key: str) -> None:
        entries = index.get(value)
        if entries is not None:
            entries.pop(key, None)
            if not entries:
                del index[value]

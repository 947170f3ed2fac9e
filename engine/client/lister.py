"""Reading from a cache: what a controller sees of the world, a little behind the store."""

from collections.abc import Iterator
from typing import Generic, TypeVar

import attrs

from engine.api.meta import ApiObject
from engine.api.selectors import Selector
from engine.client.indexer import Indexer

T = TypeVar("T", bound=ApiObject)


@attrs.frozen(eq=False)
class Lister(Generic[T]):
    """Looks objects up in an informer's cache. Never asks the server."""

    _indexer: Indexer[T]

    def get(self, name: str, *, namespace: str = "") -> T | None:
        """The object of that name, or None."""
        return self._indexer.get(f"{namespace}/{name}" if namespace else name)

    def by_key(self, key: str) -> T | None:
        """The object under ``namespace/name``, or None."""
        return self._indexer.get(key)

    def list(
        self, *, namespace: str | None = None, selector: Selector | None = None
    ) -> tuple[T, ...]:
        """All objects, or those of a namespace, or those a selector selects."""
        if namespace is None:
            found: tuple[T, ...] = tuple(self._indexer)
        else:
            found = self._indexer.by_index(NAMESPACE_INDEX, namespace)
        if selector is not None:
            found = tuple(obj for obj in found if selector.matches(obj.metadata.labels))
        return found

    def by_index(self, name: str, value: str) -> tuple[T, ...]:
        """All objects under *value* in the index *name*."""
        return self._indexer.by_index(name, value)

    def __len__(self) -> int:
        return len(self._indexer)

    def __iter__(self) -> Iterator[T]:
        return iter(self._indexer)


NAMESPACE_INDEX = "namespace"
"""The index every informer has."""
